//! Metrics as text: the encoder of prometheus-client, with what the numbers here need of it.

use std::fmt;

use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Unit;

use crate::metrics::{BOUNDS, Label, TimesSum};

/// Writes metrics, each with all of its values at once.
pub(super) struct Text<'e>(pub(super) DescriptorEncoder<'e>);

/// The name of a metric without its unit, and what it says.
pub(super) type Named = (&'static str, &'static str);

/// The labels of a value.
pub(super) type Labels<const N: usize> = [(&'static str, &'static str); N];

impl Text<'_> {
    /// A counter without labels; its name ends with `_total` in the text.
    pub(super) fn counter(&mut self, named: Named, value: u64) -> fmt::Result {
        self.counters(named, [([], value)])
    }

    /// A counter of seconds.
    pub(super) fn counter_of_seconds(&mut self, (name, help): Named, value: f64) -> fmt::Result {
        let unit = Unit::Seconds;
        let mut metric = self.0.encode_descriptor(name, help, Some(&unit), MetricType::Counter)?;
        metric.encode_counter::<NoLabelSet, _, f64>(&value, None)
    }

    /// A counter with labels.
    pub(super) fn counters<const N: usize>(
        &mut self,
        (name, help): Named,
        values: impl IntoIterator<Item = (Labels<N>, u64)>,
    ) -> fmt::Result {
        let mut metric = self.0.encode_descriptor(name, help, None, MetricType::Counter)?;
        each(&mut metric, values, |metric, value| metric.encode_counter::<NoLabelSet, _, u64>(&value, None))
    }

    /// A counter for each value of one label.
    pub(super) fn counters_by<L: Label>(
        &mut self,
        named: Named,
        label: &'static str,
        value: impl Fn(L) -> u64,
    ) -> fmt::Result {
        self.counters(named, L::ALL.iter().map(|of| ([(label, of.name())], value(*of))))
    }

    /// A gauge without labels.
    pub(super) fn gauge(&mut self, named: Named, value: f64) -> fmt::Result {
        self.gauges(named, [([], value)])
    }

    /// A gauge with labels.
    pub(super) fn gauges<const N: usize>(
        &mut self,
        (name, help): Named,
        values: impl IntoIterator<Item = (Labels<N>, f64)>,
    ) -> fmt::Result {
        let mut metric = self.0.encode_descriptor(name, help, None, MetricType::Gauge)?;
        each(&mut metric, values, |metric, value| metric.encode_gauge(&value))
    }

    /// A histogram of seconds.
    pub(super) fn times(&mut self, (name, help): Named, sum: &TimesSum) -> fmt::Result {
        self.times_by((name, help), [([], *sum)])
    }

    /// The same with labels.
    pub(super) fn times_by<const N: usize>(
        &mut self,
        (name, help): Named,
        values: impl IntoIterator<Item = (Labels<N>, TimesSum)>,
    ) -> fmt::Result {
        let unit = Unit::Seconds;
        let mut metric = self.0.encode_descriptor(name, help, Some(&unit), MetricType::Histogram)?;
        each(&mut metric, values, |metric, TimesSum { buckets, seconds }| {
            let bounds = BOUNDS.into_iter().chain([f64::MAX]);
            let buckets: Vec<_> = bounds.zip(buckets).collect();
            let count = buckets.iter().map(|(_, times)| times).sum();
            metric.encode_histogram::<NoLabelSet>(seconds, count, &buckets, None)
        })
    }
}

fn each<V, const N: usize>(
    metric: &mut MetricEncoder<'_>,
    values: impl IntoIterator<Item = (Labels<N>, V)>,
    encode: impl Fn(&mut MetricEncoder<'_>, V) -> fmt::Result,
) -> fmt::Result {
    for (labels, value) in values {
        if N == 0 {
            encode(metric, value)?;
        } else {
            encode(&mut metric.encode_family(&labels)?, value)?;
        }
    }
    Ok(())
}

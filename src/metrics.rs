//! Numbers of what the server does, for its operators: each part counts its own with these, and `admin` reads them.
//!
//! Counting is one relaxed addition. What is counted for each frame belongs to one event loop, which alone writes to it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

pub(crate) use costs::{Costs, Stopwatch};
pub(crate) use metered::Metered;
pub(crate) use recent::{Cost, Recent};
pub(crate) use server::{AcceptError, Failed, Refused, ServerMetrics};
pub(crate) use viewers::{Disobeyed, Kind, Leave, Sent, Transport, ViewerMetrics};

mod costs;
pub(crate) mod metered;
mod recent;
mod server;
mod viewers;

/// A number that only grows.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    /// Adds one.
    pub(crate) fn count(&self) {
        self.add(1);
    }

    pub(crate) fn add(&self, some: u64) {
        self.0.fetch_add(some, Ordering::Relaxed);
    }

    pub(crate) fn value(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// The upper bounds of buckets, in seconds: from what one write takes to what a browser waits for at most.
pub(crate) const BOUNDS: [f64; 16] = [
    0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5,
    10.0,
];

/// How long something takes, each time: how many times are within each of [`BOUNDS`].
#[derive(Debug, Default)]
pub(crate) struct Times {
    /// Not cumulative. The last is of those beyond the bounds.
    buckets: [Counter; BOUNDS.len() + 1],
    nanoseconds: Counter,
}

impl Times {
    /// It took that long.
    pub(crate) fn add(&self, took: Duration) {
        let seconds = took.as_secs_f64();
        let bucket = BOUNDS.iter().position(|bound| seconds <= *bound).unwrap_or(BOUNDS.len());
        self.buckets[bucket].count();
        self.nanoseconds.add(took.as_nanos() as u64);
    }

    /// Adds them to a sum.
    pub(crate) fn add_to(&self, sum: &mut TimesSum) {
        for (sum, bucket) in sum.buckets.iter_mut().zip(&self.buckets) {
            *sum += bucket.value();
        }
        sum.seconds += self.nanoseconds.value() as f64 / 1e9;
    }
}

/// The sum of some [`Times`].
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct TimesSum {
    /// As those of [`Times`].
    pub(crate) buckets: [u64; BOUNDS.len() + 1],
    /// All times together.
    pub(crate) seconds: f64,
}

/// An enumeration whose variants are values of a label: few, and known beforehand.
pub(crate) trait Label: Copy + 'static {
    /// All of them, in order.
    const ALL: &'static [Self];

    /// The value of the label.
    fn name(self) -> &'static str;

    /// Its place among all.
    fn index(self) -> usize;
}

/// Defines an enumeration that is a [`Label`].
macro_rules! labels {
    ($(#[$doc:meta])* $name:ident { $($(#[$of:meta])* $variant:ident = $text:literal),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        pub(crate) enum $name { $($(#[$of])* $variant),* }

        impl $crate::metrics::Label for $name {
            const ALL: &'static [Self] = &[$(Self::$variant),*];

            fn name(self) -> &'static str {
                match self { $(Self::$variant => $text),* }
            }

            fn index(self) -> usize {
                self as usize
            }
        }
    };
}
pub(crate) use labels;

/// A counter for each value of a label, of which there are `N`.
#[derive(Debug)]
pub(crate) struct Counters<const N: usize>([Counter; N]);

impl<const N: usize> Default for Counters<N> {
    fn default() -> Self {
        Self(std::array::from_fn(|_| Counter::default()))
    }
}

impl<const N: usize> Counters<N> {
    /// The counter of one value.
    pub(crate) fn of(&self, label: impl Label) -> &Counter {
        &self.0[label.index()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_in_the_first_bucket_that_holds_it() {
        let (times, mut sum) = (Times::default(), TimesSum::default());
        for micros in [0, 50, 51, 10_000_000, 20_000_000] {
            times.add(Duration::from_micros(micros));
        }
        times.add_to(&mut sum);
        assert_eq!((sum.buckets[0], sum.buckets[1], sum.buckets[15], sum.buckets[16]), (2, 1, 1, 1));
        assert!((sum.seconds - 30.000_101).abs() < 1e-9, "{}", sum.seconds);
    }
}

//! Painting, and the pictures that are kept.

use std::fmt;

use crate::admin::Admin;
use crate::admin::text::Text;
use crate::metrics::{Label, TimesSum};
use crate::painting::PayerKind;

pub(super) fn encode(admin: &Admin, text: &mut Text<'_>) -> fmt::Result {
    let (painter, pictures) = (&admin.app.painter, &admin.app.pictures);
    let each = || PayerKind::ALL.iter().map(|of| ([("for", of.name())], *of));
    let times = |of| {
        let mut sum = TimesSum::default();
        painter.metrics().times(of).add_to(&mut sum);
        sum
    };
    text.times_by(
        ("onlookers_painting", "How long a picture takes to paint, for a site's pages or for a client alone"),
        each().map(|(labels, of)| (labels, times(of))),
    )?;
    text.gauges(
        ("onlookers_painting_queue", "Pictures that wait to be painted"),
        each().map(|(labels, of)| (labels, painter.waiting(of) as f64)),
    )?;
    text.counter(
        ("onlookers_painting_refusals", "Pictures of clients for which there was no time"),
        painter.metrics().refusals.value(),
    )?;
    let found = [("hit", pictures.hits.value()), ("miss", pictures.misses.value())];
    text.counters(
        ("onlookers_picture_cache", "Pictures that were there already (hit) or had to be made (miss)"),
        found.map(|(result, times)| ([("result", result)], times)),
    )
}

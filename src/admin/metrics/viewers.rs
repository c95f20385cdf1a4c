//! Viewers, what they are sent, and what is counted of them.

use std::fmt;

use crate::admin::Admin;
use crate::admin::text::Text;
use crate::metrics::{Disobeyed, Kind, Label, Leave, Sent, TimesSum, Transport, ViewerMetrics};

pub(super) fn encode(admin: &Admin, text: &mut Text<'_>) -> fmt::Result {
    let all: Vec<&ViewerMetrics> = admin.loops.metrics().collect();
    let sum = |of: &dyn Fn(&ViewerMetrics) -> u64| all.iter().map(|one| of(one)).sum::<u64>();
    let shapes = || {
        let kinds = Kind::ALL.iter().flat_map(|kind| Transport::ALL.iter().map(move |by| (*kind, *by)));
        kinds.map(|(kind, by)| ([("kind", kind.name()), ("transport", by.name())], (kind, by)))
    };
    let open = |(kind, by)| all.iter().map(|one| one.viewers(kind, by)).sum::<i64>() as f64;
    text.gauges(
        ("onlookers_viewers", "Open streams and WebSockets"),
        shapes().map(|(labels, shape)| (labels, open(shape))),
    )?;
    text.counters(
        ("onlookers_joins", "Streams and WebSockets that were opened"),
        shapes().map(|(labels, (kind, by))| (labels, sum(&|one| one.joins(kind, by)))),
    )?;
    let leaves = |reason: Leave| sum(&|one| one.leaves.of(reason).value());
    text.counters_by(("onlookers_leaves", "Streams and WebSockets that have ended"), "reason", leaves)?;
    let disobeyed = |reason: Disobeyed| sum(&|one| one.disobeyed.of(reason).value());
    text.counters_by(
        ("onlookers_message_refusals", "Messages of WebSockets that weren't obeyed"),
        "reason",
        disobeyed,
    )?;
    let frames = |sent: Sent| sum(&|one| one.frames.of(sent).value());
    text.counters_by(
        ("onlookers_frames", "Frames, and batches of messages, for one viewer each"),
        "sent",
        frames,
    )?;
    text.counter(
        ("onlookers_sent_bytes", "What viewers were sent, before TLS and the framing of HTTP/2"),
        sum(&|one| one.bytes.value()),
    )?;
    text.counter(
        ("onlookers_frames_skipped", "Updates that a slow viewer wasn't sent: it gets the newest later"),
        sum(&|one| one.skipped.value()),
    )?;
    let mut fanout = TimesSum::default();
    all.iter().for_each(|one| one.fanout.add_to(&mut fanout));
    text.times(("onlookers_fanout", "How long one update takes to all viewers of one event loop"), &fanout)
}

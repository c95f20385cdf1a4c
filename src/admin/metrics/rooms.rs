//! What is counted, and the feeds of it.

use std::fmt;

use crate::admin::Admin;
use crate::admin::text::Text;
use crate::app::Unready;
use crate::metrics::{Label, TimesSum};

pub(super) fn encode(admin: &Admin, text: &mut Text<'_>) -> fmt::Result {
    let app = &admin.app;
    let (counts, (sites, most_sites)) = (app.rooms.totals_here(), app.rooms.open_sites());
    text.gauge(("onlookers_open_pages", "Open pages that are counted here"), counts.tabs as f64)?;
    text.gauge(
        ("onlookers_visitors", "Distinct visitors, where one of two sites is two"),
        counts.visitors as f64,
    )?;
    text.gauge(("onlookers_sites", "Sites with an open page"), sites as f64)?;
    text.gauge(("onlookers_sites_limit", "How many there may be"), most_sites as f64)?;
    text.gauge(
        ("onlookers_rooms", "Sites and pages that somebody has open or looks at"),
        app.rooms.len() as f64,
    )?;
    let [feeds, groups] = app.feeds.counts();
    text.gauges(
        ("onlookers_feeds", "Rooms in one representation each: as pictures or events, or as messages"),
        [("stream", feeds), ("websocket", groups)].map(|(of, some)| ([("of", of)], some as f64)),
    )?;
    text.gauge(
        ("onlookers_places_taken", "Viewers and passed connections, as --max-viewers counts them"),
        app.capacity.viewers() as f64,
    )?;
    text.gauge(("onlookers_places_limit", "How many there may be"), app.capacity.limit() as f64)?;
    let unready = app.unready();
    let reasons = Unready::ALL.iter().map(|it| ([("reason", it.name())], f64::from(unready.contains(it))));
    text.gauges(
        ("onlookers_unready", "1 for each reason why the server isn't ready for more viewers"),
        reasons,
    )?;
    let mut delays = TimesSum::default();
    app.feeds.delays().add_to(&mut delays);
    text.times(
        (
            "onlookers_change_to_frame",
            "How long a change waits until its frame is made and handed to the event loops",
        ),
        &delays,
    )
}

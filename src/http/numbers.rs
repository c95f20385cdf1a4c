//! A room's numbers, as stills and counts show them.

use onlookers_picture::{Style, Value};
use onlookers_rooms::{Counts, RoomName};

use super::App;
use super::query::Query;

/// The numbers now, and at their peak.
#[derive(Clone, Copy)]
pub(super) struct Numbers {
    pub(super) now: Counts,
    pub(super) peak: Counts,
}

impl Numbers {
    /// Of one room. A room that doesn't exist is empty; asking doesn't create it.
    pub(super) fn of(app: &App, room: &RoomName) -> Self {
        let (now, peak) = app.rooms.numbers(room);
        Self { now, peak }
    }

    /// Of all sites together.
    pub(super) fn of_server(app: &App) -> Self {
        let now = app.rooms.totals();
        Self { now, peak: now }
    }

    /// The number that the query asks for, and its peak if the style shows that.
    pub(super) fn value(self, query: &Query<'_>, style: &Style) -> Value {
        let now = self.now.of(query.counting);
        match style.shows_peak() {
            true => Value::Peak { now, peak: self.peak.of(query.counting) },
            false => Value::Count(now),
        }
    }
}

//! What the new process gets besides connections.

use onlookers_rooms::{Counts, DailyKeys, Rooms};
use serde::{Deserialize, Serialize};

use crate::nodes::Lease;

/// The state of the old process that isn't a connection's.
#[derive(Serialize, Deserialize, Debug)]
pub(crate) struct State {
    /// With which visitors are told apart today and tomorrow.
    pub(crate) keys: DailyKeys,
    /// The most that were in each room.
    #[serde(default)]
    pub(crate) peaks: Vec<Peak>,
    /// Under which the old process has counted together with other nodes, if it has. A keeper is told the one that it began with.
    #[serde(default)]
    pub(crate) lease: Option<Lease>,
    /// Whether the old process says next, after it has given everything away, what stays with it.
    #[serde(default)]
    pub(crate) says_what_stays: bool,
}

/// The most that were in a room at once.
#[derive(Serialize, Deserialize, Debug)]
pub(crate) struct Peak {
    room: String,
    tabs: u64,
    visitors: u64,
}

/// The peaks of all rooms that exist.
pub(crate) fn peaks(rooms: &Rooms) -> Vec<Peak> {
    let peak = |(room, Counts { tabs, visitors })| Peak { room: ToString::to_string(&room), tabs, visitors };
    rooms.peaks().into_iter().map(peak).collect()
}

/// Puts peaks into the rooms that exist.
pub(crate) fn raise(rooms: &Rooms, peaks: &[Peak]) {
    for Peak { room, tabs, visitors } in peaks {
        if let Ok(room) = room.parse() {
            rooms.raise_peak(&room, Counts { tabs: *tabs, visitors: *visitors });
        }
    }
}

//! Whether all nodes have what is true, and since when.

use crate::{crowd::Crowd, load::Outcome, truth::RoomIndex};
use std::{
    thread,
    time::{Duration, Instant},
};

/// How long all nodes may take to agree: what is wrong then stays so.
const PATIENCE: Duration = Duration::from_secs(900);

/// From one look to the next.
pub(crate) const LOOK: Duration = Duration::from_millis(1);

/// How many changes are followed at once; the others are not looked at.
const FOLLOWED: usize = 64;

/// Waits until each room on each node is right. Returns how long that took.
pub(crate) fn agree(crowd: &Crowd) -> Outcome<Duration> {
    let started = Instant::now();
    let rooms = crowd.names.len();
    let all = (0..crowd.nodes.len()).flat_map(|node| (0..rooms).map(move |room| (node, room)));
    let mut unsure: Vec<_> = all.collect();
    // One that is right stays so, for nobody comes or goes meanwhile; so each is looked at until it is, one after the other.
    while let Some((node, room)) = unsure.last().copied() {
        if crowd.is_right(node, room) {
            unsure.pop();
        } else if started.elapsed() < PATIENCE {
            thread::sleep(LOOK);
        } else {
            let (name, count) = (&crowd.names[room], crowd.nodes[node].looked_at[room].counts());
            let truth = crowd.truth.counts(room);
            return Err(format!("{name} stays wrong: {truth:?} in truth, {count:?} on node {node}").into());
        }
    }
    Ok(started.elapsed())
}

/// Some of the changes, until the last node has them.
#[derive(Default)]
pub(crate) struct Followed {
    followed: Vec<Change>,
    /// Milliseconds from each change until the last node had it.
    pub(crate) delays: Vec<f64>,
}

struct Change {
    room: RoomIndex,
    since: Instant,
    /// The nodes before this one are right.
    node: usize,
}

impl Followed {
    /// A page has just changed. If an earlier change of it is followed, that one ends with this: the delay is as of the first.
    pub(crate) fn follow(&mut self, room: RoomIndex) {
        if let Some(change) = self.followed.iter_mut().find(|change| change.room == room) {
            change.node = 0;
        } else if self.followed.len() < FOLLOWED {
            self.followed.push(Change { room, since: Instant::now(), node: 0 });
        }
    }

    /// Looks which have reached all nodes.
    pub(crate) fn look(&mut self, crowd: &Crowd) {
        for change in &mut self.followed {
            while change.node < crowd.nodes.len() && crowd.is_right(change.node, change.room) {
                change.node += 1;
            }
        }
        let nodes = crowd.nodes.len();
        for change in self.followed.extract_if(.., |change| change.node == nodes) {
            self.delays.push(crate::load::samples::ms(change.since.elapsed()));
        }
    }
}

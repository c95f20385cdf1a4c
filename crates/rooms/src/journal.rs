//! The rooms that have changed here since others were told, for a process whose counts others add to theirs.

use std::fmt;

use crate::name::{RoomName, Site};
use crate::others::{Report, VisitorKey};
use crate::pages::PageHash;
use crate::rankings::{RankingWatch, Rankings};
use crate::site::SiteRef;
use crate::state::RoomState;
use crate::sync::{Arc, Mutex};

/// How many changes of visitors are remembered by one room; then all its visitors are told.
const MOST_VISITORS: usize = 4096;

/// The rooms that have changed, each once.
pub(crate) struct Journal {
    changed: Mutex<Vec<Changed>>,
    /// Is called when the first one comes, with no lock held.
    wake: Box<dyn Fn() + Send + Sync>,
    /// The rankings that somebody looks at.
    pub(crate) rankings: Arc<Rankings>,
}

/// A site, or a page of it. It is held until somebody has been told.
pub(crate) type Changed = (SiteRef, Option<PageHash>);

/// A change of a room that others have to be told.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LocalChange {
    /// Its name.
    pub room: RoomName,
    /// The counts of this process now: open tabs, those of them without an identified visitor; and the peak of everybody's counts.
    pub counts: Report,
    /// How many identified visitors are here.
    pub known: u64,
    /// The visitors who may have come or gone, each with whether they are here; none if that may be any.
    pub visitors: Option<Vec<(VisitorKey, bool)>>,
    /// Whether somebody looks at the room here, and so has to know what others count in it.
    pub is_looked_at: bool,
    /// Whether nothing is known of the others in it.
    pub is_opened: bool,
}

/// The part of a room's changes that others haven't been told.
#[derive(Debug, Default)]
pub(crate) struct Untold {
    /// The visitors who came or went, in any order.
    visitors: Vec<VisitorKey>,
    /// Whether there were too many of them.
    is_all: bool,
    /// Whether somebody looks at the room who didn't before.
    pub(crate) is_opened: bool,
}

impl LocalChange {
    pub(crate) fn new(room: RoomName, state: &RoomState, untold: Untold) -> Self {
        let (is_looked_at, is_opened) = (state.room.strong_count() > 0, untold.is_opened);
        let here = |visitor| (visitor, state.tally.known().knows(visitor));
        let visitors = untold.into_visitors().map(|visitors| visitors.into_iter().map(here).collect());
        Self {
            room,
            counts: state.counted_here(),
            known: state.tally.known().len() as u64,
            visitors,
            is_looked_at,
            is_opened: is_looked_at && is_opened,
        }
    }
}

impl Untold {
    /// A visitor has come, or gone.
    pub(crate) fn visitor(&mut self, visitor: VisitorKey) {
        if self.visitors.len() < MOST_VISITORS {
            self.visitors.push(visitor);
        } else {
            self.tell_all();
        }
    }

    /// All visitors are to be told.
    pub(crate) fn tell_all(&mut self) {
        (self.visitors, self.is_all) = (Vec::new(), true);
    }

    /// The visitors who came or went, each once; none if it is to be all of them.
    pub(crate) fn into_visitors(mut self) -> Option<Vec<VisitorKey>> {
        self.visitors.sort_unstable();
        self.visitors.dedup();
        (!self.is_all).then_some(self.visitors)
    }
}

impl Journal {
    pub(crate) fn new(wake: Box<dyn Fn() + Send + Sync>) -> Arc<Self> {
        Arc::new(Self { changed: Mutex::default(), wake, rankings: Arc::default() })
    }

    /// Adds rooms that had no untold change. Their sites' locks are not held.
    pub(crate) fn add(&self, rooms: impl IntoIterator<Item = Changed>) {
        let mut rooms = rooms.into_iter().peekable();
        if rooms.peek().is_none() {
            return;
        }
        let mut changed = self.changed.lock();
        let is_first = changed.is_empty();
        changed.extend(rooms);
        drop(changed);
        if is_first {
            (self.wake)();
        }
    }

    /// Somebody looks at a ranking.
    pub(crate) fn watch_ranking(&self, site: &Site) -> RankingWatch {
        let watch = RankingWatch::new(&self.rankings, site);
        (self.wake)();
        watch
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.changed.lock().is_empty()
    }

    /// Takes at most so many.
    pub(crate) fn take(&self, most: usize) -> Vec<Changed> {
        let mut changed = self.changed.lock();
        let most = most.min(changed.len());
        changed.drain(..most).collect()
    }
}

impl fmt::Debug for Journal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} rooms have changed", self.changed.lock().len())
    }
}

//! The rooms that have changed here since others were told, while there are others who add this process' counts to theirs.

use std::fmt;

use crate::name::{RoomName, Site};
use crate::others::{Report, VisitorKey};
use crate::pages::PageHash;
use crate::posts::{Outbox, Post};
use crate::presence::{Presence, PresentId, Told};
use crate::rankings::{RankingWatch, Rankings};
use crate::site::SiteRef;
use crate::state::RoomState;
use crate::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use crate::sync::{Arc, Mutex};

/// How many changes of visitors and presences are remembered by one room; then all of them are told.
const MOST_UNTOLD: usize = 4096;

/// The rooms that have changed, each once.
#[derive(Default)]
pub(crate) struct Journal {
    /// Whether there are others. It is read under a site's lock, and each site is locked once after it was changed: so a change of a
    /// room is told, or everything of the room is told after it.
    is_on: AtomicBool,
    changed: Mutex<Vec<Changed>>,
    /// The rooms that somebody has begun to look at, and that the others haven't been asked about yet.
    opened: Mutex<Vec<Changed>>,
    /// Is called when the first one comes, with none of this package's locks held.
    wake: Mutex<Option<Wake>>,
    /// The rankings that somebody looks at.
    pub(crate) rankings: Arc<Rankings>,
    /// Of how many who are present here others are told.
    pub(crate) told: Arc<AtomicUsize>,
    outbox: Outbox,
}

/// A way to say that there is something to tell.
pub(crate) type Wake = Arc<dyn Fn() + Send + Sync>;

/// A site, or a page of it. It is held until somebody has been told.
pub(crate) type Changed = (SiteRef, Option<PageHash>);

/// A change of a room that others have to be told.
#[derive(Clone, PartialEq, Debug)]
pub struct LocalChange {
    /// Its name.
    pub room: RoomName,
    /// The counts of this process now: open tabs, those of them without an identified visitor; and the peak of everybody's counts.
    pub counts: Report,
    /// How many identified visitors are here.
    pub known: u64,
    /// The visitors who may have come or gone, each with whether they are here; none if that may be any.
    pub visitors: Option<Vec<(VisitorKey, bool)>>,
    /// The presences that may have changed, each as it is now; any may have if `visitors` is none.
    pub present: Vec<(PresentId, Option<Presence>)>,
    /// Of how many who are present others are told.
    pub told: usize,
    /// Whether somebody looks at the room here, and so has to know what others count in it.
    pub is_looked_at: bool,
}

/// The part of a room's changes that others haven't been told.
#[derive(Debug, Default)]
pub(crate) struct Untold {
    /// The visitors who came or went, in any order.
    visitors: Vec<VisitorKey>,
    /// The presences that changed, likewise.
    present: Vec<PresentId>,
    /// Whether there were too many of them.
    is_all: bool,
}

impl LocalChange {
    pub(crate) fn new(room: RoomName, state: &RoomState, untold: Untold) -> Self {
        let here = |visitor| (visitor, state.tally.known().knows(visitor));
        let (visitors, present) = untold.into_all().unzip();
        let visitors = visitors.map(|visitors: Vec<_>| visitors.into_iter().map(here).collect());
        let present = present.into_iter().flatten().map(|id| (id, state.presence(id))).collect();
        Self {
            room,
            counts: state.counted_here(),
            known: state.tally.known().len() as u64,
            visitors,
            present,
            told: state.told().map_or(0, Told::len),
            is_looked_at: state.room.strong_count() > 0,
        }
    }
}

impl Untold {
    /// A visitor has come, or gone.
    pub(crate) fn visitor(&mut self, visitor: VisitorKey) {
        if !self.is_all {
            self.visitors.push(visitor);
            self.bound();
        }
    }

    /// One who is present has come, moved, or gone.
    pub(crate) fn present(&mut self, id: PresentId) {
        if !self.is_all {
            self.present.push(id);
            self.bound();
        }
    }

    fn bound(&mut self) {
        if self.visitors.len() + self.present.len() <= MOST_UNTOLD {
            return;
        }
        // The same few may have moved again and again.
        self.present.sort_unstable();
        self.present.dedup();
        if self.visitors.len() + self.present.len() > MOST_UNTOLD / 2 {
            self.tell_all();
        }
    }

    /// All visitors, and all who are present, are to be told.
    pub(crate) fn tell_all(&mut self) {
        (self.visitors, self.present, self.is_all) = (Vec::new(), Vec::new(), true);
    }

    /// The visitors who came or went, and those who are present or were, each once; none if it is to be all of them.
    fn into_all(mut self) -> Option<(Vec<VisitorKey>, Vec<PresentId>)> {
        self.visitors.sort_unstable();
        self.visitors.dedup();
        self.present.sort_unstable();
        self.present.dedup();
        (!self.is_all).then_some((self.visitors, self.present))
    }
}

impl Journal {
    /// Whether there are others.
    pub(crate) fn is_on(&self) -> bool {
        self.is_on.load(Ordering::Relaxed)
    }

    /// There are others from now on.
    pub(crate) fn begin(&self, wake: Wake) {
        let before = self.wake.lock().replace(wake);
        drop(before);
        self.is_on.store(true, Ordering::SeqCst);
    }

    /// There are no others any more. Changes may still come from threads that have begun before.
    pub(crate) fn end(&self) {
        self.is_on.store(false, Ordering::SeqCst);
    }

    /// Forgets what is to be told, when no more comes.
    pub(crate) fn forget(&self) {
        let changed = std::mem::take(&mut *self.changed.lock());
        let wake = self.wake.lock().take();
        // They lock their sites as they go.
        drop((changed, self.take_opened(), wake));
        self.outbox.take(usize::MAX);
        self.rankings.forget();
    }

    /// There is something to tell.
    pub(crate) fn wake(&self) {
        let wake = self.wake.lock().clone();
        wake.inspect(|wake| wake());
    }

    /// Adds rooms that had no untold change. Their sites' locks are not held.
    pub(crate) fn add(&self, rooms: impl IntoIterator<Item = Changed>) {
        let mut rooms = rooms.into_iter().peekable();
        if rooms.peek().is_some() {
            self.push(&self.changed, rooms);
        }
    }

    /// Somebody looks at a room for which others weren't asked. Its site's lock is not held.
    pub(crate) fn open(&self, room: Changed) {
        self.push(&self.opened, [room]);
    }

    fn push(&self, to: &Mutex<Vec<Changed>>, rooms: impl IntoIterator<Item = Changed>) {
        // They lock their sites as they go, if nobody is to be told any more.
        let rooms: Vec<_> = rooms.into_iter().collect();
        let mut list = to.lock();
        if !self.is_on() {
            return drop((list, rooms));
        }
        let is_first = list.is_empty();
        list.extend(rooms);
        drop(list);
        if is_first {
            self.wake();
        }
    }

    /// Takes all of those.
    pub(crate) fn take_opened(&self) -> Vec<Changed> {
        std::mem::take(&mut self.opened.lock())
    }

    /// Somebody looks at a ranking.
    pub(crate) fn watch_ranking(&self, site: &Site) -> RankingWatch {
        let watch = RankingWatch::new(&self.rankings, site);
        self.wake();
        watch
    }

    /// Has something said to others about a room.
    pub(crate) fn post(&self, room: RoomName, post: Post) {
        if self.is_on() && self.outbox.push(room, post) {
            self.wake();
        }
    }

    /// Takes what is to be said, of at most so many bytes.
    pub(crate) fn take_posts(&self, most: usize) -> Vec<(RoomName, Post)> {
        self.outbox.take(most)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.changed.lock().is_empty() && self.outbox.is_empty()
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

//! The counts of a site: as a whole, and page by page.

use crate::journal::Journal;
use crate::limits::{LimitReached, Limits};
use crate::name::{Page, Site};
use crate::pages::{PageHash, Pages};
use crate::registry::Entry;
use crate::room::{Room, RoomRef};
use crate::state::RoomState;
use crate::sync::{Arc, Mutex, MutexGuard, Weak};
use crate::tally::Identity;
use crate::totals::Totals;
use crate::visitor::Visitor;

mod presence;
mod sharing;

/// A site that somebody holds, because they are counted in it or look at it or at one of its pages.
pub(crate) type SiteRef = Arc<Entry<Site, SiteCounts>>;

/// The counts of a site and of its pages. One lock holds both, so they change in one moment.
///
/// Under the lock run only this package's changes of numbers and tables, and copies of what readers ask for: no observer or
/// other code of a caller, no hashing, and no drop of a [`RoomRef`], which would lock again. None of it panics unless its
/// arithmetic is wrong; then the lock is taken over as it is, because a wrong number is better than a site that nobody can
/// leave.
#[derive(Debug)]
pub(crate) struct SiteCounts {
    totals: Arc<Totals>,
    /// Where others are told of changes, while there are any.
    journal: Arc<Journal>,
    state: Mutex<SiteState>,
}

#[derive(Debug, Default)]
pub(crate) struct SiteState {
    whole: RoomState,
    pub(crate) pages: Pages,
}

impl SiteCounts {
    pub(crate) fn new(totals: Arc<Totals>, journal: Arc<Journal>) -> Self {
        Self { totals, journal, state: Mutex::default() }
    }

    /// Counts a tab in a page, or in the site alone, and says as whose.
    ///
    /// # Errors
    /// [`LimitReached`], if there would be one room too many.
    pub(crate) fn join(
        this: &SiteRef,
        page: Option<(PageHash, &Page)>,
        visitor: Option<&Visitor>,
        limits: &Limits,
    ) -> Result<Identity, LimitReached> {
        let mut state = this.lock();
        let hash = page.map(|(hash, _)| hash);
        state.reserve(hash, limits, &this.totals)?;
        state.open(page);
        let identity = state.whole.identify(visitor);
        Self::change(this, state, hash, |room| room.add(identity));
        Ok(identity)
    }

    /// Counts a tab that another process has counted as that one's, whatever the limits are: it is in.
    pub(crate) fn rejoin(this: &SiteRef, page: Option<(PageHash, &Page)>, identity: Identity) {
        let mut state = this.lock();
        if state.whole.tally.tabs() == 0 {
            this.totals.reopen_site();
        }
        state.open(page);
        Self::change(this, state, page.map(|(hash, _)| hash), |room| room.add(identity));
    }

    /// Counts a tab as that of another visitor, and says as whose. Nobody sees it gone meanwhile.
    pub(crate) fn change_identity(
        this: &SiteRef,
        page: Option<PageHash>,
        from: Identity,
        visitor: Option<&Visitor>,
    ) -> Identity {
        // The site comes first and identifies the visitor; the page takes the same identity.
        let mut to = None;
        Self::change(this, this.lock(), page, |room| {
            to = Some(room.change_identity(from, |room| to.unwrap_or_else(|| room.identify(visitor))));
        });
        to.unwrap_or(from)
    }

    /// A tab closes.
    pub(crate) fn leave(this: &SiteRef, page: Option<PageHash>, identity: Identity) {
        Self::change(this, this.lock(), page, |room| room.remove(identity));
    }

    /// Changes the counts of the site and then of the page, releases the lock, and notifies the observers of both.
    fn change(
        this: &SiteRef,
        mut state: MutexGuard<'_, SiteState>,
        page: Option<PageHash>,
        mut change: impl FnMut(&mut RoomState),
    ) {
        let untold = this.has_others().then(|| state.note_change(page));
        let SiteState { whole, pages } = &mut *state;
        let before = whole.tally.counts();
        change(whole);
        let page = page.and_then(|hash| pages.change(hash, change));
        // The atomic steps come last: before them, the processor can wait for the memory of both at once.
        let rooms = [page, whole.room.upgrade()];
        this.totals.change(before, whole.tally.counts());
        notify(state, rooms);
        this.tell(untold.into_iter().flatten().flatten().map(|room| (Arc::clone(this), room)));
    }

    /// Changes what is known of a room besides its counts, says whether anything has changed, and notifies the observers if
    /// so. Nothing is known of a page that doesn't exist.
    pub(crate) fn change_state(
        &self,
        page: Option<PageHash>,
        change: impl FnOnce(&mut RoomState) -> bool,
    ) -> bool {
        let mut state = self.lock();
        let Some(room) = state.state_mut(page) else { return false };
        let has_changed = change(room);
        if has_changed {
            let room = room.room.upgrade();
            notify(state, [room]);
        }
        has_changed
    }

    /// Nobody looks at `room` any more, which is about to go.
    pub(crate) fn close(this: &SiteRef, page: Option<PageHash>, room: &Room) {
        let mut state = this.lock();
        let is_first = match state.state_mut(page) {
            // Another may have been opened meanwhile.
            Some(state) if std::ptr::eq(state.room.as_ptr(), room) => {
                state.room = Weak::new();
                state.close();
                this.has_others() && state.untold().1
            }
            _ => return,
        };
        page.inspect(|hash| state.pages.remove_if_idle(*hash));
        drop(state);
        this.tell(is_first.then(|| (Arc::clone(this), page)));
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, SiteState> {
        self.state.lock()
    }
}

/// Releases the lock, and then notifies the observers of those rooms.
fn notify<const ROOMS: usize>(state: MutexGuard<'_, SiteState>, rooms: [Option<RoomRef>; ROOMS]) {
    drop(state);
    rooms.iter().flatten().for_each(|room| room.notify());
}

impl SiteState {
    /// Takes up a place for one more tab in `page`: the page may be one too many, and so may the site.
    fn reserve(&self, page: Option<PageHash>, limits: &Limits, totals: &Totals) -> Result<(), LimitReached> {
        let is_new = page.is_some_and(|hash| !self.pages.is_open(hash));
        if is_new && self.pages.open_pages() >= limits.pages_per_site {
            return Err(LimitReached::Pages);
        }
        if self.whole.tally.tabs() > 0 { Ok(()) } else { totals.open_site(limits.sites) }
    }

    /// The state of a page, or of the whole site; none of a page that doesn't exist.
    pub(crate) fn state(&self, page: Option<PageHash>) -> Option<&RoomState> {
        page.map_or(Some(&self.whole), |hash| self.pages.find(hash))
    }

    /// As [`state`](Self::state), to be changed.
    pub(crate) fn state_mut(&mut self, page: Option<PageHash>) -> Option<&mut RoomState> {
        match page {
            None => Some(&mut self.whole),
            Some(hash) => self.pages.find_mut(hash),
        }
    }

    /// The state of a page, which exists from now on, or of the whole site.
    pub(crate) fn open(&mut self, page: Option<(PageHash, &Page)>) -> &mut RoomState {
        match page {
            None => &mut self.whole,
            Some((hash, name)) => self.pages.open(hash, name),
        }
    }
}

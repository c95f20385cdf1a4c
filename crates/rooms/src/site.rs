//! What is counted of a site: as a whole, and page by page.

use super::limits::{LimitReached, Limits};
use super::name::Site;
use super::page::Page;
use super::pages::{PageId, Pages};
use super::readers::Position;
use super::state::RoomState;
use super::tally::Identity;
use super::totals::Totals;
use super::visitor::Visitor;
use super::{Room, RoomRef};
use crate::registry::Entry;
use crate::sync::{Arc, Mutex, MutexGuard, Weak};

/// A site that somebody holds: who is in it, who looks at it, or at one of its pages.
pub(super) type SiteRef = Arc<Entry<Site, SiteCounts>>;

/// The counts of a site and of its pages, under one lock: they change in one moment.
#[derive(Debug)]
pub(super) struct SiteCounts {
    totals: Arc<Totals>,
    counted: Mutex<SiteState>,
}

#[derive(Debug, Default)]
pub(super) struct SiteState {
    whole: RoomState,
    pub(super) pages: Pages,
}

impl SiteCounts {
    pub(super) fn new(totals: Arc<Totals>) -> Self {
        Self { totals, counted: Mutex::default() }
    }

    /// Counts a newcomer in a page, or in the site alone, and says as whom.
    ///
    /// # Errors
    /// [`LimitReached`], if it would be one room too many.
    pub(super) fn enter(
        &self,
        page: Option<(PageId, &Page)>,
        visitor: Option<&Visitor>,
        limits: &Limits,
    ) -> Result<Identity, LimitReached> {
        let mut counted = self.lock();
        // Both are seldom in the processor's cache: the place for the visitor is fetched while the page is found.
        visitor.inspect(|visitor| counted.whole.tally.expect(visitor));
        let id = page.map(|(id, _)| id);
        counted.check(id, limits, &self.totals)?;
        page.inspect(|(id, name)| counted.pages.open(*id, name));
        let who = counted.whole.tally.identify(visitor);
        self.change(counted, id, |state| state.add(who));
        Ok(who)
    }

    /// Counts one who is here as somebody else, and says as whom. Nobody sees them gone meanwhile.
    pub(super) fn turn(&self, page: Option<PageId>, who: Identity, visitor: Option<&Visitor>) -> Identity {
        // The site, which comes first, knows them or doesn't; they are the same to the page.
        let mut into = None;
        self.change(self.lock(), page, |state| {
            into = Some(state.turn(who, |tally| into.unwrap_or_else(|| tally.identify(visitor))));
        });
        into.unwrap_or(who)
    }

    /// Somebody goes.
    pub(super) fn leave(&self, page: Option<PageId>, who: Identity) {
        let counted = self.lock();
        // The page is fetched while the site looks for the visitor.
        page.inspect(|id| counted.pages.expect(*id));
        self.change(counted, page, |state| state.remove(who));
    }

    /// Changes the site's counts and then the page's, lets others look at both, and those who watch know of it.
    fn change(
        &self,
        mut counted: MutexGuard<'_, SiteState>,
        page: Option<PageId>,
        mut change: impl FnMut(&mut RoomState),
    ) {
        let SiteState { whole, pages } = &mut *counted;
        let before = whole.tally.counts();
        change(whole);
        self.totals.change(before, whole.tally.counts());
        let rooms = [whole.room.upgrade(), page.and_then(|id| pages.change(id, change))];
        notify(counted, rooms);
    }

    /// Changes what is known of a room besides its counts, and says whether anything has changed: if so, those who watch
    /// know of it. Nothing is known of a page that nobody is in or looks at.
    pub(super) fn change_state(
        &self,
        page: Option<PageId>,
        change: impl FnOnce(&mut RoomState) -> bool,
    ) -> bool {
        let mut counted = self.lock();
        let Some(state) = counted.state_mut(page) else { return false };
        let has_changed = change(state);
        let room = state.room.upgrade().filter(|_| has_changed);
        notify(counted, [room]);
        has_changed
    }

    /// Notes that a visitor of a room has come as far down its page as this. False if they aren't there.
    pub(super) fn reach(&self, page: Option<PageId>, visitor: &Visitor, position: Position) -> bool {
        self.change_state(page, |state| state.reach(visitor, position))
    }

    /// Nobody looks at a room any more through that one, which is about to go.
    pub(super) fn close(&self, page: Option<PageId>, room: &Room) {
        let mut counted = self.lock();
        match counted.state_mut(page) {
            // Another may have been opened meanwhile.
            Some(state) if std::ptr::eq(state.room.as_ptr(), room) => state.room = Weak::new(),
            _ => return,
        }
        page.inspect(|id| counted.pages.forget_if_idle(*id));
    }

    /// A panic under the lock would be in the arithmetic alone, which has none.
    pub(super) fn lock(&self) -> MutexGuard<'_, SiteState> {
        self.counted.lock()
    }
}

/// Lets others look at what has changed, and then those who watch these rooms know of it.
fn notify<const ROOMS: usize>(counted: MutexGuard<'_, SiteState>, rooms: [Option<RoomRef>; ROOMS]) {
    drop(counted);
    rooms.iter().flatten().for_each(|room| room.notify());
}

impl SiteState {
    /// Whether one more may come to `page`, which may be one too many, as the site may.
    fn check(&self, page: Option<PageId>, limits: &Limits, totals: &Totals) -> Result<(), LimitReached> {
        let is_new = page.is_some_and(|id| !self.pages.is_open(id));
        if is_new && self.pages.open_pages() >= limits.pages_per_site {
            return Err(LimitReached::Pages);
        }
        if self.whole.tally.tabs() > 0 {
            return Ok(());
        }
        totals.open_site(limits.sites)
    }

    /// What is known of a page, or of the site as a whole; nothing of a page that nobody is in or looks at.
    pub(super) fn state(&self, page: Option<PageId>) -> Option<&RoomState> {
        page.map_or(Some(&self.whole), |id| self.pages.get(id))
    }

    pub(super) fn state_mut(&mut self, page: Option<PageId>) -> Option<&mut RoomState> {
        match page {
            None => Some(&mut self.whole),
            Some(id) => self.pages.get_mut(id),
        }
    }

    /// The same, where somebody is going to look.
    pub(super) fn look_at(&mut self, page: Option<PageId>) -> &mut RoomState {
        match page {
            None => &mut self.whole,
            Some(id) => self.pages.look_at(id),
        }
    }
}

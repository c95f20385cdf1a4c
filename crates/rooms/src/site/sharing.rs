//! What a site tells others of itself, and what it knows of them.

use super::{SiteCounts, SiteRef, SiteState};
use crate::journal::{Changed, LocalChange};
use crate::name::{Page, RoomName, Site};
use crate::pages::PageHash;
use crate::posts::Post;
use crate::rankings::RankingWatch;
use crate::room::{Room, RoomRef};
use crate::state::RoomState;
use crate::sync::Arc;
use crate::tally::Counts;

impl SiteCounts {
    /// Looking at the ranking of this site's pages.
    pub(crate) fn watch_ranking(&self, site: &Site) -> RankingWatch {
        self.journal.watch_ranking(site)
    }

    /// The pages with most tabs here and where others count, at most `rows`, and how many they have.
    pub(crate) fn top(&self, site: &Site, rows: usize) -> Vec<(Page, u64)> {
        let here = |rows| self.lock().pages.top(rows);
        let together = || self.journal.rankings.top(site, rows, || here(usize::MAX));
        self.has_others().then(together).flatten().unwrap_or_else(|| here(rows))
    }

    /// Has others told of changes. No lock is held.
    pub(super) fn tell(&self, changed: impl IntoIterator<Item = Changed>) {
        self.journal.add(changed);
    }

    /// Has others asked what they count in a room. No lock is held.
    fn ask(&self, opened: Option<Changed>) {
        opened.into_iter().for_each(|room| self.journal.open(room));
    }

    /// Whether there are others who could count.
    pub(crate) fn has_others(&self) -> bool {
        self.journal.is_on()
    }

    /// Has something said to others about a room, if there are any.
    pub(crate) fn post(&self, room: RoomName, post: Post) {
        self.journal.post(room, post);
    }

    /// The room of a page, or of the whole site, to be looked at; it exists from now on.
    pub(crate) fn open(this: &SiteRef, page: Option<(PageHash, &Page)>) -> RoomRef {
        let mut state = this.lock();
        let (room, is_opened) = look_at(this, page, state.open(page));
        drop(state);
        this.ask(is_opened.then(|| (Arc::clone(this), page.map(|(hash, _)| hash))));
        room
    }

    /// The same, if the page exists.
    pub(crate) fn find(this: &SiteRef, page: Option<(PageHash, &Page)>) -> Option<RoomRef> {
        let mut state = this.lock();
        let hash = page.map(|(hash, _)| hash);
        let (room, is_opened) = look_at(this, page, state.state_mut(hash)?);
        drop(state);
        this.ask(is_opened.then(|| (Arc::clone(this), hash)));
        Some(room)
    }

    /// The name of a room, if it exists.
    pub(crate) fn name(this: &SiteRef, page: Option<PageHash>) -> Option<RoomName> {
        name(this, &this.lock(), page)
    }

    /// The peaks of all rooms of the site.
    pub(crate) fn peaks(this: &SiteRef) -> Vec<(RoomName, Counts)> {
        let state = this.lock();
        let all = [None].into_iter().chain(state.pages.hashes().into_iter().map(Some));
        all.filter_map(|page| Some((name(this, &state, page)?, state.state(page)?.peak))).collect()
    }

    /// What hasn't been told of a room; it counts as told from now on.
    pub(crate) fn take_change(this: &SiteRef, page: Option<PageHash>) -> Option<LocalChange> {
        let mut state = this.lock();
        let name = name(this, &state, page)?;
        let room = state.state_mut(page)?;
        let change = room.take_untold().map(|untold| LocalChange::new(name, room, untold));
        page.inspect(|hash| state.pages.remove_if_idle(*hash));
        change
    }

    /// The name of a room that somebody looks at, if others are still to be asked for it; they count as asked from now on.
    pub(crate) fn take_opened(this: &SiteRef, page: Option<PageHash>) -> Option<RoomName> {
        let mut state = this.lock();
        state.state_mut(page)?.take_opened().then(|| name(this, &state, page))?
    }

    /// Has everything told anew that is counted or looked at here.
    pub(crate) fn tell_all(this: &SiteRef) {
        let mut state = this.lock();
        let changed: Vec<_> = state.all().filter(|page| state.tell_all_of(*page)).collect();
        drop(state);
        this.tell(changed.into_iter().map(|page| (Arc::clone(this), page)));
    }

    /// Has others asked about everything that is looked at here.
    pub(crate) fn ask_all(this: &SiteRef) {
        let mut state = this.lock();
        let opened: Vec<_> = state.all().filter(|page| state.ask(*page)).collect();
        drop(state);
        opened.into_iter().for_each(|page| this.journal.open((Arc::clone(this), page)));
    }

    /// There are no others any more: forgets what they count, and what they were to be told.
    pub(crate) fn forget_others(&self) {
        let mut state = self.lock();
        let changed: Vec<_> = state.all().filter_map(|page| state.forget_others(page)).collect();
        drop(state);
        changed.iter().for_each(|room| room.notify());
    }

    /// Has everything of a room told anew.
    pub(crate) fn tell_all_of(this: &SiteRef, page: Option<PageHash>) {
        let is_first = this.lock().tell_all_of(page);
        this.tell(is_first.then(|| (Arc::clone(this), page)));
    }

    /// Changes what is known of others in a room that somebody looks at, and notifies the observers if that was a change.
    pub(crate) fn change_others(&self, page: Option<PageHash>, change: impl FnOnce(&mut RoomState) -> bool) {
        self.change_state(page, |room| room.room.strong_count() > 0 && change(room));
    }
}

/// The room, and whether others have to be asked what they count in it, which isn't noted already.
fn look_at(site: &SiteRef, page: Option<(PageHash, &Page)>, state: &mut RoomState) -> (RoomRef, bool) {
    let (room, is_new) = Room::of(site, page, state);
    let is_opened = is_new && site.has_others() && state.open();
    (room, is_opened)
}

fn name(site: &SiteRef, state: &SiteState, page: Option<PageHash>) -> Option<RoomName> {
    Some(match page {
        None => RoomName::site(site.key().clone()),
        Some(hash) => RoomName::page(site.key().clone(), state.pages.name(hash)?.clone()),
    })
}

impl SiteState {
    /// Notes that the site and a page of it are about to change. Returns those of which there was nothing to tell before.
    pub(super) fn note_change(&mut self, page: Option<PageHash>) -> [Option<Option<PageHash>>; 2] {
        let mut first = |page| self.state_mut(page).is_some_and(|room| room.untold().1).then_some(page);
        [first(None), page.and_then(|page| first(Some(page)))]
    }

    /// The site, and all of its pages.
    fn all(&self) -> impl Iterator<Item = Option<PageHash>> + use<> {
        [None].into_iter().chain(self.pages.hashes().into_iter().map(Some))
    }

    /// Others are to be asked about a room if somebody looks at it. Returns whether that is new.
    fn ask(&mut self, page: Option<PageHash>) -> bool {
        self.state_mut(page).is_some_and(|room| room.room.strong_count() > 0 && room.open())
    }

    /// There are no others any more who count in a room. Returns it if that changes what is seen there.
    fn forget_others(&mut self, page: Option<PageHash>) -> Option<RoomRef> {
        let room = self.state_mut(page)?;
        let changed = if room.stop_sharing() { room.room.upgrade() } else { None };
        page.inspect(|hash| self.pages.remove_if_idle(*hash));
        changed
    }

    /// All of a room is to be told. Returns whether there was nothing to tell before.
    fn tell_all_of(&mut self, page: Option<PageHash>) -> bool {
        let Some(room) = self.state_mut(page) else { return false };
        let (untold, is_first) = room.untold();
        untold.tell_all();
        is_first
    }
}

//! A room that somebody looks at.

use crate::name::{Page, RoomName, Site};
use crate::observers::{Observer, Observers};
use crate::pages::PageHash;
use crate::position::Position;
use crate::posts::{Inbox, Post};
use crate::presence::Presence;
use crate::rankings::RankingWatch;
use crate::readers::{Reader, Readers, ViewerId};
use crate::site::{SiteCounts, SiteRef};
use crate::state::RoomState;
use crate::sync::{Arc, Mutex, Weak};
use crate::tally::Counts;

/// A room that somebody looks at; dropping the last reference removes it.
pub type RoomRef = Arc<Room>;

/// A page or a whole site that somebody looks at: its counts, and a way to be told of their changes.
///
/// Being counted needs none of it: the counts belong to the site.
#[derive(Debug)]
pub struct Room {
    site: SiteRef,
    page: Option<(PageHash, Page)>,
    observers: Mutex<Observers>,
    inbox: Inbox,
}

impl Room {
    /// The room of a page, or of a whole site, with that state. All that look at it share one.
    /// The flag says whether nobody did until now.
    pub(crate) fn of(
        site: &SiteRef,
        page: Option<(PageHash, &Page)>,
        state: &mut RoomState,
    ) -> (RoomRef, bool) {
        if let Some(room) = state.room.upgrade() {
            return (room, false);
        }
        let page = page.map(|(hash, page)| (hash, page.clone()));
        let room = Arc::new(Self {
            site: Arc::clone(site),
            page,
            observers: Mutex::default(),
            inbox: Inbox::default(),
        });
        state.room = Arc::downgrade(&room);
        (room, true)
    }

    /// Its name.
    pub fn name(&self) -> RoomName {
        let site = self.site().clone();
        match &self.page {
            Some((_, page)) => RoomName::page(site, page.clone()),
            None => RoomName::site(site),
        }
    }

    /// The site that it is, or is in.
    pub fn site(&self) -> &Site {
        self.site.key()
    }

    /// How many are here now, and where others count. Both numbers are of the same moment.
    pub fn counts(&self) -> Counts {
        self.look(RoomState::counts)
    }

    /// Whether it is known what others count in it.
    pub fn knows_others(&self) -> bool {
        self.look(RoomState::knows_others)
    }

    /// The most that were here at once for as long as the room has existed, each number by itself.
    pub fn peak(&self) -> Counts {
        self.look(|state| state.peak)
    }

    /// The pages of a whole site with most open tabs, at most `rows`, and how many tabs each has; none for a page. Where others
    /// count is taken in while somebody [watches](Self::watch_ranking) it.
    pub fn top(&self, rows: usize) -> Vec<(Page, u64)> {
        if self.page.is_some() { Vec::new() } else { self.site.top(self.site(), rows) }
    }

    /// Looking at the ranking, for as long as it is held.
    pub fn watch_ranking(&self) -> RankingWatch {
        self.site.watch_ranking(self.site())
    }

    /// The known positions of readers, in no order.
    pub fn positions(&self) -> Vec<Position> {
        self.look(RoomState::positions)
    }

    /// The readers whose position was updated last, at most `most`, newest first; those where others count, too.
    pub fn readers(&self, most: usize) -> Vec<(ViewerId, Reader)> {
        self.readers_anywhere(most).into_iter().map(|(id, reader, _)| (id, reader)).collect()
    }

    /// The same, each with whether they are here.
    pub fn readers_anywhere(&self, most: usize) -> Vec<(ViewerId, Reader, bool)> {
        self.look(|state| state.readers(most))
    }

    /// One of the readers.
    pub fn reader(&self, id: ViewerId) -> Option<Reader> {
        self.look(|state| state.reader(id).cloned())
    }

    /// A viewer's coming is announced here: others are told, too, until the viewer [disappears](Self::disappear).
    pub fn appear(&self, id: ViewerId) {
        SiteCounts::appear(&self.site, self.page_hash(), id);
    }

    /// The viewer has gone.
    pub fn disappear(&self, id: ViewerId) {
        SiteCounts::disappear(&self.site, self.page_hash(), id);
    }

    /// The viewers who are present where others count, each with when their position was updated last, if it is known.
    pub fn viewers_elsewhere(&self) -> Vec<(ViewerId, Option<u64>)> {
        let updated = |presence: &Presence| presence.reader().map(|reader| reader.updated_at);
        self.look(|state| state.viewers_elsewhere().map(|(id, presence)| (id, updated(presence))).collect())
    }

    /// A number that changes whenever one of them comes, moves or goes; 0 while others aren't known.
    pub fn presence_elsewhere(&self) -> u64 {
        self.look(RoomState::presence_elsewhere)
    }

    /// Whether there are others who could count.
    pub fn has_others(&self) -> bool {
        self.site.has_others()
    }

    /// From now on what viewers say where others count is kept until it is [taken](Self::take_messages).
    pub fn open_inbox(&self) {
        self.inbox.open();
    }

    /// It isn't kept any more, unless somebody else has opened the inbox, too.
    pub fn close_inbox(&self) {
        self.inbox.close();
    }

    /// Takes what viewers have said where others count, each with who did.
    pub fn take_messages(&self) -> Vec<(ViewerId, String)> {
        self.inbox.take()
    }

    /// Whether there is nothing to take.
    pub fn has_no_messages(&self) -> bool {
        self.inbox.is_empty()
    }

    /// A viewer who is here says something to those where others count. It may be lost.
    pub fn post(&self, from: ViewerId, text: &str) {
        if self.site.has_others() {
            self.site.post(self.name(), Post::Message { from, text: text.to_owned() });
        }
    }

    /// Tells `observer` of each change from now on, for as long as somebody holds it. A change before this call isn't told.
    pub fn observe(&self, observer: Weak<dyn Observer>) {
        self.observers.lock().add(observer);
    }

    /// Tells the observers of a change. No lock is held meanwhile.
    pub(crate) fn notify(&self) {
        let observers = self.observers.lock().current();
        observers.into_iter().for_each(Observer::on_change);
    }

    pub(crate) fn change_reader(&self, id: ViewerId, change: impl FnOnce(&mut Readers)) {
        SiteCounts::change_reader(&self.site, self.page_hash(), id, change);
    }

    pub(crate) fn remove_reader(&self, id: ViewerId) {
        SiteCounts::remove_reader(&self.site, self.page_hash(), id);
    }

    pub(crate) fn deliver(&self, from: ViewerId, text: String) {
        self.inbox.push(from, text);
        self.notify();
    }

    fn page_hash(&self) -> Option<PageHash> {
        self.page.as_ref().map(|(hash, _)| *hash)
    }

    fn look<R: Default>(&self, look: impl FnOnce(&RoomState) -> R) -> R {
        self.site.lock().state(self.page_hash()).map(look).unwrap_or_default()
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        SiteCounts::close(&self.site, self.page_hash(), self);
    }
}

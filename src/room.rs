//! Rooms: those who share a count. A room exists while somebody is in it or looks at it.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

pub use name::{RoomName, Site, SiteError};
pub use page::{Page, PageError, PageQuery};
pub use tally::{Counting, Counts};
pub use visitor::{Keys, Visitor};

use crate::registry::{Held, Registry};
use ranking::{Arrival, Ranking};
use tally::{Tally, Who};
use totals::Totals;

pub(crate) mod name;
mod page;
mod ranking;
mod tally;
mod totals;
mod visitor;

/// A room that somebody holds; the last holder to go takes it along.
pub type RoomRef = Arc<Held<RoomName, Room>>;

/// All rooms that exist.
#[derive(Debug)]
pub struct Rooms {
    rooms: Arc<Registry<RoomName, Room>>,
    limits: Limits,
    totals: Arc<Totals>,
}

/// How many rooms there may be. Who is in is never put out for a newcomer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Sites with somebody in them.
    pub sites: usize,
    /// Pages of one site with somebody in them.
    pub pages_per_site: usize,
}

/// Why there is no room for a newcomer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NoRoom {
    /// There are as many sites as there may be.
    Sites,
    /// The site has as many pages as it may have.
    Pages,
}

/// Counts, and a way to hear of their changes.
#[derive(Debug, Default)]
pub struct Room {
    /// Nothing for a whole site.
    page: Option<OfSite>,
    state: Mutex<State>,
    changed: Notify,
}

/// Which page of which site a room is.
#[derive(Debug)]
struct OfSite {
    page: Page,
    arrival: Arrival,
    site: RoomRef,
}

#[derive(Debug, Default)]
struct State {
    tally: Tally,
    peak: Counts,
    /// Of a whole site: its pages.
    ranking: Ranking,
}

/// Being counted: making it joins the room, dropping it leaves. Nothing else changes a count, so a panic, a cancelled
/// task or a lost socket can't leave a ghost.
#[derive(Debug)]
#[must_use = "dropping it leaves the room"]
pub struct Presence {
    room: RoomRef,
    who: Who,
    totals: Arc<Totals>,
}

impl Default for Limits {
    fn default() -> Self {
        Self { sites: 100_000, pages_per_site: 10_000 }
    }
}

impl Rooms {
    /// No rooms yet.
    pub fn new(limits: Limits) -> Self {
        Self { rooms: Registry::new(), limits, totals: Arc::default() }
    }

    /// Joins the room of that name, which comes into being with its first visitor. One who isn't to be told apart
    /// (`None`) counts as a visitor of their own.
    ///
    /// # Errors
    /// [`NoRoom`], if it would be one room too many.
    pub fn join(&self, name: &RoomName, visitor: Option<&Visitor>) -> Result<Presence, NoRoom> {
        let room = self.open(name);
        let who = room.enter(visitor, &self.limits, &self.totals)?;
        Ok(Presence { room, who, totals: Arc::clone(&self.totals) })
    }

    /// Holds a room without being counted in it.
    pub fn open(&self, name: &RoomName) -> RoomRef {
        let Some((page, whole)) = name.as_page().zip(name.whole_site()) else {
            return self.rooms.open(name, Room::default);
        };
        self.find(name).unwrap_or_else(|| {
            let site = self.rooms.open(&whole, Room::default);
            let arrival = site.lock().ranking.arrive();
            let page = OfSite { page: page.clone(), arrival, site };
            self.rooms.open(name, || Room { page: Some(page), ..Room::default() })
        })
    }

    /// The room, if it exists: asking for it doesn't bring it into being.
    pub fn find(&self, name: &RoomName) -> Option<RoomRef> {
        self.rooms.find(name)
    }

    /// How many are in all rooms together; a visitor of two sites is two.
    pub fn everyone(&self) -> Counts {
        self.totals.counts()
    }

    /// How many rooms exist.
    pub fn len(&self) -> usize {
        self.rooms.len()
    }

    /// Whether nobody is here at all.
    pub fn is_empty(&self) -> bool {
        self.rooms.is_empty()
    }
}

impl Room {
    /// How many are here now. Both numbers are of the same moment.
    pub fn counts(&self) -> Counts {
        self.lock().tally.counts()
    }

    /// The most that were here at once since the room came into being, each number by itself.
    pub fn peak(&self) -> Counts {
        self.lock().peak
    }

    /// The pages of a whole site that most have open, at most so many, with how many have; none for a page.
    pub fn top(&self, rows: usize) -> Vec<(Page, u64)> {
        self.lock().ranking.top(rows)
    }

    /// Waits until `differs` is true, which is asked now and after each change. Changes in between may pass unseen, the
    /// last one never does.
    pub async fn changed(&self, differs: impl Fn(&Self) -> bool) {
        loop {
            let mut changed = std::pin::pin!(self.changed.notified());
            // Listening begins before the look, so that no change falls between the two.
            changed.as_mut().enable();
            if differs(self) {
                return;
            }
            changed.await;
        }
    }

    fn enter(&self, visitor: Option<&Visitor>, limits: &Limits, totals: &Totals) -> Result<Who, NoRoom> {
        let whole = self.whole_site();
        // The site's lock is always the first of the two, so both are of one moment, and nobody waits in a circle.
        let mut site = whole.lock();
        site.check(self.page.is_some() && self.is_empty(), limits, totals)?;
        let who = site.tally.recognise(visitor);
        let before = site.tally.counts();
        site.add(who);
        totals.came(before, site.tally.counts());
        if let Some(OfSite { page, arrival, .. }) = &self.page {
            let now = self.tell(|page| page.add(who));
            site.ranking.change(*arrival, page, now - 1, now);
        }
        drop(site);
        whole.changed.notify_waiters();
        Ok(who)
    }

    fn leave(&self, who: Who, totals: &Totals) {
        let whole = self.whole_site();
        let mut site = whole.lock();
        let before = site.tally.counts();
        site.tally.remove(who);
        totals.went(before, site.tally.counts());
        if let Some(OfSite { page, arrival, .. }) = &self.page {
            let now = self.tell(|page| page.tally.remove(who));
            site.ranking.change(*arrival, page, now + 1, now);
        }
        drop(site);
        whole.changed.notify_waiters();
    }

    /// Changes a page's state, tells those who listen, and returns how many have the page open now.
    fn tell(&self, change: impl FnOnce(&mut State)) -> u64 {
        let mut state = self.lock();
        change(&mut state);
        let now = state.tally.counts().pages;
        drop(state);
        self.changed.notify_waiters();
        now
    }

    /// The site that this room is a page of, or is.
    fn whole_site(&self) -> &Self {
        self.page.as_ref().map_or(self, |page| &page.site)
    }

    fn is_empty(&self) -> bool {
        self.counts().pages == 0
    }

    /// A panic under the lock would be in the arithmetic alone, which has none.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Whether one more may come in: to a page that is new, or to a site that is.
    fn check(&self, new_page: bool, limits: &Limits, totals: &Totals) -> Result<(), NoRoom> {
        if new_page && self.ranking.len() >= limits.pages_per_site {
            return Err(NoRoom::Pages);
        }
        if self.tally.counts().pages > 0 {
            return Ok(());
        }
        totals.open_site(limits.sites)
    }

    fn add(&mut self, who: Who) {
        self.tally.add(who);
        let Counts { pages, visitors } = self.tally.counts();
        self.peak = Counts { pages: self.peak.pages.max(pages), visitors: self.peak.visitors.max(visitors) };
    }
}

impl Presence {
    /// The room it counts in.
    pub fn room(&self) -> &RoomRef {
        &self.room
    }
}

impl Drop for Presence {
    fn drop(&mut self) {
        self.room.leave(self.who, &self.totals);
    }
}

impl fmt::Display for NoRoom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sites => "too many sites",
            Self::Pages => "too many pages of one site",
        })
    }
}

impl std::error::Error for NoRoom {}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::{HashMap, HashSet};

    fn site(name: &str) -> RoomName {
        RoomName::site(name.parse().unwrap())
    }

    fn page(name: &str, path: &str) -> RoomName {
        RoomName::page(name.parse().unwrap(), Page::new(path, PageQuery::Drop).unwrap())
    }

    fn visitor(number: u8, days: (bool, bool)) -> Visitor {
        let mark = |day: u8| [day, number, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        match days {
            (false, _) => Visitor { today: mark(1), before: None },
            (true, _) => Visitor { today: mark(2), before: Some(mark(1)) },
        }
    }

    #[test]
    fn rooms_come_and_go_with_their_presences() {
        let rooms = Rooms::new(Limits::default());
        let one = rooms.join(&site("example.com"), None).unwrap();
        let other = rooms.join(&site("example.com"), None).unwrap();
        assert_eq!((one.room().counts().pages, rooms.len()), (2, 1));
        drop(one);
        assert_eq!(other.room().counts().pages, 1);
        drop(other);
        assert!(rooms.is_empty());
        assert_eq!(rooms.everyone(), Counts::default());
    }

    #[test]
    fn a_site_is_the_sum_of_its_pages() {
        let rooms = Rooms::new(Limits::default());
        let front = rooms.join(&page("example.com", "/"), None).unwrap();
        let _posts = [(), ()].map(|()| rooms.join(&page("example.com", "/posts"), None).unwrap());
        let whole = rooms.open(&site("example.com"));
        assert_eq!((front.room().counts().pages, whole.counts().pages), (1, 3));
        let names: Vec<_> = whole.top(9).into_iter().map(|(page, count)| (page.to_string(), count)).collect();
        assert_eq!(names, [("/posts".to_owned(), 2), ("/".to_owned(), 1)]);
    }

    #[test]
    fn a_visitor_with_three_tabs_is_one_also_over_midnight() {
        let rooms = Rooms::new(Limits::default());
        let yesterday = visitor(7, (false, false));
        let today = visitor(7, (true, false));
        let join =
            |path: &str, visitor: &Visitor| rooms.join(&page("example.com", path), Some(visitor)).unwrap();
        let (first, second, third) = (join("/a", &yesterday), join("/b", &today), join("/b", &today));
        let whole = rooms.open(&site("example.com"));
        assert_eq!(whole.counts(), Counts { pages: 3, visitors: 1 });
        assert_eq!(second.room().counts(), Counts { pages: 2, visitors: 1 });
        drop((first, second));
        assert_eq!(whole.counts(), Counts { pages: 1, visitors: 1 });
        drop(third);
        assert_eq!(whole.counts(), Counts::default());
    }

    #[test]
    fn one_room_too_many_is_refused_and_leaves_nothing() {
        let rooms = Rooms::new(Limits { sites: 1, pages_per_site: 1 });
        let inside = rooms.join(&page("a.example", "/"), None).unwrap();
        assert_eq!(rooms.join(&page("a.example", "/b"), None).unwrap_err(), NoRoom::Pages);
        assert_eq!(rooms.join(&page("b.example", "/"), None).unwrap_err(), NoRoom::Sites);
        assert!(rooms.join(&page("a.example", "/"), None).is_ok());
        assert_eq!((rooms.len(), inside.room().counts().pages), (2, 1));
        drop(inside);
        assert!(rooms.is_empty() && rooms.join(&page("b.example", "/"), None).is_ok());
    }

    #[test]
    fn a_room_that_is_looked_at_stays() {
        let rooms = Rooms::new(Limits::default());
        let looked_at = rooms.open(&site("example.com"));
        drop(rooms.join(&site("example.com"), None));
        assert_eq!((looked_at.counts().pages, rooms.len()), (0, 1));
        assert!(rooms.find(&site("example.org")).is_none());
    }

    #[test]
    fn a_panic_leaves_no_ghost() {
        let rooms = Rooms::new(Limits::default());
        let looked_at = rooms.open(&site("example.com"));
        let presence = rooms.join(&site("example.com"), None);
        let panicked = std::thread::spawn(move || {
            let _presence = presence;
            std::panic::resume_unwind(Box::new("on purpose"));
        })
        .join();
        assert!(panicked.is_err());
        assert_eq!(looked_at.counts(), Counts::default());
    }

    #[tokio::test]
    async fn a_change_is_heard_even_if_it_came_before_the_listening() {
        let rooms = Rooms::new(Limits::default());
        let presence = rooms.join(&page("example.com", "/"), None).unwrap();
        let (room, whole) = (Arc::clone(presence.room()), rooms.open(&site("example.com")));
        room.changed(|room| room.counts().pages == 1).await;
        let leaving = tokio::spawn(async move { drop(presence) });
        room.changed(|room| room.counts().pages == 0).await;
        whole.changed(|room| room.counts().visitors == 0).await;
        assert_eq!(whole.counts(), Counts::default());
        leaving.await.unwrap();
    }

    #[derive(Clone, Debug)]
    enum Step {
        Join { page: u8, visitor: Option<u8> },
        Leave(usize),
        Navigate { which: usize, page: u8 },
        Crash(usize),
        Midnight,
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            4 => (0..6_u8, prop::option::of(0..4_u8)).prop_map(|(page, visitor)| Step::Join { page, visitor }),
            2 => any::<usize>().prop_map(Step::Leave),
            2 => (any::<usize>(), 0..6_u8).prop_map(|(which, page)| Step::Navigate { which, page }),
            1 => any::<usize>().prop_map(Step::Crash),
            1 => Just(Step::Midnight),
        ]
    }

    /// What the counts must be: everyone who is there, by page and, if they may be told apart, by who they are.
    struct Model<'a> {
        rooms: &'a Rooms,
        midnights: u8,
        present: Vec<(u8, Option<u8>, Presence)>,
    }

    impl Model<'_> {
        /// Two sites of three pages each.
        fn name(page_number: u8) -> RoomName {
            page(if page_number < 3 { "a.example" } else { "b.example" }, &format!("/{page_number}"))
        }

        fn join(&mut self, page: u8, number: Option<u8>) {
            // Whoever is in keeps being known for one midnight; the model asks no more than that.
            let visitor = number.map(|number| visitor(number, (self.midnights == 1, false)));
            let presence = self.rooms.join(&Self::name(page), visitor.as_ref()).unwrap();
            self.present.push((page, number, presence));
        }

        fn take(&mut self, step: Step) {
            let some = self.present.len();
            match step {
                Step::Join { page, visitor } => self.join(page, visitor),
                Step::Midnight => self.midnights = 1,
                _ if some == 0 => {}
                Step::Leave(which) => drop(self.present.swap_remove(which % some)),
                Step::Navigate { which, page } => {
                    let (_, visitor, presence) = self.present.swap_remove(which % some);
                    drop(presence);
                    self.join(page, visitor);
                }
                Step::Crash(which) => {
                    let (_, _, presence) = self.present.swap_remove(which % some);
                    let crash = std::panic::AssertUnwindSafe(move || {
                        let _presence = presence;
                        std::panic::resume_unwind(Box::new("on purpose"));
                    });
                    assert!(std::panic::catch_unwind(crash).is_err());
                }
            }
        }

        fn expected(&self, in_room: impl Fn(u8) -> bool) -> Counts {
            let here: Vec<_> = self.present.iter().filter(|(page, ..)| in_room(*page)).collect();
            let known: HashSet<_> = here.iter().filter_map(|(_, visitor, _)| *visitor).collect();
            let apart = here.iter().filter(|(_, visitor, _)| visitor.is_none()).count();
            Counts { pages: here.len() as u64, visitors: (known.len() + apart) as u64 }
        }
    }

    proptest! {
        #[test]
        fn counts_equal_the_model(steps in prop::collection::vec(step(), 0..200)) {
            let rooms = Rooms::new(Limits::default());
            let mut model = Model { rooms: &rooms, midnights: 0, present: Vec::new() };
            for step in steps {
                model.take(step);
                let mut occupied: HashMap<&str, HashSet<u8>> = HashMap::new();
                for number in 0..6_u8 {
                    let found = rooms.find(&Model::name(number)).map(|room| room.counts()).unwrap_or_default();
                    prop_assert_eq!(found, model.expected(|page| page == number));
                    let name = if number < 3 { "a.example" } else { "b.example" };
                    if found.pages > 0 {
                        occupied.entry(name).or_default().insert(number);
                    }
                }
                for (name, pages) in [("a.example", 0..3_u8), ("b.example", 3..6)] {
                    let whole = rooms.find(&site(name));
                    let found = whole.as_ref().map(|room| room.counts()).unwrap_or_default();
                    prop_assert_eq!(found, model.expected(|page| pages.contains(&page)));
                    let ranked = whole.map_or(0, |room| room.top(99).len());
                    prop_assert_eq!(ranked, occupied.get(name).map_or(0, HashSet::len));
                }
                let (a, b) = (model.expected(|page| page < 3), model.expected(|page| page >= 3));
                let everyone = Counts { pages: a.pages + b.pages, visitors: a.visitors + b.visitors };
                prop_assert_eq!(rooms.everyone(), everyone);
                prop_assert_eq!(rooms.len(), occupied.values().map(|pages| pages.len() + 1).sum::<usize>());
            }
        }
    }
}

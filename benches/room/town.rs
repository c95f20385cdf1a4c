//! Very many rooms of one viewer each, and guests who come and go.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use onlookers_rooms::{CountGuard, Keys, Limits, Page, PageQuery, RoomName, Rooms, Site, Visitor};

/// Each has as many pages as any other.
const SITES: u32 = 200;

/// So many come at once, and then as many go: they are timed together, for a clock takes as long as one of them.
const PARTY: usize = 64;

/// Where guests go.
#[derive(Clone, Copy)]
pub(crate) enum Pages {
    /// To pages that somebody has open.
    Open,
    /// To pages that nobody has open: a room comes into being and goes with each.
    New,
}

/// What is timed.
#[derive(Clone, Copy)]
pub(crate) enum Moment {
    Join,
    Leave,
}

/// Who lives there, and who is there for a while.
pub(crate) struct Town {
    rooms: Rooms,
    keys: Keys,
    people: Vec<CountGuard>,
    guests: VecDeque<CountGuard>,
    /// How many guests there ever were.
    came: u32,
}

impl Town {
    pub(crate) fn new() -> Self {
        let limits = Limits { sites: usize::MAX, pages_per_site: usize::MAX };
        let keys = Keys::new().expect("randomness");
        Self { rooms: Rooms::new(limits), keys, people: Vec::new(), guests: VecDeque::new(), came: 0 }
    }

    /// Has that many people live here, each on a page of their own.
    pub(crate) fn grow_to(&mut self, people: usize) {
        while self.people.len() < people {
            let number = self.people.len() as u32;
            self.people.push(self.join(&self.request(number, number)));
        }
    }

    /// Has a tenth as many guests come as people live here: when one of them goes, it is long ago that they came, and
    /// nothing of theirs is in the processor's cache any more.
    pub(crate) fn welcome_guests(&mut self, pages: Pages) {
        self.guests.clear();
        while self.guests.len() < self.people.len() / 10 {
            self.party(pages);
        }
    }

    /// How long it takes for `times` to come or to go, one by one.
    pub(crate) fn time(&mut self, times: u64, pages: Pages, moment: Moment) -> Duration {
        let parties = times.div_ceil(PARTY as u64);
        let took: Duration = (0..parties).map(|_| self.turn(pages, moment)).sum();
        took.mul_f64(times as f64 / (parties * PARTY as u64) as f64)
    }

    /// Some come, and those who came first go.
    fn turn(&mut self, pages: Pages, moment: Moment) -> Duration {
        let joined = self.party(pages);
        let leaving: Vec<CountGuard> = self.guests.drain(..PARTY).collect();
        let started = Instant::now();
        drop(leaving);
        match moment {
            Moment::Join => joined,
            Moment::Leave => started.elapsed(),
        }
    }

    /// Some come. What they ask for was parsed just before, as with a request.
    fn party(&mut self, pages: Pages) -> Duration {
        let requests: Vec<_> = (0..PARTY).map(|_| self.next_request(pages)).collect();
        self.guests.reserve(PARTY);
        let started = Instant::now();
        for request in &requests {
            let guest = self.join(request);
            self.guests.push_back(guest);
        }
        started.elapsed()
    }

    fn next_request(&mut self, pages: Pages) -> (RoomName, Visitor) {
        self.came = self.came.wrapping_add(1);
        let people = self.people.len() as u32;
        let page = match pages {
            // Far from the last (2^32 divided by the golden ratio).
            Pages::Open => self.came.wrapping_mul(2_654_435_769) % people,
            Pages::New => people.wrapping_add(self.came),
        };
        self.request(page, !self.came)
    }

    fn request(&self, page: u32, visitor: u32) -> (RoomName, Visitor) {
        let site: Site = format!("site-{}.example", page % SITES).parse().expect("a site's name");
        let page = Page::new(&format!("/posts/{}", page / SITES), PageQuery::Drop).expect("a page's name");
        let visitor = self.keys.visitor(&site, IpAddr::V4(visitor.into()), b"Mozilla/5.0");
        (RoomName::page(site, page), visitor)
    }

    fn join(&self, (name, visitor): &(RoomName, Visitor)) -> CountGuard {
        self.rooms.join(name, Some(visitor)).expect("room for one more")
    }
}

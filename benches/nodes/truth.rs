//! What is counted in each room in truth, over all nodes.

use crate::args::Size;
use onlookers_rooms::Counts;

/// A page or a site by its place in [`names`](crate::node::names).
pub(crate) type RoomIndex = usize;

pub(crate) struct Truth {
    counts: Vec<Counts>,
    /// How many tabs each address has open. Each belongs to one page.
    open: Vec<u16>,
    sites: usize,
    pages: usize,
    is_anonymous: bool,
}

impl Truth {
    /// Nobody, of so many addresses.
    pub(crate) fn new(size: &Size, addresses: usize) -> Self {
        let (sites, pages) = (size.sites(), size.pages());
        let counts = vec![Counts::default(); sites + sites * pages];
        Self { counts, open: vec![0; addresses], sites, pages, is_anonymous: size.anonymous }
    }

    pub(crate) fn counts(&self, room: RoomIndex) -> Counts {
        self.counts[room]
    }

    pub(crate) fn join(&mut self, page: RoomIndex, address: usize) {
        let open = &mut self.open[address];
        *open += 1;
        let is_new = *open == 1 || self.is_anonymous;
        for room in self.rooms_of(page) {
            self.counts[room].tabs += 1;
            self.counts[room].visitors += u64::from(is_new);
        }
    }

    pub(crate) fn leave(&mut self, page: RoomIndex, address: usize) {
        let open = &mut self.open[address];
        *open -= 1;
        let is_gone = *open == 0 || self.is_anonymous;
        for room in self.rooms_of(page) {
            self.counts[room].tabs -= 1;
            self.counts[room].visitors -= u64::from(is_gone);
        }
    }

    /// A page and its site.
    fn rooms_of(&self, page: RoomIndex) -> [RoomIndex; 2] {
        [page, (page - self.sites) / self.pages]
    }
}

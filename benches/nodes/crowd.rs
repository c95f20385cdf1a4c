//! The viewers of all nodes, who come and go at random.

use crate::{
    args::Size,
    load::Outcome,
    node::Node,
    truth::{RoomIndex, Truth},
};
use onlookers_rooms::{CountGuard, RoomName};
use std::net::{IpAddr, Ipv4Addr};

pub(crate) struct Crowd {
    pub(crate) nodes: Vec<Node>,
    pub(crate) names: Vec<RoomName>,
    pub(crate) truth: Truth,
    /// Those of each node.
    viewers: Vec<Vec<Viewer>>,
    /// How many addresses each page has: twice as many as tabs, so that about a fifth of the tabs are of a visitor who has
    /// another, mostly on another node.
    addresses: usize,
    sites: usize,
    is_anonymous: bool,
    random: u64,
}

struct Viewer {
    page: u32,
    address: u32,
    _guard: CountGuard,
}

impl Crowd {
    pub(crate) fn new(size: &Size, nodes: Vec<Node>, names: Vec<RoomName>) -> Self {
        let (sites, pages) = (size.sites(), size.sites() * size.pages());
        let addresses = (2 * size.nodes * size.viewers).div_ceil(pages);
        Self {
            viewers: nodes.iter().map(|_| Vec::with_capacity(size.viewers + size.viewers / 8)).collect(),
            nodes,
            names,
            truth: Truth::new(size, addresses * pages),
            addresses,
            sites,
            is_anonymous: size.anonymous,
            random: 88_172_645_463_325_252,
        }
    }

    /// Somebody comes to a page of one of the nodes.
    pub(crate) fn join(&mut self, node: usize) -> Outcome<RoomIndex> {
        let page = self.sites + self.below(self.names.len() - self.sites);
        let address = (page - self.sites) * self.addresses + self.below(self.addresses);
        let (name, at) = (&self.names[page], &self.nodes[node]);
        let ip = IpAddr::V4(Ipv4Addr::from(address as u32));
        let visitor = (!self.is_anonymous).then(|| at.keys.visitor(name.of_site(), ip, b"Mozilla/5.0"));
        let guard = at.rooms.join(name, visitor.as_ref())?;
        self.truth.join(page, address);
        self.viewers[node].push(Viewer { page: page as u32, address: address as u32, _guard: guard });
        Ok(page)
    }

    /// Somebody comes or goes somewhere. In the long run there are as many as before. Returns the page.
    pub(crate) fn change(&mut self, number: u64) -> Outcome<RoomIndex> {
        let node = self.below(self.nodes.len());
        let viewers = self.viewers[node].len();
        if number.is_multiple_of(2) || viewers == 0 {
            return self.join(node);
        }
        let leaving = self.below(viewers);
        let viewer = self.viewers[node].swap_remove(leaving);
        let page = viewer.page as usize;
        self.truth.leave(page, viewer.address as usize);
        Ok(page)
    }

    /// The last node dies, with its viewers.
    pub(crate) fn kill(&mut self) {
        let (node, viewers) = (self.nodes.pop(), self.viewers.pop());
        node.into_iter().for_each(Node::kill);
        for viewer in viewers.into_iter().flatten() {
            self.truth.leave(viewer.page as usize, viewer.address as usize);
        }
    }

    pub(crate) fn is_right(&self, node: usize, room: RoomIndex) -> bool {
        self.nodes[node].looked_at[room].counts() == self.truth.counts(room)
    }

    /// By Marsaglia's generator (xorshift64): the same on each run.
    fn below(&mut self, limit: usize) -> usize {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        ((u128::from(self.random) * limit as u128) >> 64) as usize
    }
}

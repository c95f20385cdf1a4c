//! The client at the other end of a viewer's stream: known so that a deny list can be applied to those who are in.

use std::net::IpAddr;

use onlookers_rooms::registry::{Entry, Registry};
use onlookers_rooms::sync::Arc;

/// The longest part of a `User-Agent` that is kept, in bytes.
const MAX_AGENT: usize = 512;

/// The agents of all viewers, each kept once.
#[derive(Debug)]
pub(crate) struct Agents(Arc<Registry<Box<[u8]>, ()>>);

/// A client: the visitor's address, not a proxy's, and its `User-Agent`.
#[derive(Debug)]
pub(crate) struct Remote {
    address: IpAddr,
    agent: Arc<Entry<Box<[u8]>, ()>>,
}

impl Agents {
    pub(crate) fn new() -> Self {
        Self(Registry::new())
    }

    /// The client with that address and `User-Agent`.
    pub(crate) fn remote(&self, address: IpAddr, agent: &[u8]) -> Remote {
        let agent = &agent[..agent.len().min(MAX_AGENT)];
        Remote { address, agent: self.0.open(&agent, || (agent.into(), ())) }
    }
}

impl Remote {
    pub(crate) fn address(&self) -> IpAddr {
        self.address
    }

    pub(crate) fn agent(&self) -> &[u8] {
        self.agent.key()
    }
}

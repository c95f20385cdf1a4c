//! The client at the other end of a viewer's stream: known so that a deny list can be applied to those who are in.

use std::net::IpAddr;

use onlookers_rooms::registry::{Entry, Registry};
use onlookers_rooms::sync::Arc;

/// The longest part of a `User-Agent` that is kept, in bytes.
const MAX_AGENT: usize = 512;

/// The agents of all viewers, each kept once.
#[derive(Debug)]
pub(crate) struct Agents(Arc<Registry<Agent, ()>>);

/// What shows the counter: a browser or an app.
#[derive(Debug)]
struct Agent {
    /// Its `User-Agent`.
    text: Box<[u8]>,
    /// The scheme of the app, if it is one.
    app: Option<Box<str>>,
}

/// A client: the visitor's address, not a proxy's, and its agent.
#[derive(Debug)]
pub(crate) struct Remote {
    address: IpAddr,
    agent: Arc<Entry<Agent, ()>>,
}

impl Agents {
    pub(crate) fn new() -> Self {
        Self(Registry::new())
    }

    /// The client with that address and `User-Agent`, and the scheme of its pages if it is an app.
    pub(crate) fn remote(&self, address: IpAddr, agent: &[u8], app: Option<&str>) -> Remote {
        let text = &agent[..agent.len().min(MAX_AGENT)];
        let agent = || Agent { text: text.into(), app: app.map(Into::into) };
        Remote { address, agent: self.0.open(&(text, app), || (agent(), ())) }
    }
}

impl Remote {
    pub(crate) fn address(&self) -> IpAddr {
        self.address
    }

    pub(crate) fn agent(&self) -> &[u8] {
        &self.agent.key().text
    }

    pub(crate) fn app(&self) -> Option<&str> {
        self.agent.key().app.as_deref()
    }
}

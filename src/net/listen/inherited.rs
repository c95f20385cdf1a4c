//! Listening sockets of the process before this one: they stay open over an upgrade, so that no connection is refused meanwhile.

use std::os::fd::OwnedFd;

use socket2::Socket;

/// Sockets by what they were opened for. Those that nobody takes are closed.
#[derive(Debug, Default)]
pub(crate) struct Inherited(Vec<(String, OwnedFd)>);

impl Inherited {
    pub(crate) fn new(sockets: Vec<(String, OwnedFd)>) -> Self {
        Self(sockets)
    }

    /// The first socket of that name, or all of them.
    pub(super) fn take(&mut self, name: &str, all: bool) -> Vec<Socket> {
        let most = if all { usize::MAX } else { 1 };
        let found = self.0.extract_if(.., |(other, _)| other == name).take(most);
        found.map(|(_, socket)| socket.into()).collect()
    }
}

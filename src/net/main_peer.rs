//! Finds a peer that sends most requests: a proxy that nobody has named, whose visitors all count as one client.

use std::net::IpAddr;

use onlookers_rooms::sync::Mutex;

/// How many requests are looked at together.
const WINDOW: u32 = 1000;

/// The peer that most requests come from, if there is one.
#[derive(Debug, Default)]
pub(crate) struct MainPeer(Mutex<State>);

/// In each window, the majority vote of Boyer and Moore (1981) finds the only peer that may have sent more than half of the
/// requests; whether it has is counted in the window after that.
#[derive(Debug, Default)]
struct State {
    requests: u32,
    leading: Option<IpAddr>,
    votes: u32,
    suspect: Option<IpAddr>,
    of_suspect: u32,
    /// The one that was found last.
    found: Option<IpAddr>,
}

impl MainPeer {
    /// Counts a request of `peer`. The result is a peer that has sent most requests and isn't the one that was found last.
    pub(crate) fn count(&self, peer: IpAddr) -> Option<IpAddr> {
        let mut state = self.0.lock();
        state.vote(peer);
        state.of_suspect += u32::from(state.suspect == Some(peer));
        state.requests += 1;
        if state.requests < WINDOW { None } else { state.end_window() }
    }

    /// Whether `peer` is the one that was found last.
    pub(crate) fn is(&self, peer: IpAddr) -> bool {
        self.0.lock().found == Some(peer)
    }
}

impl State {
    fn vote(&mut self, peer: IpAddr) {
        if self.votes == 0 {
            self.leading = Some(peer);
        }
        if self.leading == Some(peer) {
            self.votes += 1;
        } else {
            self.votes -= 1;
        }
    }

    fn end_window(&mut self) -> Option<IpAddr> {
        let main = self.suspect.filter(|_| self.of_suspect > WINDOW / 2);
        let before = self.found;
        *self = Self { suspect: self.leading, found: main.or(before), ..Self::default() };
        main.filter(|_| main != before)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(number: u32) -> IpAddr {
        std::net::Ipv4Addr::from(0xc000_0200 | number).into()
    }

    #[test]
    fn a_peer_with_more_than_half_of_the_requests_is_found_once() {
        let main = MainPeer::default();
        let other_at = |number: u32| if number.is_multiple_of(5) { peer(number % 100) } else { peer(200) };
        let found: Vec<_> = (0..10 * WINDOW).filter_map(|number| main.count(other_at(number))).collect();
        assert_eq!(found, [peer(200)]);
        // Then another one is.
        let found: Vec<_> = (0..10 * WINDOW).filter_map(|_| main.count(peer(7))).collect();
        assert_eq!(found, [peer(7)]);
    }

    #[test]
    fn nobody_is_found_among_equals() {
        let main = MainPeer::default();
        let found: Vec<_> = (0..10 * WINDOW).filter_map(|number| main.count(peer(number % 2))).collect();
        assert_eq!(found, [] as [IpAddr; 0]);
    }
}

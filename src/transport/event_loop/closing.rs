//! Connections that are about to close: WebSockets that were sent a close frame, and streams that have ended alone.

use std::collections::{HashMap, VecDeque};
use std::time::Instant;

use super::super::connection::ConnectionId;
use crate::metrics::Leave;

/// Until when each of them may close, and why it does. Adding and removing one takes the same time however many there are, as all
/// of them may be denied at once.
#[derive(Default)]
pub(super) struct Closing {
    /// In the order in which they come, which is that of their times, as all get the same. Some may have closed meanwhile.
    order: VecDeque<(Instant, ConnectionId)>,
    open: HashMap<ConnectionId, (Instant, Leave)>,
}

impl Closing {
    /// The connection may close until then.
    pub(super) fn add(&mut self, id: ConnectionId, until: Instant, reason: Leave) {
        self.order.push_back((until, id));
        self.open.insert(id, (until, reason));
    }

    /// The connection has closed; why, if it was about to.
    pub(super) fn remove(&mut self, id: ConnectionId) -> Option<Leave> {
        let (_, reason) = self.open.remove(&id)?;
        if self.open.is_empty() {
            // What a burst has taken is given back.
            *self = Self::default();
        }
        Some(reason)
    }

    /// One whose time is over.
    pub(super) fn take_late(&mut self, now: Instant) -> Option<(ConnectionId, Leave)> {
        while let Some((until, id)) = self.order.pop_front_if(|(until, _)| *until <= now) {
            // Another connection may have its number by now.
            if self.open.get(&id).is_some_and(|(its, _)| *its == until) {
                return self.remove(id).map(|reason| (id, reason));
            }
        }
        None
    }

    /// When to look again: none of them is late before.
    pub(super) fn next(&self) -> Option<Instant> {
        self.order.front().map(|(until, _)| *until)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const LATER: Duration = Duration::from_secs(2);

    #[test]
    fn the_late_are_taken_once_and_not_if_they_have_closed_meanwhile() {
        let (mut closing, start) = (Closing::default(), Instant::now());
        let [first, second, third] = [1, 2, 3].map(ConnectionId::new);
        closing.add(first, start, Leave::Denied);
        closing.add(second, start, Leave::Denied);
        assert_eq!(closing.remove(first), Some(Leave::Denied));
        // Another one with the number of the first.
        closing.add(first, start + LATER, Leave::Closed);
        closing.add(third, start + LATER, Leave::Closed);
        assert_eq!(closing.next(), Some(start));
        assert_eq!(closing.take_late(start), Some((second, Leave::Denied)));
        assert_eq!(closing.take_late(start), None);
        assert_eq!(closing.next(), Some(start + LATER));
        assert_eq!(closing.take_late(start + LATER), Some((first, Leave::Closed)));
        assert_eq!(closing.take_late(start + LATER), Some((third, Leave::Closed)));
        assert_eq!((closing.take_late(start + LATER), closing.next()), (None, None));
        assert_eq!(closing.remove(third), None);
    }

    #[test]
    fn many_close_in_a_time_that_grows_with_their_number_alone() {
        const MANY: usize = 200_000;
        let (mut closing, now) = (Closing::default(), Instant::now());
        let ids = || (0..MANY).map(ConnectionId::new);
        ids().for_each(|id| closing.add(id, now, Leave::Denied));
        // From the last to the first, which takes longest where one looks from the first on.
        assert!(ids().rev().all(|id| closing.remove(id).is_some()));
        ids().for_each(|id| closing.add(id, now, Leave::Denied));
        let late = std::iter::from_fn(|| closing.take_late(now)).count();
        assert_eq!(late, MANY);
        assert!(now.elapsed() < Duration::from_secs(20), "{:?}", now.elapsed());
    }
}

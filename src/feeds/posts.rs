//! Positions and messages that members of a group send to each other. They go out at most five times a second, and no more
//! of them than all members together may be sent. What doesn't fit waits, up to a bound.

use std::time::Duration;

use onlookers_rooms::ViewerId;
use tokio::time::Instant;

use super::pace::PAUSE;
use crate::wire::protocol::ClientError;
use messages::Messages;
pub(super) use messages::Post;
use moves::Moves;

mod messages;
mod moves;

/// The least time between two updates; so nobody's position goes out more often than five times a second.
const MIN_GAP: Duration = Duration::from_millis(200);

/// How many positions go out at once.
const MAX_POSITIONS: usize = 32;

/// How many bytes of messages go out at once, unless it is a single one.
const MAX_BATCH_BYTES: usize = 8 * 1024;

/// How many bytes a second go out of one room to all its members together: each byte that a member sends goes out as often as
/// there are members.
const MAX_BYTES_PER_SECOND: usize = 4 * 1024 * 1024;

/// About as many bytes has a position.
const POSITION_BYTES: usize = 180;

#[derive(Default)]
pub(super) struct Posts {
    moved: Moves,
    messages: Messages,
    last: Option<Instant>,
    /// How long the bytes of the last update last, at [`MAX_BYTES_PER_SECOND`].
    rest: Duration,
}

impl Posts {
    /// A viewer is somewhere else now.
    pub(super) fn moved(&mut self, id: ViewerId) {
        self.moved.add(id);
    }

    /// A viewer has gone, and its position goes out no more.
    pub(super) fn forget(&mut self, id: ViewerId) {
        self.moved.remove(id);
    }

    /// A viewer sends something to all others in the room.
    ///
    /// # Errors
    /// [`ClientError::Busy`].
    pub(super) fn post(&mut self, post: Post) -> Result<(), ClientError> {
        self.messages.push(post)
    }

    /// When they may go out at the earliest, if sending the last update took `cost`; none if there are none.
    pub(super) fn due(&self, now: Instant, cost: Duration) -> Option<Instant> {
        let is_empty = self.moved.is_empty() && self.messages.is_empty();
        let gap = MIN_GAP.max(cost * PAUSE).max(self.rest);
        let due = self.last.map_or(now, |last| last + gap);
        (!is_empty).then_some(due)
    }

    /// Takes the ones that go out now to so many members: viewers who have moved, and messages.
    pub(super) fn take(&mut self, members: usize, now: Instant) -> (Vec<ViewerId>, Vec<Post>) {
        self.last = Some(now);
        // Few at a time keep a large room live, where many would be followed by a long rest.
        let gaps_per_second = 1000 / MIN_GAP.as_millis() as usize;
        let share = MAX_BYTES_PER_SECOND / gaps_per_second / members.max(1);
        let moved = self.moved.take((share / POSITION_BYTES).clamp(1, MAX_POSITIONS));
        (moved, self.messages.take(share.min(MAX_BATCH_BYTES)))
    }

    /// They have so many bytes.
    pub(super) fn sent(&mut self, bytes: usize, members: usize) {
        self.rest = Duration::from_secs_f64(bytes as f64 * members as f64 / MAX_BYTES_PER_SECOND as f64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many bytes go out in ten seconds to all members together, while two of them send what they may and so many
    /// move all the time.
    fn sent_in_ten_seconds(members: usize, movers: u64) -> usize {
        let (mut posts, start) = (Posts::default(), Instant::now());
        let text = format!("\"{}\"", "x".repeat(4_000));
        let post = |from| Post { from, data: serde_json::from_str(&text).unwrap(), is_from_here: true };
        let (mut now, mut sent) = (start, 0);
        while now < start + Duration::from_secs(10) {
            for sender in [1, 2].map(ViewerId::new) {
                while posts.post(post(sender)).is_ok() {}
            }
            (0..movers).for_each(|id| posts.moved(ViewerId::new(id)));
            let (moved, messages) = posts.take(members, now);
            let bytes = moved.len() * POSITION_BYTES
                + messages.iter().map(|post| post.data.as_json().len()).sum::<usize>();
            posts.sent(bytes, members);
            sent += bytes * members;
            now = posts.due(now, Duration::ZERO).unwrap();
        }
        sent
    }

    #[test]
    fn a_rooms_bytes_a_second_are_bounded_for_all_members() {
        for (members, movers) in [(2, 0), (500, 0), (500, 500), (10_000, 1_000), (100_000, 0)] {
            let sent = sent_in_ten_seconds(members, movers);
            // The last update may reach beyond the end.
            let most =
                10 * MAX_BYTES_PER_SECOND + members * (MAX_BATCH_BYTES + MAX_POSITIONS * POSITION_BYTES);
            assert!(sent <= most, "{sent} bytes to {members} members");
        }
        assert!(sent_in_ten_seconds(500, 0) > 8 * MAX_BYTES_PER_SECOND, "and all of it is used");
        assert!(sent_in_ten_seconds(2, 0) > 2 * 40 * MAX_BATCH_BYTES, "a small room isn't slowed down");
    }

    #[test]
    fn updates_are_200_ms_apart_or_more_where_they_cost_more() {
        let (mut posts, now) = (Posts::default(), Instant::now());
        posts.moved(ViewerId::new(1));
        assert_eq!(posts.due(now, Duration::ZERO), Some(now));
        posts.take(2, now);
        posts.moved(ViewerId::new(1));
        let after = |ms| Some(now + Duration::from_millis(ms));
        assert_eq!(posts.due(now, Duration::ZERO), after(200));
        assert_eq!(posts.due(now, Duration::from_millis(100)), after(400));
    }
}

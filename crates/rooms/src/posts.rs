//! What is said to others about a room, and is not kept: messages of viewers, and marks of visitors who aren't here.

use std::collections::VecDeque;
use std::mem;

use crate::name::RoomName;
use crate::others::VisitorKey;
use crate::position::Position;
use crate::readers::ViewerId;
use crate::sync::Mutex;
use crate::visitor::Visitor;

/// How many bytes wait to be told to others, of all rooms together; any more are lost.
const MOST_BYTES: usize = 4 * 1024 * 1024;

/// How many bytes from others wait for the viewers of a room.
const MOST_BYTES_OF_A_ROOM: usize = 64 * 1024;

/// About as much takes a post besides its text.
const OVERHEAD: usize = 128;

/// Something said about a room.
#[derive(Clone, PartialEq, Debug)]
pub enum Post {
    /// A viewer says this to all others in the room.
    Message {
        /// Who does.
        from: ViewerId,
        /// What that is.
        text: String,
    },
    /// A visitor has come so far down the page.
    Mark {
        /// By today's key, and by yesterday's.
        visitor: [Option<VisitorKey>; 2],
        /// How far that is.
        position: Position,
    },
}

/// Messages of viewers, each with its sender.
pub(crate) type Messages = Vec<(ViewerId, String)>;

/// What is to be told to others.
#[derive(Debug, Default)]
pub(crate) struct Outbox(Mutex<Bounded<(RoomName, Post)>>);

/// The messages of others to the viewers of a room, once somebody takes them.
#[derive(Debug, Default)]
pub(crate) struct Inbox(Mutex<Option<Bounded<(ViewerId, String)>>>);

/// A queue, and how many bytes it has.
#[derive(Debug)]
struct Bounded<T> {
    queue: VecDeque<T>,
    bytes: usize,
}

impl<T> Default for Bounded<T> {
    fn default() -> Self {
        Self { queue: VecDeque::new(), bytes: 0 }
    }
}

impl<T> Bounded<T> {
    fn push(&mut self, post: T, bytes: usize, most: usize) {
        if self.bytes + bytes <= most {
            self.bytes += bytes;
            self.queue.push_back(post);
        }
    }
}

impl Post {
    /// A visitor's mark.
    pub(crate) fn mark(visitor: &Visitor, position: Position) -> Self {
        let visitor = [Some(visitor.today.half()), visitor.yesterday.map(|hash| hash.half())];
        Self::Mark { visitor, position }
    }

    fn bytes(&self) -> usize {
        match self {
            Self::Message { text, .. } => text.len() + OVERHEAD,
            Self::Mark { .. } => OVERHEAD,
        }
    }
}

impl Outbox {
    /// Adds a post, unless too many wait. True if it is the first one.
    pub(crate) fn push(&self, room: RoomName, post: Post) -> bool {
        let mut outbox = self.0.lock();
        let (was_empty, bytes) = (outbox.queue.is_empty(), post.bytes());
        outbox.push((room, post), bytes, MOST_BYTES);
        was_empty
    }

    /// Takes the oldest: of at most so many bytes, or a single one.
    pub(crate) fn take(&self, most: usize) -> Vec<(RoomName, Post)> {
        let (mut taken, mut bytes, mut outbox) = (Vec::new(), 0, self.0.lock());
        while let Some((room, post)) =
            outbox.queue.pop_front_if(|(_, post)| bytes == 0 || bytes + post.bytes() <= most)
        {
            bytes += post.bytes();
            taken.push((room, post));
        }
        outbox.bytes -= bytes;
        taken
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.lock().queue.is_empty()
    }
}

impl Inbox {
    /// From now on messages are kept until they are taken.
    pub(crate) fn open(&self) {
        self.0.lock().get_or_insert_default();
    }

    /// Adds a message, unless too many wait.
    pub(crate) fn push(&self, from: ViewerId, text: String) {
        if let Some(inbox) = &mut *self.0.lock() {
            let bytes = text.len() + OVERHEAD;
            inbox.push((from, text), bytes, MOST_BYTES_OF_A_ROOM);
        }
    }

    pub(crate) fn take(&self) -> Messages {
        let taken = self.0.lock().as_mut().map(mem::take);
        taken.map(|inbox| inbox.queue.into()).unwrap_or_default()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.lock().as_ref().is_none_or(|inbox| inbox.queue.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn posts_that_wait_are_bounded() {
        let (outbox, inbox, room) = (Outbox::default(), Inbox::default(), crate::tests::site("a.example"));
        let (from, text) = (ViewerId::new(1), "x".repeat(1_000));
        inbox.push(from, text.clone());
        assert!(inbox.is_empty(), "nobody takes them");
        inbox.open();
        for _ in 0..10_000 {
            outbox.push(room.clone(), Post::Message { from, text: text.clone() });
            inbox.push(from, text.clone());
        }
        assert_eq!((inbox.take().len(), inbox.take().len()), (MOST_BYTES_OF_A_ROOM / 1_128, 0));
        let taken = [1, 10_000, usize::MAX].map(|most| outbox.take(most).len());
        assert_eq!(taken, [1, 8, MOST_BYTES / 1_128 - 9]);
        assert!(outbox.is_empty() && outbox.push(room, Post::Message { from, text }));
    }
}

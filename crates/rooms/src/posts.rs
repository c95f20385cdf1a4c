//! Posts to others about a room, which aren't kept: messages of viewers, and marks of visitors who aren't here.

use std::collections::VecDeque;
use std::mem;

use serde::{Deserialize, Serialize};

use crate::name::RoomName;
use crate::others::VisitorKey;
use crate::position::Position;
use crate::readers::ViewerId;
use crate::sync::Mutex;
use crate::visitor::Visitor;

/// How many bytes of messages wait to be told to others, of all rooms together; any more are lost.
const MOST_BYTES: usize = 4 * 1024 * 1024;

/// How many marks wait, of all sites together and of one; any more are lost. They go out ten times a second.
const MOST_MARKS: usize = 1024;
const MOST_MARKS_OF_A_SITE: usize = 128;

/// How many bytes from others wait for the viewers of a room.
const MOST_BYTES_OF_A_ROOM: usize = 64 * 1024;

/// About as much takes a post besides its text and its room's name.
const OVERHEAD: usize = 128;

/// Something said about a room.
#[derive(Serialize, Deserialize, Clone, PartialEq, Debug)]
pub enum Post {
    /// A viewer says this to all others in the room.
    Message {
        /// Its sender.
        from: ViewerId,
        /// Its text.
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

/// Posts that are to be sent to others.
#[derive(Debug, Default)]
pub(crate) struct Outbox(Mutex<Waiting>);

/// Messages go out before marks, of which anybody may cause many.
#[derive(Debug, Default)]
struct Waiting {
    messages: Bounded<(RoomName, Post)>,
    marks: VecDeque<(RoomName, Post)>,
}

/// The messages of others to the viewers of a room, while somebody takes them.
#[derive(Debug, Default)]
pub(crate) struct Inbox(Mutex<Open>);

#[derive(Debug, Default)]
struct Open {
    takers: usize,
    messages: Bounded<(ViewerId, String)>,
}

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
}

fn bytes((room, post): &(RoomName, Post)) -> usize {
    let page = room.as_page().map_or(0, |page| page.as_str().len());
    let text = match post {
        Post::Message { text, .. } => text.len(),
        Post::Mark { .. } => 0,
    };
    OVERHEAD + room.of_site().as_str().len() + page + text
}

impl Outbox {
    /// Adds a post, unless too many wait. True if it is the first one.
    pub(crate) fn push(&self, room: RoomName, post: Post) -> bool {
        let mut waiting = self.0.lock();
        let (was_empty, post) = (waiting.is_empty(), (room, post));
        match &post.1 {
            Post::Message { .. } => {
                let bytes = bytes(&post);
                waiting.messages.push(post, bytes, MOST_BYTES);
            }
            Post::Mark { .. } => waiting.push_mark(post),
        }
        was_empty
    }

    /// Takes the oldest: of at most so many bytes, or a single one.
    pub(crate) fn take(&self, most: usize) -> Vec<(RoomName, Post)> {
        let (mut taken, mut sum, mut waiting) = (Vec::new(), 0, self.0.lock());
        let mut fits = |post: &mut (RoomName, Post)| {
            let fits = sum == 0 || sum + bytes(post) <= most;
            sum += if fits { bytes(post) } else { 0 };
            fits
        };
        while let Some(post) = waiting.messages.queue.pop_front_if(&mut fits) {
            waiting.messages.bytes -= bytes(&post);
            taken.push(post);
        }
        while let Some(post) = waiting.marks.pop_front_if(&mut fits) {
            taken.push(post);
        }
        taken
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.lock().is_empty()
    }
}

impl Waiting {
    fn push_mark(&mut self, mark: (RoomName, Post)) {
        let of_site = self.marks.iter().filter(|(room, _)| room.of_site() == mark.0.of_site()).count();
        if of_site < MOST_MARKS_OF_A_SITE && self.marks.len() < MOST_MARKS {
            self.marks.push_back(mark);
        }
    }

    fn is_empty(&self) -> bool {
        self.messages.queue.is_empty() && self.marks.is_empty()
    }
}

impl Inbox {
    /// From now on messages are kept until they are taken.
    pub(crate) fn open(&self) {
        self.0.lock().takers += 1;
    }

    /// Nobody takes them any more, unless there is another taker.
    pub(crate) fn close(&self) {
        let mut inbox = self.0.lock();
        inbox.takers = inbox.takers.saturating_sub(1);
        if inbox.takers == 0 {
            inbox.messages = Bounded::default();
        }
    }

    /// Adds a message, unless too many wait.
    pub(crate) fn push(&self, from: ViewerId, text: String) {
        let mut inbox = self.0.lock();
        if inbox.takers > 0 {
            let bytes = text.len() + OVERHEAD;
            inbox.messages.push((from, text), bytes, MOST_BYTES_OF_A_ROOM);
        }
    }

    pub(crate) fn take(&self) -> Messages {
        mem::take(&mut self.0.lock().messages).queue.into()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.lock().messages.queue.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::{page, site, visitor_of};

    const FROM: ViewerId = ViewerId::new(1);

    fn message() -> Post {
        Post::Message { from: FROM, text: "x".repeat(1_000) }
    }

    #[test]
    fn messages_to_others_are_bounded_and_come_before_marks() {
        let (outbox, room) = (Outbox::default(), site("a.example"));
        let mark = || Post::mark(&visitor_of(b"Ann"), 0.5.try_into().unwrap());
        for number in 0..10_000 {
            assert_eq!(outbox.push(page("b.example", &format!("/{number}")), mark()), number == 0);
            outbox.push(room.clone(), message());
        }
        let size = 1_000 + OVERHEAD + "a.example".len();
        let take = |most| {
            let taken = outbox.take(most);
            let marks = taken.iter().filter(|(_, post)| matches!(post, Post::Mark { .. })).count();
            (taken.len() - marks, marks)
        };
        let (first, second, rest) = (take(1), take(10_000), take(usize::MAX));
        assert_eq!((first, second.0), ((1, 0), 10_000 / size));
        assert_eq!(rest, (MOST_BYTES / size - 1 - second.0, MOST_MARKS_OF_A_SITE - second.1));
        assert!(outbox.is_empty() && outbox.push(room, message()));
    }

    #[test]
    fn messages_of_others_wait_only_for_those_who_take_them() {
        let (inbox, text) = (Inbox::default(), "x".repeat(1_000));
        inbox.push(FROM, text.clone());
        inbox.open();
        inbox.open();
        assert!(inbox.is_empty(), "nobody took them");
        (0..1_000).for_each(|_| inbox.push(FROM, text.clone()));
        inbox.close();
        assert_eq!(inbox.take().len(), MOST_BYTES_OF_A_ROOM / (1_000 + OVERHEAD));
        inbox.push(FROM, text);
        inbox.close();
        inbox.open();
        assert!(inbox.is_empty(), "nobody took them");
    }
}

//! The messages that are yet to go out.

use std::collections::VecDeque;

use onlookers_rooms::ViewerId;

use crate::wire::protocol::{ClientError, Data};

/// How many bytes of messages may wait, of all senders together, and of one.
const MAX_WAITING: usize = 64 * 1024;
const MAX_OF_A_MEMBER: usize = 16 * 1024;

/// How many bytes a message takes besides its text, about.
const OVERHEAD: usize = 80;

/// A message that waits.
#[derive(PartialEq, Debug)]
pub(in crate::feeds) struct Post {
    pub(in crate::feeds) from: ViewerId,
    pub(in crate::feeds) data: Data,
    /// Whether its sender is at this node.
    pub(in crate::feeds) is_from_here: bool,
}

/// The messages that wait, by sender. Members take turns, so nobody waits for another's backlog.
#[derive(Default, Debug)]
pub(super) struct Messages {
    senders: VecDeque<Sender>,
    /// The length of all messages together, in bytes.
    bytes: usize,
}

/// A member whose messages wait, at least one.
#[derive(Debug)]
struct Sender {
    id: ViewerId,
    is_here: bool,
    messages: VecDeque<Data>,
    bytes: usize,
}

impl Messages {
    /// Adds a message. If there is no place for it, the newest messages of the member with most give way, unless the sender
    /// would be that member. So a message of a member that sends little always has a place.
    ///
    /// # Errors
    /// [`ClientError::Busy`].
    pub(super) fn push(&mut self, post: Post) -> Result<(), ClientError> {
        let Post { from: id, data, is_from_here: is_here } = post;
        let bytes = size(&data);
        let own = self.senders.iter().find(|sender| sender.id == id).map_or(0, |sender| sender.bytes) + bytes;
        if own > MAX_OF_A_MEMBER || !self.make_room(bytes, own) {
            return Err(ClientError::Busy);
        }
        self.bytes += bytes;
        match self.senders.iter_mut().find(|sender| sender.id == id) {
            Some(sender) => sender.push(data),
            None => self.senders.push_back(Sender { id, is_here, bytes, messages: [data].into() }),
        }
        Ok(())
    }

    /// Whether `bytes` more have a place now, for a member that has `own` with them.
    fn make_room(&mut self, bytes: usize, own: usize) -> bool {
        while self.bytes + bytes > MAX_WAITING {
            let largest = self.senders.iter_mut().enumerate().max_by_key(|(_, sender)| sender.bytes);
            let Some((at, sender)) = largest.filter(|(_, sender)| sender.bytes > own) else { return false };
            self.bytes -= sender.drop_newest();
            if sender.messages.is_empty() {
                self.senders.remove(at);
            }
        }
        true
    }

    /// Takes messages of `most` bytes together, or a single longer one: one of each member in turn.
    pub(super) fn take(&mut self, most: usize) -> Vec<Post> {
        let (mut taken, mut bytes) = (Vec::new(), 0);
        while let Some(mut sender) = self.senders.pop_front() {
            let next = sender.messages.front().map_or(0, size);
            if !taken.is_empty() && bytes + next > most {
                self.senders.push_front(sender);
                break;
            }
            let (from, is_from_here) = (sender.id, sender.is_here);
            taken.extend(sender.pop().map(|data| Post { from, data, is_from_here }));
            bytes += next;
            if !sender.messages.is_empty() {
                self.senders.push_back(sender);
            }
        }
        self.bytes -= bytes;
        taken
    }

    pub(super) fn is_empty(&self) -> bool {
        self.senders.is_empty()
    }
}

fn size(data: &Data) -> usize {
    data.as_json().len() + OVERHEAD
}

impl Sender {
    fn push(&mut self, data: Data) {
        self.bytes += size(&data);
        self.messages.push_back(data);
    }

    fn pop(&mut self) -> Option<Data> {
        let data = self.messages.pop_front()?;
        self.bytes -= size(&data);
        Some(data)
    }

    /// Drops the newest message, and returns its length.
    fn drop_newest(&mut self) -> usize {
        let length = self.messages.pop_back().map_or(0, |data| size(&data));
        self.bytes -= length;
        length
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: u64) -> ViewerId {
        ViewerId::new(number)
    }

    fn push(messages: &mut Messages, from: u64, text: String) -> Result<(), ClientError> {
        let data = serde_json::from_str(&format!("\"{text}\"")).unwrap();
        messages.push(Post { from: id(from), data, is_from_here: true })
    }

    /// Has a member send messages of `length` bytes until one is refused; returns how many were not.
    fn fill(messages: &mut Messages, from: u64, length: usize) -> usize {
        (0..1_000).take_while(|_| push(messages, from, "x".repeat(length)).is_ok()).count()
    }

    #[test]
    fn a_members_messages_wait_in_order_and_within_bounds() {
        let mut messages = Messages::default();
        for number in 0..5 {
            push(&mut messages, 1, format!("{number}{}", "x".repeat(2_999))).unwrap();
        }
        assert_eq!(push(&mut messages, 1, "x".repeat(3_000)), Err(ClientError::Busy));
        let taken = messages.take(8 * 1024);
        assert_eq!(taken.iter().map(|post| &post.data.as_json()[1..2]).collect::<String>(), "01");
        assert_eq!(push(&mut messages, 1, "x".repeat(3_000)), Ok(()));
        let rest: Vec<_> = (0..4).map(|_| messages.take(1).len()).collect();
        assert_eq!((rest, messages.is_empty(), messages.bytes), (vec![1; 4], true, 0));
    }

    #[test]
    fn members_take_turns() {
        let mut messages = Messages::default();
        fill(&mut messages, 1, 1_000);
        push(&mut messages, 2, "hello".to_owned()).unwrap();
        let taken = messages.take(2_000);
        assert_eq!(taken.iter().map(|post| post.from).collect::<Vec<_>>(), [id(1), id(2)]);
    }

    #[test]
    fn a_quiet_members_message_fits_however_many_are_loud() {
        for loud in [6, 20, 200] {
            let mut messages = Messages::default();
            for _ in 0..20 {
                (0..loud).for_each(|loud| drop(push(&mut messages, loud, "x".repeat(1_000))));
            }
            assert!(messages.bytes > MAX_WAITING / 2 && messages.bytes <= MAX_WAITING, "{}", messages.bytes);
            assert_eq!(push(&mut messages, 1_000, "x".repeat(200)), Ok(()), "{loud} loud members");
            assert!(messages.bytes <= MAX_WAITING);
            let bytes: usize = messages.senders.iter().map(|sender| sender.bytes).sum();
            assert_eq!(bytes, messages.bytes);
            let taken = messages.take(usize::MAX);
            assert!(taken.iter().any(|post| post.from == id(1_000)) && messages.bytes == 0);
        }
    }
}

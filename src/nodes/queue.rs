//! The hints on their way from the store to the node: a queue with a bound, which says so when it has lost some.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::Notify;
use tokio::sync::mpsc::{self, Receiver, Sender};

use crate::nodes::store::Hint;

/// How many hints may wait.
const MOST_HINTS: usize = 16_384;

/// The end of the queue that the store has. It never waits.
#[derive(Clone)]
pub(super) struct Queue(Arc<Inner>);

struct Inner {
    hints: Sender<Hint>,
    /// Whether a [`Hint::Missed`] is to come. Until then hints are dropped: they would be read anyway.
    is_missed: AtomicBool,
    missed: Notify,
}

impl Queue {
    /// Spawns a task that waits for a place when some have been missed. It ends with the receiver.
    pub(super) fn new() -> (Self, Receiver<Hint>) {
        Self::of(MOST_HINTS)
    }

    fn of(size: usize) -> (Self, Receiver<Hint>) {
        let (hints, receiver) = mpsc::channel(size);
        let queue = Self(Arc::new(Inner { hints, is_missed: AtomicBool::new(false), missed: Notify::new() }));
        tokio::spawn(queue.clone().tell());
        (queue, receiver)
    }

    pub(super) fn push(&self, hint: Hint) {
        // What is said may be lost, and isn't worth reading everything again.
        let is_lost =
            matches!(hint, Hint::Said(..)) && self.0.hints.capacity() < self.0.hints.max_capacity() / 2;
        if is_lost || self.0.is_missed.load(Ordering::SeqCst) {
            return;
        }
        if self.0.hints.try_send(hint).is_err() {
            self.missed();
        }
    }

    /// Has a [`Hint::Missed`] sent, once for any number of calls until there is a place for it.
    pub(super) fn missed(&self) {
        self.0.is_missed.store(true, Ordering::SeqCst);
        self.0.missed.notify_one();
    }

    async fn tell(self) {
        loop {
            tokio::select! {
                () = self.0.missed.notified() => {}
                () = self.0.hints.closed() => return,
            }
            let Ok(place) = self.0.hints.reserve().await else { return };
            // First, so that what is dropped from now on is told of once more.
            self.0.is_missed.store(false, Ordering::SeqCst);
            place.send(Hint::Missed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nodes::store::NodeId;

    #[tokio::test]
    async fn a_full_queue_says_once_that_hints_were_missed() {
        let (queue, mut hints) = Queue::of(2);
        for node in 1..9 {
            queue.push(Hint::Left(NodeId(node)));
        }
        let heard = [hints.recv().await, hints.recv().await, hints.recv().await];
        assert_eq!(heard.map(Option::unwrap), [Hint::Left(NodeId(1)), Hint::Left(NodeId(2)), Hint::Missed]);
        queue.push(Hint::Left(NodeId(9)));
        assert_eq!(hints.recv().await, Some(Hint::Left(NodeId(9))));
        assert!(hints.try_recv().is_err());
    }

    #[tokio::test]
    async fn missed_is_said_to_a_node_that_hears_nothing_else() {
        let (queue, mut hints) = Queue::of(2);
        queue.missed();
        assert_eq!(hints.recv().await, Some(Hint::Missed));
    }
}

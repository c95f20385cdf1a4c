//! Commands for one event loop. A wake-up serves any number of them.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::SyncSender;
use std::time::Duration;

use mio::Waker;
use onlookers_rooms::sync::Mutex;
use tokio::sync::oneshot;

use super::Grant;
use super::bodies::{self, Bodies};
use super::entry::Book;
use super::event_loop::Transfer;
use super::takeover::Taken;
use crate::feeds::{FeedId, Publisher, Update};
use crate::metrics::ViewerMetrics;
use crate::settings::DenyList;

/// The commands that wait for an event loop.
#[derive(Default)]
pub(super) struct Commands {
    /// Updates to send.
    pub(super) published: Vec<(FeedId, Update)>,
    /// Connections to take in.
    pub(super) admitted: VecDeque<Taken<Grant>>,
    /// To be told that the loop is alive.
    pub(super) probes: Vec<oneshot::Sender<()>>,
    /// Put this into force, also for those who are in.
    pub(super) deny: Option<Arc<DenyList>>,
    /// Enter connections here from now on.
    pub(super) book: Option<Book>,
    /// Give away all connections that can go on in another process.
    pub(super) move_out: Option<SyncSender<Vec<Transfer>>>,
    /// Connections of before, or of another process, to take in.
    pub(super) adopted: Vec<Transfer>,
    /// End every connection in order; within this time.
    pub(super) end: Option<Duration>,
}

pub(super) struct Inbox {
    /// None once the event loop has ended.
    commands: Mutex<Option<Commands>>,
    waker: Waker,
    is_awake: AtomicBool,
    /// What the event loop counts.
    pub(super) metrics: Arc<ViewerMetrics>,
}

/// The inboxes of all event loops, and the bodies of HTTP/2, which have none.
pub(super) struct Inboxes {
    pub(super) loops: Vec<Inbox>,
    pub(super) bodies: Arc<Bodies>,
}

impl Inbox {
    pub(super) fn new(waker: Waker, metrics: Arc<ViewerMetrics>) -> Self {
        let commands = Mutex::new(Some(Commands::default()));
        Self { commands, waker, is_awake: AtomicBool::new(false), metrics }
    }

    /// Adds a command, unless the event loop has ended. What the command holds is dropped then, after the lock.
    pub(super) fn add(&self, command: impl FnOnce(&mut Commands)) {
        if let Some(commands) = &mut *self.commands.lock() {
            command(commands);
        }
        if !self.is_awake.swap(true, Ordering::SeqCst)
            && let Err(error) = self.waker.wake()
        {
            tracing::error!(%error, "an event loop can't be woken");
        }
    }

    /// The commands so far. What comes later wakes the loop again.
    pub(super) fn take(&self) -> Commands {
        if !self.is_awake.swap(false, Ordering::SeqCst) {
            return Commands::default();
        }
        self.commands.lock().as_mut().map(std::mem::take).unwrap_or_default()
    }
}

/// Closes an inbox when its event loop ends, even by a panic.
pub(super) struct CloseOnDrop<'i>(pub(super) &'i Inbox);

impl Drop for CloseOnDrop<'_> {
    fn drop(&mut self) {
        // The commands that wait are dropped after the lock.
        let commands = self.0.commands.lock().take();
        drop(commands);
    }
}

impl Publisher for Inboxes {
    fn publish(&self, loops: u64, feed: FeedId, update: Update) {
        if loops & (1 << bodies::NUMBER) != 0 {
            self.bodies.publish(feed);
        }
        for (number, inbox) in self.loops.iter().enumerate() {
            if loops & (1 << number) != 0 {
                inbox.add(|commands| commands.published.push((feed, update.clone())));
            }
        }
    }
}

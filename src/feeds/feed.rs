//! A feed: one room in one representation. It encodes once for everyone and keeps only its newest frame.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use bytes::Bytes;
use onlookers_rooms::RoomRef;
use onlookers_rooms::sync::Mutex;
use tokio::time;

use super::View;
use super::channel::{Channel, Published, Update};

/// One room in one representation.
pub struct Feed {
    channel: Channel,
    room: RoomRef,
    view: View,
    newest: Mutex<Bytes>,
    /// The fingerprint of what the newest frame shows.
    shown: AtomicU64,
    has_first: OnceLock<()>,
}

impl Feed {
    pub(super) fn new(channel: Channel, room: RoomRef, view: View) -> Self {
        let (newest, shown, has_first) = (Mutex::default(), AtomicU64::new(0), OnceLock::new());
        Self { channel, room, view, newest, shown, has_first }
    }

    /// The newest frame.
    pub fn newest(&self) -> Bytes {
        self.newest.lock().clone()
    }

    /// The bytes that keep a connection alive which has `frame`, the newest, already.
    pub(crate) fn resend<'f>(&self, frame: &'f Bytes) -> &'f Bytes {
        self.view.resend(frame)
    }

    /// Paints the first frame, if nobody has. Several callers wait for the one that paints.
    pub(super) fn paint_first(&self) {
        self.has_first.get_or_init(|| {
            self.paint();
        });
    }

    /// Replaces the newest frame by the last one of a stream; after `deadline` without painting.
    pub(super) fn end(&self, deadline: Instant) {
        let closing = match Instant::now() < deadline {
            true => self.view.closing(&self.channel.context.pictures),
            false => self.view.close(&self.newest()),
        };
        *self.newest.lock() = closing;
    }

    /// Makes the frame of the room as it is now and publishes it. The feed's own task does this at its pace.
    pub fn publish(&self) {
        let looks_different = self.paint();
        self.channel.published();
        if looks_different {
            self.channel.publish(Update::Newest);
        }
    }

    /// Makes the frame of the room as it is now, and says whether it differs from the one before.
    fn paint(&self) -> bool {
        let started = Instant::now();
        let pictures = &self.channel.context.pictures;
        let (fingerprint, frame) = self.view.frame(&self.room, pictures);
        self.shown.store(fingerprint, Ordering::SeqCst);
        self.channel.start_cost(started.elapsed());
        self.replace(frame)
    }

    fn replace(&self, frame: Bytes) -> bool {
        let mut newest = self.newest.lock();
        let differs = *newest != frame;
        match self.channel.context.ended.load(Ordering::SeqCst) {
            // The first viewer came while the server stops.
            true if newest.is_empty() => *newest = self.view.close(&frame),
            true => return false,
            false => *newest = frame,
        }
        differs
    }
}

impl Published for Feed {
    fn channel(&self) -> &Channel {
        &self.channel
    }

    fn has_changed(&self) -> bool {
        self.view.fingerprint(&self.room) != self.shown.load(Ordering::SeqCst)
    }

    fn due(&self, now: time::Instant) -> time::Instant {
        self.channel.due(now, self.view.min_gap())
    }

    fn publish_due(&self, now: time::Instant) {
        if self.due(now) <= now {
            self.publish();
        }
    }
}

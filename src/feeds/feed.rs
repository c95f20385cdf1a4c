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

    /// Makes the last frame of a stream; after `deadline` without painting.
    pub(super) fn end(&self, deadline: Instant) {
        let context = &self.channel.context;
        let closing = match Instant::now() < deadline {
            true => self.view.closing(&context.pictures),
            false => self.view.close(&self.newest()),
        };
        context.closings.lock().insert(self.channel.id(), closing);
    }

    /// The last frame of a stream, once the server stops.
    pub(crate) fn closing(&self) -> Bytes {
        let closing = self.channel.context.closings.lock().get(&self.channel.id()).cloned();
        closing.unwrap_or_else(|| self.view.close(&self.newest()))
    }

    /// Makes the frame of the room as it is now and publishes it. The feed's own task does this at its pace.
    pub fn publish(&self) {
        let looks_different = self.paint();
        self.channel.published();
        if looks_different {
            self.channel.publish(Update::Newest);
        }
    }

    /// Makes the frame of the room as it is now, and says whether it is to be published: it looks
    /// different from the one before, and the server doesn't stop.
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
        *newest = frame;
        differs && !self.channel.context.ended.load(Ordering::SeqCst)
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

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use onlookers_picture::{Label, StyleBuilder, Themes};
    use onlookers_rooms::sync::Arc;
    use onlookers_rooms::{Counting, Limits, RoomName, Rooms};

    use super::super::channel::Publisher;
    use super::super::{Feeds, Pictures};
    use super::*;

    #[derive(Default)]
    struct Updates(AtomicUsize);

    impl Publisher for Updates {
        fn publish(&self, _: u64, _: super::super::FeedId, _: Update) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    #[tokio::test]
    async fn a_frame_that_looks_the_same_is_not_published() {
        let updates = Arc::new(Updates::default());
        let publisher: Arc<dyn Publisher> = Arc::<Updates>::clone(&updates);
        let feeds = Feeds::new(Arc::new(Pictures::new(1 << 20)), publisher);
        let (rooms, name) = (Rooms::new(Limits::default()), "example.com".parse::<RoomName>().unwrap());
        let mut guards: Vec<_> = (0..1234).map(|_| rooms.join(&name, None).unwrap()).collect();
        let mut style = StyleBuilder::new(Label::default());
        style.take("format", "1.2k").unwrap();
        let style = style.build(&Themes::default()).unwrap();
        let feed = feeds.open(&rooms.open(&name), View::Count { counting: Counting::Tabs, style });
        for (tabs, published) in [(1235, 0), (1299, 0), (1300, 1), (1301, 1)] {
            guards.resize_with(tabs, || rooms.join(&name, None).unwrap());
            feed.publish();
            assert_eq!(updates.0.load(Ordering::SeqCst), published, "{tabs}");
            assert!(!feed.has_changed());
        }
    }
}

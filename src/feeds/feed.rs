//! A feed: one room in one representation. It encodes once for everyone and keeps only its newest frame.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use bytes::Bytes;
use onlookers_rooms::sync::Mutex;
use onlookers_rooms::{RankingWatch, RoomRef, Site};
use tokio::time;

use super::View;
use super::channel::{Changed, Channel, Painting, Published, Update};
use super::view::{FAILED, Fingerprint, UNPAINTED};
use super::views::ViewPermit;
use crate::metrics::{Kind, Stopwatch};
use crate::painting::Payer;

/// One room in one representation.
pub struct Feed {
    channel: Channel,
    room: RoomRef,
    view: View,
    newest: Mutex<Bytes>,
    /// The fingerprint of what the newest frame shows.
    shown: AtomicU64,
    /// Of an unusual view.
    permit: OnceLock<Box<ViewPermit>>,
    /// Of a view that shows the ranking, while other nodes count, too.
    ranking: OnceLock<RankingWatch>,
}

/// When a frame was begun: by the clock, and by the CPU time of the thread.
struct Started {
    at: Instant,
    measured: Option<Stopwatch>,
}

impl Started {
    fn now(channel: &Channel) -> Self {
        Self { at: Instant::now(), measured: channel.costs().measure() }
    }
}

impl Feed {
    pub(super) fn new(channel: Channel, room: RoomRef, view: View) -> Self {
        Self {
            channel,
            room,
            view,
            newest: Mutex::default(),
            shown: AtomicU64::new(UNPAINTED),
            permit: OnceLock::new(),
            ranking: OnceLock::new(),
        }
    }

    /// The newest frame; empty until the first is painted.
    pub fn newest(&self) -> Bytes {
        self.newest.lock().clone()
    }

    /// The bytes that keep a connection alive which has `frame`, the newest, already.
    pub(crate) fn resend<'f>(&self, frame: &'f Bytes) -> &'f Bytes {
        self.view.resend(frame)
    }

    pub(crate) fn room(&self) -> &RoomRef {
        &self.room
    }

    pub(crate) fn view(&self) -> &View {
        &self.view
    }

    /// What its viewers receive.
    pub(crate) fn kind(&self) -> Kind {
        self.view.kind()
    }

    /// The site of its room.
    pub(crate) fn site(&self) -> &Site {
        self.room.site()
    }

    /// The family of its style, or what else it shows.
    pub(crate) fn style(&self) -> &'static str {
        self.view.style()
    }

    /// If it shows the ranking, has other nodes' counts taken in for as long as it exists.
    pub(super) fn watch_ranking(&self) {
        let watch = self.view.shows_ranking().then(|| self.room.watch_ranking());
        watch.map(|watch| self.ranking.set(watch));
    }

    /// Keeps the permit of an unusual view, which is returned with the feed. One is enough.
    pub(super) fn keep(&self, permit: ViewPermit) {
        self.permit.get_or_init(|| Box::new(permit));
    }

    /// Whether its view is an unusual one, which is painted after the usual ones of its site.
    fn is_unusual(&self) -> bool {
        self.permit.get().is_some()
    }

    /// Paints the first frame. If that fails, it counts as painted, so that the next change is tried.
    pub(super) fn publish_first(&self) {
        if catch_unwind(AssertUnwindSafe(|| self.publish())).is_err() {
            self.shown.store(FAILED, Ordering::SeqCst);
        }
    }

    /// Makes the newest frame, which nobody is sent: the feed is held. If that fails, it counts as painted.
    pub(super) fn refresh(&self) {
        let make = || self.view.frame(&self.room, &self.channel.context);
        match catch_unwind(AssertUnwindSafe(make)) {
            Ok(made) => _ = self.replace(made),
            Err(_) => self.shown.store(FAILED, Ordering::SeqCst),
        }
    }

    /// Whether it has a frame.
    pub(super) fn is_painted(&self) -> bool {
        self.shown.load(Ordering::SeqCst) != UNPAINTED
    }

    /// Makes the first frame, if that needs no painting or there are no threads for it.
    pub(super) fn begin(&self) -> bool {
        let context = &self.channel.context;
        let made = match context.painter.has_threads() {
            true => self.view.frame_at_hand(&self.room, context),
            false => Some(self.view.frame(&self.room, context)),
        };
        // Somebody else may have opened it before, and got an empty frame.
        made.map(|made| self.replace(made)).inspect(|_| self.channel.publish(Update::Newest)).is_some()
    }

    /// Makes the last frame of a stream; after `deadline` without painting.
    pub(super) fn end(&self, deadline: Instant) {
        if !self.view.ends_alike() {
            return;
        }
        let context = &self.channel.context;
        let closing = match Instant::now() < deadline {
            true => self.view.closing(&context.pictures),
            false => self.view.close(&self.newest()),
        };
        context.closings.lock().insert(self.channel.id(), closing);
    }

    /// The last frame of a stream, once the server stops; not the same for all streams of events.
    pub(crate) fn closing(&self) -> Bytes {
        let closing = self.channel.context.closings.lock().get(&self.channel.id()).cloned();
        closing.unwrap_or_else(|| self.view.close(&self.newest()))
    }

    /// Paints the room as it is now and publishes that. The feed's own task has this done at its pace.
    pub fn publish(&self) {
        let (started, changed) = (Started::now(&self.channel), self.channel.take_change());
        let made = self.view.frame(&self.room, &self.channel.context);
        self.publish_made(made, started, changed);
    }

    fn publish_made(&self, made: (Fingerprint, Bytes), started: Started, changed: Changed) {
        if self.channel.is_held() && self.is_painted() {
            // It is made anew when the feed is released.
            return;
        }
        self.channel.start_cost(started.at.elapsed());
        self.channel.costs().of_viewers(self.site(), self.style(), started.measured);
        let looks_different = self.replace(made);
        self.channel.published();
        if looks_different {
            self.channel.publish_change(changed, Update::Newest);
        }
    }

    /// Says whether the frame is to be published: it looks different from the one before, and the server doesn't stop.
    fn replace(&self, (fingerprint, frame): (Fingerprint, Bytes)) -> bool {
        let mut newest = self.newest.lock();
        let differs = *newest != frame;
        *newest = frame;
        // After the frame: who finds the feed painted finds that, too.
        self.shown.store(fingerprint, Ordering::SeqCst);
        differs && !self.channel.context.ended.load(Ordering::SeqCst)
    }
}

impl Published for Feed {
    fn channel(&self) -> &Channel {
        &self.channel
    }

    /// Not before the first frame, which is painted by itself.
    fn has_changed(&self) -> bool {
        self.is_painted()
            && self.view.fingerprint(&self.room, &self.channel.context) != self.shown.load(Ordering::SeqCst)
    }

    fn due(&self, now: time::Instant) -> time::Instant {
        self.channel.due(now, self.view.min_gap())
    }

    fn publish_at_hand(&self, now: time::Instant) -> Result<(), Painting> {
        if self.due(now) > now {
            return Ok(());
        }
        let (started, changed) = (Started::now(&self.channel), self.channel.take_change());
        let made = self.view.frame_at_hand(&self.room, &self.channel.context);
        if made.is_none() {
            self.channel.put_back(changed);
        }
        let painting = || Painting { payer: Payer::Site(self.room.site().clone()), later: self.is_unusual() };
        let made = made.ok_or_else(painting)?;
        self.publish_made(made, started, changed);
        Ok(())
    }

    fn publish_due(&self, now: time::Instant) {
        if self.due(now) <= now {
            self.publish();
        }
    }
}

#[cfg(test)]
mod tests {

    use onlookers_picture::{Label, StyleBuilder, Themes};
    use onlookers_rooms::sync::Arc;
    use onlookers_rooms::{Counting, Limits, RoomName, Rooms};
    use std::sync::atomic::AtomicUsize;

    use super::super::Feeds;
    use super::super::channel::Publisher;
    use super::*;
    use crate::painting::{Painter, Pictures};

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
        let feeds =
            Feeds::new(Arc::new(Painter::start(0).unwrap()), Arc::new(Pictures::new(1 << 20)), publisher);
        let (rooms, name) = (Rooms::new(Limits::default()), "example.com".parse::<RoomName>().unwrap());
        let mut guards: Vec<_> = (0..1234).map(|_| rooms.join(&name, None).unwrap()).collect();
        let mut style = StyleBuilder::new(Label::default());
        style.take("format", "1.2k").unwrap();
        let style = style.build(&Themes::default()).unwrap();
        let view = View::Count { counting: Counting::Tabs, style };
        let opener = Payer::client([192, 0, 2, 1].into());
        let (feed, _) = feeds.open(&rooms.open(&name), view.clone(), &view, &opener);
        updates.0.store(0, Ordering::SeqCst);
        for (tabs, published) in [(1235, 0), (1299, 0), (1300, 1), (1301, 1)] {
            guards.resize_with(tabs, || rooms.join(&name, None).unwrap());
            feed.publish();
            assert_eq!(updates.0.load(Ordering::SeqCst), published, "{tabs}");
            assert!(!feed.has_changed());
        }
    }
}

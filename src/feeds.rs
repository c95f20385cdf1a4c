//! Feeds: what is sent of a room, made once for everybody who receives it.
//!
//! A [`Feed`] is a room in one representation: a style of picture, or server-sent events. It keeps only its newest frame.
//! A [`Group`] is a feed for WebSockets: those of one room that receive the same messages, less what each has caused itself.
//!
//! In the order of the data's path:
//!
//! - `view`, `topic`: what a feed or a group shows of its room.
//! - `channel`: what both have in common. After a change of the room, a task publishes at the pace of `pace`.
//! - `feed`: the newest frame; `views`: how many of them a room and a client may have.
//! - `group`: `snapshot` has the room as its members know it, `roster` who comes and goes, `posts` positions and messages,
//!   `elsewhere` all of that at other nodes, `batch` the bytes for all of them; `membership` is the guard of a member.
//!
//! The event loops that have subscribers take it from there ([`Publisher`]).

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use tokio::runtime::Handle;

pub use batch::Batch;
pub(crate) use channel::{Channel, Published};
pub use channel::{FeedId, Publisher, Update};
pub use feed::Feed;
pub use group::Group;
pub(crate) use group::{moved, post};
pub(crate) use membership::Membership;
use onlookers_rooms::registry::{Entry, Registry};
use onlookers_rooms::sync::{Arc, Weak};
use onlookers_rooms::{EntryObserver, RoomRef, ViewerId};
pub use topic::Topic;
pub use view::View;
pub(crate) use written::ViewRecord;

use crate::metrics::Times;
use crate::painting::{Painted, Painter, Payer, Pictures};
use crate::settings::Titles;
use channel::Context;
use views::Views;

mod batch;
mod channel;
mod elsewhere;
mod feed;
mod group;
mod membership;
mod pace;
mod posts;
mod roster;
mod snapshot;
mod topic;
mod view;
mod views;
mod written;

/// A feed that somebody holds; it goes with its last holder.
pub type FeedRef = Arc<Entry<(), Feed>>;

/// A group that somebody holds, likewise.
pub type GroupRef = Arc<Entry<(), Group>>;

/// A feed, and if its first frame is being painted, when it is there.
pub type Opened = (FeedRef, Option<Painted<()>>);

/// All feeds and groups that somebody receives.
pub struct Feeds {
    /// Keyed by room and view: viewers who ask for the same room and view share a feed.
    feeds: Arc<Registry<(), Feed>>,
    /// By room and topic.
    groups: Arc<Registry<(), Group>>,
    context: Arc<Context>,
    views: Views,
    next_feed: AtomicU64,
    next_viewer: AtomicU64,
    viewer_ids: RandomState,
}

impl Feeds {
    /// No feeds yet. They take their pictures from `pictures`, have `painter` make those that aren't there, and publish to
    /// `publisher`. Needs a tokio runtime, on which they are driven.
    pub fn new(painter: Arc<Painter>, pictures: Arc<Pictures>, publisher: Arc<dyn Publisher>) -> Self {
        Self {
            feeds: Registry::new(),
            groups: Registry::new(),
            context: Arc::new(Context::new(painter, pictures, publisher, Handle::current())),
            views: Views::new(),
            next_feed: AtomicU64::new(0),
            next_viewer: AtomicU64::new(0),
            viewer_ids: RandomState::new(),
        }
    }

    /// The feed of that view of `room`; or of the room's `usual` one, if the room or `opener` has too many others or there
    /// is too much to paint. If it is new, its first frame may be still to be painted: the second value tells when it is.
    pub fn open(&self, room: &RoomRef, view: View, usual: &View, opener: &Payer) -> Opened {
        if view == *usual {
            return self.open_view(room, usual, Payer::Site(room.site().clone()));
        }
        if let Some(feed) = self.find(room, &view) {
            return (feed, None);
        }
        let is_at_hand = || view.frame_at_hand(room, &self.context).is_some();
        let is_refused = self.context.painter.is_busy(opener) && !is_at_hand();
        if is_refused {
            self.context.painter.metrics().refusals.count();
        }
        let permit = if is_refused { None } else { self.views.acquire(room.name(), opener) };
        let Some(permit) = permit else { return self.open(room, usual.clone(), usual, opener) };
        let opened = self.open_view(room, &view, opener.clone());
        opened.0.keep(permit);
        opened
    }

    /// The feed of exactly that view, for a viewer who has it already, in another process: it has no frame before
    /// [`refresh`](Self::refresh).
    pub(crate) fn reopen(&self, room: &RoomRef, view: &View) -> FeedRef {
        let mut is_new = false;
        let feed = self.feeds.open(&(room.name(), view), || {
            is_new = true;
            ((), Feed::new(self.new_channel(), Arc::clone(room), view.clone()))
        });
        if is_new {
            feed.watch_ranking();
            observe(room, &feed);
        }
        feed
    }

    /// The feed of a view. If it is new and has to be painted, `payer` pays for that.
    fn open_view(&self, room: &RoomRef, view: &View, payer: Payer) -> Opened {
        let mut is_new = false;
        let feed = self.feeds.open(&(room.name(), view), || {
            is_new = true;
            ((), Feed::new(self.new_channel(), Arc::clone(room), view.clone()))
        });
        let painting = (is_new && !feed.begin()).then(|| {
            let waiting = Arc::downgrade(&feed);
            // Changes until then wait for this frame.
            self.context.painter.paint(payer, false, move || {
                waiting.upgrade().inspect(|feed| feed.publish_first()).inspect(channel::wake);
            })
        });
        if is_new {
            feed.watch_ranking();
            observe(room, &feed);
        }
        (feed, painting)
    }

    fn find(&self, room: &RoomRef, view: &View) -> Option<FeedRef> {
        self.feeds.find(self.feeds.hash(&(room.name(), view)))
    }

    /// The group of the WebSockets that receive `topic` of `room`.
    pub fn open_group(&self, room: &RoomRef, topic: Topic) -> GroupRef {
        let mut is_new = false;
        let group = self.groups.open(&(room.name(), topic), || {
            is_new = true;
            ((), Group::new(self.new_channel(), Arc::clone(room), topic))
        });
        if is_new {
            group.start();
            group.watch_ranking();
            observe(room, &group);
        }
        group
    }

    /// Puts titles of pages into force. Rankings that are open show them with their next frame, which is due now.
    pub(crate) fn replace_titles(&self, titles: &Arc<Titles>) {
        if self.context.titles() != *titles {
            self.context.replace_titles(Arc::clone(titles));
            self.feeds.entries().iter().for_each(channel::wake);
            self.groups.entries().iter().for_each(channel::wake);
        }
    }

    /// Publishes nothing from now on, except first frames of new feeds: counts change that nobody is to see half-way. Messages that wait
    /// go out before.
    pub(crate) fn hold(&self) {
        self.context.is_held.store(true, Ordering::SeqCst);
        // Microseconds: no picture is waited for, which shows the number of before.
        while self.context.publishing.load(Ordering::SeqCst) > 0 {
            std::thread::yield_now();
        }
        self.groups.entries().iter().for_each(|group| group.flush());
    }

    /// Makes the newest frame of each feed, while they are held. Viewers that are taken in then begin with it. Blocks while it paints.
    pub(crate) fn refresh(&self) {
        self.feeds.entries().iter().for_each(|feed| feed.refresh());
    }

    /// Publishes again, and at once what has changed meanwhile.
    pub(crate) fn release(&self) {
        self.context.is_held.store(false, Ordering::SeqCst);
        self.feeds.entries().iter().for_each(channel::wake);
        self.groups.entries().iter().for_each(channel::wake);
    }

    /// An id for a viewer that nobody has had and that says nothing of it: a number, hashed with a key of this process.
    pub fn new_viewer_id(&self) -> ViewerId {
        ViewerId::new(self.viewer_ids.hash_one(self.next_viewer.fetch_add(1, Ordering::Relaxed)))
    }

    /// Makes every feed's last frame; nothing is published after that. After `deadline` no more pictures are painted: the
    /// remaining feeds end with the frame that they have. Blocks while it paints.
    pub fn end(&self, deadline: Instant) {
        self.context.ended.store(true, Ordering::SeqCst);
        for feed in self.feeds.entries() {
            feed.end(deadline);
        }
    }

    /// How long changes have waited until they were published.
    pub(crate) fn delays(&self) -> &Times {
        &self.context.delays
    }

    /// How many feeds there are, and how many groups.
    pub(crate) fn counts(&self) -> [usize; 2] {
        [self.feeds.len(), self.groups.len()]
    }

    fn new_channel(&self) -> Channel {
        let id = FeedId(self.next_feed.fetch_add(1, Ordering::Relaxed));
        Channel::new(id, Arc::clone(&self.context))
    }
}

/// Has a new feed or group follow its room, which may have changed since it was made.
fn observe<S: Published + EntryObserver<()>>(room: &RoomRef, source: &Arc<Entry<(), S>>) {
    let observer: Weak<Entry<(), S>> = Arc::downgrade(source);
    room.observe(observer);
    channel::wake(source);
}

impl EntryObserver<()> for Feed {
    fn on_change(feed: FeedRef) {
        channel::wake(&feed);
    }
}

impl EntryObserver<()> for Group {
    fn on_change(group: GroupRef) {
        channel::wake(&group);
    }
}

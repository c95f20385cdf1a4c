//! The feeds and groups that the connections of one event loop receive.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use onlookers_rooms::Site;
use smallvec::SmallVec;

use super::connection::ConnectionId;
use crate::feeds::{Batch, Channel, FeedId, FeedRef, GroupRef, Published, Update};
use crate::metrics::{Kind, Label, Stopwatch};

/// How many batches of a group may wait for the loop. If there are more, its members get the newest state instead.
const MAX_BATCHES: usize = 16;

pub(super) struct Subscriptions {
    /// The number of the event loop.
    number: u32,
    /// Boxed: the table is up to half empty, and most of very many feeds have one subscriber.
    by_feed: HashMap<FeedId, Box<Subscription>>,
    /// The feeds with an update that hasn't been sent, each once.
    due: Vec<FeedId>,
}

/// The connections of this loop that receive one feed or group.
pub(super) struct Subscription {
    pub(super) source: Source,
    /// A feed's frame that was sent last; a newer one may be due.
    pub(super) frame: Bytes,
    /// A group's batches that are due.
    batches: Vec<Arc<Batch>>,
    /// More batches were due than may wait, and were dropped.
    has_dropped: bool,
    /// Most feeds have a few; these need no memory of their own.
    pub(super) subscribers: SmallVec<[Subscriber; 2]>,
    is_due: bool,
}

/// A connection, and the number of the subscription among its own.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Subscriber {
    pub(super) connection: ConnectionId,
    pub(super) slot: u8,
}

/// Something that can be subscribed to.
#[derive(Clone)]
pub(super) enum Source {
    Feed(FeedRef),
    Group(GroupRef),
}

impl Subscriptions {
    pub(super) fn new(number: u32) -> Self {
        Self { number, by_feed: HashMap::new(), due: Vec::new() }
    }

    /// Adds a subscriber, and returns its place. From now on it gets each update.
    pub(super) fn add(&mut self, source: &Source, subscriber: Subscriber) -> u32 {
        let number = self.number;
        let subscription = self.by_feed.entry(source.channel().id()).or_insert_with(|| {
            // Before the newest frame is looked at, so that none comes between the two.
            source.channel().subscribe(number);
            Box::new(Subscription::new(source.clone()))
        });
        // The newest, even if the other subscribers are yet to get it: nobody begins with an older number.
        subscription.frame = source.frame();
        subscription.subscribers.push(subscriber);
        subscription.subscribers.len() as u32 - 1
    }

    /// Removes the subscriber in that place, and returns the one that has the place now.
    pub(super) fn remove(&mut self, feed: FeedId, place: u32) -> Option<Subscriber> {
        let subscription = self.by_feed.get_mut(&feed)?;
        subscription.subscribers.swap_remove(place as usize);
        if let Some(moved) = subscription.subscribers.get(place as usize) {
            return Some(*moved);
        }
        if subscription.subscribers.is_empty() {
            subscription.source.channel().unsubscribe(self.number);
            self.by_feed.remove(&feed);
        }
        None
    }

    pub(super) fn get(&self, feed: FeedId) -> Option<&Subscription> {
        self.by_feed.get(&feed).map(|subscription| &**subscription)
    }

    pub(super) fn get_mut(&mut self, feed: FeedId) -> Option<&mut Subscription> {
        self.by_feed.get_mut(&feed).map(|subscription| &mut **subscription)
    }

    /// Has an update sent in the next round. The feed may have lost its last subscriber since.
    pub(super) fn mark_due(&mut self, feed: FeedId, update: Update) {
        let Some(subscription) = self.by_feed.get_mut(&feed) else { return };
        if let Update::Batch(batch) = update {
            subscription.add_batch(batch);
        }
        if !subscription.is_due {
            subscription.is_due = true;
            self.due.push(feed);
        }
    }

    pub(super) fn has_due(&self) -> bool {
        !self.due.is_empty()
    }

    pub(super) fn take_due(&mut self) -> Vec<FeedId> {
        std::mem::take(&mut self.due)
    }

    /// No update is due any more.
    pub(super) fn end(&mut self) {
        self.due = Vec::new();
    }

    /// Gives memory back when nothing is left.
    pub(super) fn shrink(&mut self) {
        self.by_feed.shrink_to_fit();
    }
}

impl Subscription {
    fn new(source: Source) -> Self {
        let (frame, subscribers) = (Bytes::new(), SmallVec::new());
        Self { source, frame, batches: Vec::new(), has_dropped: false, subscribers, is_due: false }
    }

    fn add_batch(&mut self, batch: Arc<Batch>) {
        if self.batches.len() == MAX_BATCHES {
            self.batches.clear();
            self.has_dropped = true;
        }
        self.batches.push(batch);
    }

    /// The batches to send now, and whether some were dropped. A feed has its newest frame to send.
    pub(super) fn take_update(&mut self) -> (Vec<Arc<Batch>>, bool) {
        self.is_due = false;
        self.frame = self.source.frame();
        (std::mem::take(&mut self.batches), std::mem::take(&mut self.has_dropped))
    }

    /// A feed's frame to send now; the last one of a stream that ends.
    pub(super) fn frame(&self, is_last: bool) -> Bytes {
        if is_last { self.source.closing() } else { self.frame.clone() }
    }

    /// A feed's bytes for those who have its newest frame, to keep their connections alive.
    pub(super) fn resend(&self) -> &Bytes {
        match &self.source {
            Source::Feed(feed) => feed.resend(&self.frame),
            Source::Group(_) => &self.frame,
        }
    }
}

impl Source {
    /// A feed's newest frame.
    fn frame(&self) -> Bytes {
        match self {
            Self::Feed(feed) => feed.newest(),
            Self::Group(_) => Bytes::new(),
        }
    }

    /// The last frame of a stream.
    fn closing(&self) -> Bytes {
        match self {
            Self::Feed(feed) => feed.closing(),
            Self::Group(_) => Bytes::new(),
        }
    }

    /// The site of its room.
    pub(super) fn site(&self) -> &Site {
        match self {
            Self::Feed(feed) => feed.site(),
            Self::Group(group) => group.room.site(),
        }
    }

    /// What its subscribers receive.
    pub(super) fn kind(&self) -> Kind {
        match self {
            Self::Feed(feed) => feed.kind(),
            Self::Group(_) => Kind::WebSocket,
        }
    }

    /// The family of the style that they receive, or what else that is.
    pub(super) fn style(&self) -> &'static str {
        match self {
            Self::Feed(feed) => feed.style(),
            Self::Group(_) => Kind::WebSocket.name(),
        }
    }

    /// Begins to measure work for its subscribers, if somebody wants to know what that costs.
    pub(super) fn measure(&self) -> Option<Stopwatch> {
        self.channel().costs().measure()
    }

    /// The work since then was for its subscribers.
    pub(super) fn charge(&self, since: Option<Stopwatch>) {
        self.channel().costs().of_viewers(self.site(), self.style(), since);
    }

    /// Its connection to the event loops.
    pub(super) fn channel(&self) -> &Channel {
        match self {
            Self::Feed(feed) => feed.channel(),
            Self::Group(group) => group.channel(),
        }
    }
}

//! A group: the WebSockets that receive the same messages of a room.
//!
//! As a feed does, it paces, encodes once for everyone, and keeps no backlog. A member that doesn't take a batch whole
//! gets the newest state later, not the batches in between.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use onlookers_rooms::sync::{Arc, Mutex};
use onlookers_rooms::{RankingWatch, Room, RoomName, RoomRef, ViewerId};
use tokio::time::Instant;

use super::batch::{Batch, BatchBuilder};
use super::channel::{self, Channel, Painting, Published, Update};
use super::elsewhere::Elsewhere;
use super::posts::{Post, Posts};
use super::roster::{Notice, Roster};
use super::snapshot::Snapshot;
use super::{GroupRef, Topic};
use crate::metrics::{Kind, Label};
use crate::wire::frame;
use crate::wire::protocol::{ClientError, Data, ServerMessage};

/// How many readers' positions a newcomer is sent.
const MAX_READERS: usize = 100;

/// By then everything is due.
const LATER: Duration = Duration::from_secs(10);

/// The rank of a group's lock: the room is looked at under it.
const GROUP: u32 = 10;

/// The WebSockets that receive one topic of one room.
pub struct Group {
    channel: Channel,
    pub(crate) room: RoomRef,
    pub(crate) topic: Topic,
    /// How many members it has.
    pub(super) members: AtomicUsize,
    pub(super) state: Mutex<State, GROUP>,
    /// If they receive the ranking, while other nodes count, too.
    ranking: OnceLock<RankingWatch>,
}

/// Under one lock, so that batches, joins and newcomers have one order.
#[derive(Default)]
pub(super) struct State {
    snapshot: Snapshot,
    pub(super) roster: Roster,
    /// None until a member sends a position or a message.
    pub(super) posts: Option<Box<Posts>>,
    elsewhere: Elsewhere,
    /// How many batches there were.
    batches: u32,
}

impl State {
    /// Takes in what other nodes tell of the room.
    fn look_elsewhere(&mut self, room: &Room) {
        if !self.elsewhere.is_current(room) {
            self.elsewhere.update(room, &mut self.roster, &mut self.posts);
        }
    }

    /// A member that others may know of has gone.
    pub(super) fn leave(&mut self, id: ViewerId) {
        self.roster.leave(id);
        if let Some(posts) = &mut self.posts {
            posts.forget(id);
        }
    }
}

impl Group {
    pub(super) fn new(channel: Channel, room: RoomRef, topic: Topic) -> Self {
        Self {
            channel,
            room,
            topic,
            members: AtomicUsize::new(0),
            state: Mutex::default(),
            ranking: OnceLock::new(),
        }
    }

    /// Records the room's current state, which the first members receive on entry, so that it isn't published as a change.
    pub(super) fn start(&self) {
        self.state.lock().snapshot.frame = self.frame_now().into();
        if self.topic == Topic::Counts {
            self.room.open_inbox();
        }
    }

    /// If they receive the ranking, has other nodes' counts taken in for as long as the group exists.
    pub(super) fn watch_ranking(&self) {
        let shows_ranking = matches!(self.topic, Topic::Top { .. });
        let watch = shows_ranking.then(|| self.room.watch_ranking());
        watch.map(|watch| self.ranking.set(watch));
    }

    /// Whether its members receive `topic` of the room with that name.
    pub(crate) fn is_of(&self, name: &RoomName, topic: Topic) -> bool {
        self.topic == topic && self.room.name() == *name
    }

    /// Appends the newest state to `buffer`, for member `id`, which is new or has missed something: the room as it is now
    /// and the positions of its newest readers. Returns the number of the last batch that the member needn't get.
    pub(crate) fn write_newest(&self, id: ViewerId, buffer: &mut Vec<u8>) -> u32 {
        let mut state = self.state.lock();
        let now = self.frame_now();
        state.snapshot.greet(id, &now);
        buffer.extend_from_slice(&now);
        if self.topic == Topic::Counts {
            self.look_elsewhere(&mut state);
            self.write_readers(id, &mut state, buffer);
        }
        state.batches
    }

    /// A reader who is found here hasn't left: it leaves the room's readers first and then this group, under its lock. Of
    /// another node's it is known whether the group has taken them in. So the leave of everybody who is revealed here will be
    /// announced; others are sent when they are taken in.
    fn write_readers(&self, id: ViewerId, State { roster, elsewhere, .. }: &mut State, buffer: &mut Vec<u8>) {
        let readers = self.room.readers_anywhere(MAX_READERS);
        let room = self.room.name().to_string();
        let is_sure = |id: ViewerId, is_here: bool| is_here || elsewhere.knows(id);
        let others = readers.iter().filter(|(other, _, is_here)| *other != id && is_sure(*other, *is_here));
        for (reader_id, reader, _) in others {
            roster.reveal(*reader_id);
            frame::put_text(buffer, &ServerMessage::presence(&room, *reader_id, reader).to_json());
        }
    }

    /// Puts together what is due at `now`.
    fn collect(&self, now: Instant) -> Option<Batch> {
        let (mut batch, mut state) = (BatchBuilder::default(), self.state.lock());
        let state = &mut *state;
        self.look_elsewhere(state);
        if self.room_has_changed(state) && self.channel.due(now, self.topic.min_gap()) <= now {
            self.collect_changes(state, &mut batch);
            self.channel.published();
        }
        let cost = self.channel.cost();
        if let Some(posts) = &mut state.posts
            && posts.due(now, cost).is_some_and(|due| due <= now)
        {
            let (members, before) = (self.members.load(Ordering::Relaxed), batch.len());
            let (moved, messages) = posts.take(members, now);
            self.collect_positions(moved, &mut state.roster, &mut batch);
            self.collect_messages(messages, &mut batch);
            posts.sent(batch.len() - before, members);
        }
        state.batches = state.batches.wrapping_add(1);
        batch.build(state.batches)
    }

    fn collect_changes(&self, state: &mut State, batch: &mut BatchBuilder) {
        // The notices are taken first, so that a join is rarely announced before its count.
        let notices = state.roster.take();
        state.snapshot.update(self.frame_now(), batch);
        let room = self.room.name().to_string();
        for notice in notices {
            match notice {
                Notice::Join(id) => {
                    let name = self.room.reader(id).and_then(|reader| reader.name);
                    let message = ServerMessage::Join { room: &room, id, name: name.as_ref() };
                    batch.add_text(Some(id), &message.to_json());
                }
                Notice::Leave(id) => {
                    batch.add_text(None, &ServerMessage::Leave { room: &room, id }.to_json());
                }
            }
        }
    }

    fn collect_positions(&self, moved: Vec<ViewerId>, roster: &mut Roster, batch: &mut BatchBuilder) {
        let room = self.room.name().to_string();
        for id in moved {
            let Some(reader) = self.room.reader(id) else { continue };
            roster.reveal(id);
            batch.add_text(Some(id), &ServerMessage::presence(&room, id, &reader).to_json());
        }
    }

    /// Messages go to other nodes when they go out here, so that the same bounds hold there.
    fn collect_messages(&self, messages: Vec<Post>, batch: &mut BatchBuilder) {
        let room = self.room.name().to_string();
        for Post { from, data, is_from_here } in messages {
            let message = ServerMessage::Message { room: &room, from, data: &data };
            batch.add_text(Some(from), &message.to_json());
            if is_from_here {
                self.room.post(from, data.as_json());
            }
        }
    }

    /// Publishes everything that waits, though it isn't due: its members are about to move.
    pub(super) fn flush(&self) {
        self.publish_batch(Instant::now() + LATER);
    }

    fn look_elsewhere(&self, state: &mut State) {
        if self.topic == Topic::Counts {
            state.look_elsewhere(&self.room);
        }
    }

    fn room_has_changed(&self, state: &State) -> bool {
        !state.roster.is_empty() || !state.snapshot.is(&self.frame_now())
    }

    fn frame_now(&self) -> Vec<u8> {
        frame::text(&self.topic.text(&self.room, &self.channel.context))
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if self.topic == Topic::Counts {
            self.room.close_inbox();
        }
    }
}

/// A member's reader is somewhere else in the page than before.
pub(crate) fn moved(group: &GroupRef, id: ViewerId) {
    group.state.lock().posts.get_or_insert_default().moved(id);
    channel::wake(group);
}

/// A member sends `data` to all others.
///
/// # Errors
/// [`ClientError::Busy`].
pub(crate) fn post(group: &GroupRef, id: ViewerId, data: Data) -> Result<(), ClientError> {
    let post = Post { from: id, data, is_from_here: true };
    group.state.lock().posts.get_or_insert_default().post(post)?;
    channel::wake(group);
    Ok(())
}

impl Published for Group {
    fn channel(&self) -> &Channel {
        &self.channel
    }

    fn has_changed(&self) -> bool {
        let mut state = self.state.lock();
        self.look_elsewhere(&mut state);
        let has_posts = |posts: &Posts| posts.due(Instant::now(), Duration::ZERO).is_some();
        self.room_has_changed(&state) || state.posts.as_deref().is_some_and(has_posts)
    }

    fn due(&self, now: Instant) -> Instant {
        let state = self.state.lock();
        let changes = self.room_has_changed(&state).then(|| self.channel.due(now, self.topic.min_gap()));
        let posts = state.posts.as_ref().and_then(|posts| posts.due(now, self.channel.cost()));
        [changes, posts].into_iter().flatten().min().unwrap_or(now)
    }

    /// Messages are put together in microseconds.
    fn publish_at_hand(&self, now: Instant) -> Result<(), Painting> {
        self.publish_due(now);
        Ok(())
    }

    fn publish_due(&self, now: Instant) {
        let publishing = &self.channel.context.publishing;
        // Before the look: who holds the feeds waits for those that have looked before.
        publishing.fetch_add(1, Ordering::SeqCst);
        if !self.channel.is_held() {
            self.publish_batch(now);
        }
        publishing.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Group {
    /// Publishes what is due at `now`.
    fn publish_batch(&self, now: Instant) {
        let (started, changed) = (Instant::now(), self.channel.take_change());
        let (costs, measured) = (self.channel.costs(), self.channel.costs().measure());
        let batch = self.collect(now);
        costs.of_viewers(self.room.site(), Kind::WebSocket.name(), measured);
        let Some(batch) = batch else { return };
        self.channel.start_cost(started.elapsed());
        self.channel.publish_change(changed, Update::Batch(Arc::new(batch)));
    }
}

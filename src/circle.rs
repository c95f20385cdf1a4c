//! Circles: those WebSocket viewers who hear the same of a room.
//!
//! A circle is to WebSockets what a feed is to pictures: it paces, encodes once for everyone, and keeps no backlog. What
//! it has to tell goes out in one write to each, shared bytes, from the circle's own task: nobody is woken
//! for it. Who doesn't take a write whole gets the newest later, not what came in between.

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::time::Duration;

use bytes::Bytes;
use serde_json::Value;
use tokio::sync::Notify;
use tokio::task::AbortHandle;
use tokio::time::Instant;

use crate::delivery::websocket::{Outbox, frame};
use crate::feed::pace::Pace;
pub(crate) use crate::room::ViewerId;
use crate::room::registry::{Entry, Registry};
use crate::room::{EntryObserver, RoomName, RoomRef};
pub(crate) use attendance::Attendance;
use batch::{Batch, Sealed};
pub(crate) use members::MemberKey;
use members::{Listener, Members};
use notices::Notices;
pub(crate) use talk::NotSaid;
use talk::{Message, Talk};
pub(crate) use telling::Telling;
use told::Told;

mod attendance;
mod batch;
mod members;
mod notices;
mod talk;
mod telling;
mod told;

/// Of how many readers a newcomer is told where they are.
const MOST_READERS: usize = 100;

/// What a telling took is followed by four times that, as with feeds: no room takes more than a fifth of a core.
const REST: u32 = 4;

/// A circle that somebody holds; the last holder to go takes it along.
pub(crate) type CircleRef = Arc<Entry<CircleKey, Circle>>;

/// What makes two viewers hear the same.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct CircleKey {
    room: RoomName,
    telling: Telling,
}

/// All circles that have viewers.
pub(crate) struct Circles {
    circles: Arc<Registry<CircleKey, Circle>>,
    ids: RandomState,
    next_id: AtomicU64,
}

/// Those who hear the same of one room.
pub(crate) struct Circle {
    room: RoomRef,
    name: RoomName,
    telling: Telling,
    members: Mutex<Members>,
    notices: Mutex<Notices>,
    told: Mutex<Told>,
    /// Rings when the room has changed.
    news: Arc<Notify>,
    driver: OnceLock<AbortHandle>,
    /// Nothing until somebody says something.
    talk: OnceLock<(Arc<Talk>, AbortHandle)>,
}

impl Circles {
    pub(crate) fn new() -> Self {
        Self { circles: Registry::new(), ids: RandomState::new(), next_id: AtomicU64::new(0) }
    }

    /// The circle of those who are told that of `room`. Needs a tokio runtime, on which the circle is driven.
    pub(crate) fn open(&self, room: &RoomRef, telling: Telling) -> CircleRef {
        let key = CircleKey { room: room.name(), telling };
        let circle = self.circles.open(&key, || (key.clone(), Circle::new(Arc::clone(room), telling)));
        circle.driver.get_or_init(|| {
            let weak = Arc::downgrade(&circle);
            room.observe(weak.clone());
            tokio::spawn(drive(weak, Arc::clone(&circle.news), telling.shortest_gap())).abort_handle()
        });
        circle
    }

    /// A name for a viewer that nobody has had and that says nothing of them: a number, hashed with a key of this process.
    pub(crate) fn new_id(&self) -> ViewerId {
        ViewerId::new(self.ids.hash_one(self.next_id.fetch_add(1, Ordering::Relaxed)))
    }
}

/// Tells a circle of its room's changes, for as long as the circle has members.
async fn drive(circle: Weak<Entry<CircleKey, Circle>>, news: Arc<Notify>, shortest_gap: Duration) {
    let mut pace = Pace::new(Instant::now());
    let mut cost = Duration::ZERO;
    loop {
        while circle.upgrade().is_some_and(|circle| !circle.has_news()) {
            news.notified().await;
        }
        tokio::time::sleep_until(pace.turn(Instant::now(), shortest_gap, cost)).await;
        let Some(circle) = circle.upgrade() else { return };
        cost = circle.publish().await;
        pace.published(Instant::now());
    }
}

/// Passes on what members say to each other, as long as there are any. A large room is told less often.
async fn pass_on(circle: Weak<Entry<CircleKey, Circle>>, talk: Arc<Talk>) {
    let mut next = Instant::now();
    loop {
        talk.said().await;
        tokio::time::sleep_until(next).await;
        let Some(circle) = circle.upgrade() else { return };
        let batch = circle.collect_talk(&talk).seal();
        let took = circle.send(&batch).await;
        next = Instant::now() + talk::GAP.max(took * REST);
    }
}

impl EntryObserver<CircleKey> for Circle {
    fn on_change(circle: CircleRef) {
        circle.news.notify_one();
    }
}

impl Circle {
    /// Somebody is elsewhere in the page than before.
    pub(crate) fn moved(circle: &CircleRef, id: ViewerId) {
        Self::talk(circle).moved(id);
    }

    /// Somebody says something to all others.
    ///
    /// # Errors
    /// [`NotSaid`], if that can't be passed on.
    pub(crate) fn say(circle: &CircleRef, id: ViewerId, data: &Value) -> Result<(), NotSaid> {
        Self::talk(circle).say(&circle.name, id, data)
    }

    fn talk(circle: &CircleRef) -> &Talk {
        let begin = || {
            let talk = Arc::new(Talk::default());
            (Arc::clone(&talk), tokio::spawn(pass_on(Arc::downgrade(circle), talk)).abort_handle())
        };
        &circle.talk.get_or_init(begin).0
    }
}

impl Circle {
    fn new(room: RoomRef, telling: Telling) -> Self {
        let name = room.name();
        let told = frame::text(&telling.say(&name, &room)).into();
        Self {
            room,
            name,
            telling,
            members: Mutex::default(),
            notices: Mutex::default(),
            told: Mutex::new(Told::new(told)),
            news: Arc::default(),
            driver: OnceLock::new(),
            talk: OnceLock::new(),
        }
    }

    /// Whether it is told that of that room.
    pub(crate) fn is_of(&self, name: &RoomName, telling: Telling) -> bool {
        self.telling == telling && self.name == *name
    }

    /// What `id` is told when it has missed something: the room as it is now and, of those who say where in it they are, the
    /// newest. Ready for the wire.
    pub(crate) fn newest(&self, id: ViewerId) -> Bytes {
        self.news(id, &lock(&self.told).frame, self.frame_of_now())
    }

    /// What `id` alone is told, if the room is so `now`.
    fn news(&self, id: ViewerId, told: &Bytes, mut now: Vec<u8>) -> Bytes {
        let readers =
            if self.telling == Telling::Counts { self.room.readers(MOST_READERS) } else { Vec::new() };
        for (reader_id, reader) in readers.iter().filter(|(reader_id, _)| *reader_id != id) {
            frame::put_text(&mut now, &talk::presence(&self.name, *reader_id, reader));
        }
        // What all were told last is shared; a copy of one's own is made only for what is more.
        if *told == now { told.clone() } else { now.into() }
    }

    /// The room that is told of.
    pub(crate) fn room(&self) -> &RoomRef {
        &self.room
    }

    /// Tells `id` how the room is now, and from now on what the circle is told, by `outbox`.
    ///
    /// Nothing is sent to members meanwhile, so nobody hears what is older behind what is newer.
    pub(crate) fn admit(&self, id: ViewerId, outbox: Arc<Outbox>, slot: u8) -> MemberKey {
        let mut members = self.members();
        let (news, since) = self.greet(id);
        // A page that reads nothing is found by what it is sent next.
        let _ = outbox.answer(&news);
        members.add(Listener { id, outbox, slot, since })
    }

    /// What a newcomer is told, and how many batches there were before that.
    fn greet(&self, id: ViewerId) -> (Bytes, u32) {
        let mut told = lock(&self.told);
        let now = self.frame_of_now();
        let since = told.greet(id, &now);
        (self.news(id, &told.frame, now), since)
    }

    /// `member` hears no more.
    pub(crate) fn part(&self, member: MemberKey) {
        self.members().remove(member);
    }

    fn has_news(&self) -> bool {
        !self.notices().is_empty() || lock(&self.told).frame != self.frame_of_now()
    }

    /// Tells everyone what there is to tell, and says how long the writing took.
    async fn publish(&self) -> Duration {
        let batch = self.collect().seal();
        self.send(&batch).await
    }

    fn collect(&self) -> Batch {
        let mut batch = Batch::default();
        // The notices first: what they are of is then in the count, too.
        let notices = self.notices().take();
        let mut told = lock(&self.told);
        told.update(self.frame_of_now(), &mut batch);
        drop(told);
        for notice in notices {
            let name = notice.by().and_then(|id| self.room.reader(id)?.name);
            batch.add_text(notice.by(), &notice.text(&self.name, name));
        }
        batch
    }

    fn collect_talk(&self, talk: &Talk) -> Batch {
        let (moved, messages) = talk.take();
        let mut batch = Batch::default();
        for id in moved {
            // Under this lock nobody leaves unnoticed whom the others are told of here.
            let mut notices = self.notices();
            let Some(reader) = self.room.reader(id) else { continue };
            notices.knows(id);
            batch.add_text(Some(id), &talk::presence(&self.name, id, &reader));
        }
        for Message { from, text } in messages {
            batch.add_text(Some(from), &text);
        }
        batch
    }

    async fn send(&self, batch: &Sealed) -> Duration {
        let (mut took, mut next) = (Duration::ZERO, Some(0));
        while let Some(from) = next {
            let started = Instant::now();
            next = self.members().send_some(batch, from);
            took += started.elapsed();
            // Others of this thread have their turn, and whoever comes or goes gets at the members.
            tokio::task::yield_now().await;
        }
        took
    }

    fn frame_of_now(&self) -> Vec<u8> {
        frame::text(&self.telling.say(&self.name, &self.room))
    }

    fn members(&self) -> MutexGuard<'_, Members> {
        lock(&self.members)
    }

    fn notices(&self) -> MutexGuard<'_, Notices> {
        lock(&self.notices)
    }
}

impl Drop for Circle {
    fn drop(&mut self) {
        let drivers = self.driver.get().into_iter().chain(self.talk.get().map(|(_, driver)| driver));
        drivers.for_each(AbortHandle::abort);
    }
}

/// A panic under one of these locks would be in code that has none.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

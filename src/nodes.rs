//! Many machines, one number: nodes that tell each other, through a store that they share, what each of them counts.
//!
//! In the order of the data's path:
//!
//! - `publisher`: what this node counts, as changes of its rooms.
//! - `pace`: how much of that at once, and how soon again.
//! - `store`: where it is written and read, as the node sees it; `redis`: in Redis or Valkey.
//! - `hub`: in the newest process of this machine, for those before it that linger after an upgrade.
//! - `leases`: the nodes whose counts are true, because they are alive.
//! - `follower`: what these count, put into the rooms that somebody looks at here.
//! - `queue`: the hints on their way to the node.
//! - `totals`: what these count on all sites together.
//! - `rankings`: what these count on the pages of a site, for its ranking.
//! - `requested`: rooms that a request asks for.
//! - `stored`: other values that nodes share.
//! - `staying`: what an upgrade leaves with the old process, as a node of its own.
//! - `node`: the task that does all of it; `asked` has what it waits for.

#[cfg(feature = "redis")]
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use onlookers_rooms::{Keys, Limits, Rooms};
use tokio::net::UnixStream;
use tokio::sync::mpsc::{self, Receiver};
use tokio::sync::{Notify, oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;

pub use hub::Hub;
use leases::Timing;
pub use node::Lease;
use node::{Node, Stop, Waiting};
#[cfg(feature = "redis")]
pub(crate) use redis::StoredValues;
#[cfg(feature = "redis")]
pub use redis::{RedisUrl, RedisUrlError};
pub(crate) use requested::Requested;
pub(crate) use staying::Staying;
#[cfg(feature = "acme")]
pub(crate) use store::StoreError;
use store::{Hint, Store};
#[cfg(not(feature = "redis"))]
pub(crate) use stored::StoredValues;

mod asked;
mod figures;
mod follower;
mod hub;
mod leases;
mod node;
mod pace;
mod publisher;
mod queue;
mod rankings;
#[cfg(feature = "redis")]
mod redis;
mod requested;
#[cfg_attr(not(feature = "redis"), allow(dead_code, reason = "it stays in Redis"))]
mod staying;
mod store;
#[cfg(not(feature = "redis"))]
#[allow(dead_code, reason = "its interface is that of the one with Redis")]
mod stored;
#[cfg(test)]
mod tests;
mod totals;

/// How long a server that starts waits for the store. Without it, it begins alone.
const PATIENCE: Duration = Duration::from_secs(2);

/// The task of this node, while the server runs.
pub struct NodeTask {
    task: JoinHandle<Lease>,
    #[cfg_attr(not(feature = "redis"), allow(dead_code, reason = "it is that of a node in Redis"))]
    lease: Lease,
    stop: watch::Sender<Stop>,
    settle: mpsc::Sender<Waiting>,
    is_ready: watch::Receiver<bool>,
    shared: Shared,
}

/// A connection to Redis, which may not be there yet.
#[cfg(feature = "redis")]
pub struct Connecting((redis::Redis, Receiver<Hint>));

#[cfg(feature = "redis")]
impl Connecting {
    /// Begins to connect. Needs a tokio runtime.
    ///
    /// # Errors
    /// The file of authorities isn't one.
    pub fn to(url: RedisUrl, ca: Option<PathBuf>) -> Result<Self, RedisUrlError> {
        redis::Redis::connect(redis::RedisConfig { url, ca }).map(Self)
    }

    /// Other values than counts, over the same connection.
    #[cfg_attr(not(feature = "acme"), allow(dead_code, reason = "certificates are the only such values"))]
    pub(crate) fn stored(&self) -> StoredValues {
        self.0.0.stored()
    }
}

/// The rooms of a server, which counts alone until it begins to count together with others.
#[derive(Clone)]
pub struct Shared {
    /// The rooms, whose counts are the others', too, while this node is among them.
    pub rooms: Arc<Rooms>,
    /// What requests ask for.
    pub(crate) requested: Arc<Requested>,
    /// Is notified when the rooms have something to tell.
    changed: Arc<Notify>,
}

impl Shared {
    /// No rooms yet.
    pub fn new(limits: Limits) -> Self {
        let rooms = Arc::new(Rooms::new(limits));
        Self { requested: Arc::new(Requested::new(Arc::clone(&rooms))), rooms, changed: Arc::default() }
    }

    /// There are others from now on, of whom nothing is known yet.
    fn begin(&self) {
        self.end();
        let wake = Arc::clone(&self.changed);
        self.rooms.begin_sharing(move || wake.notify_one());
    }

    /// There are no others any more.
    fn end(&self) {
        self.rooms.stop_sharing();
        self.requested.stop();
    }
}

impl NodeTask {
    /// Begins to share what is counted through a store, under the lease of another if there is one. Needs a tokio runtime.
    fn start<S: Store>(
        (store, hints): (S, Receiver<Hint>),
        lease: Option<&Lease>,
        shared: Shared,
        keys: Arc<Keys>,
    ) -> Self {
        let ((stop, stopped), (ready, is_ready)) = (watch::channel(Stop::Not), watch::channel(false));
        let (settle, settling) = mpsc::channel(1);
        let (rooms, requested) = (Arc::clone(&shared.rooms), Arc::clone(&shared.requested));
        let begun = lease.cloned().unwrap_or_else(Lease::new);
        let node = Node::new((begun.id, Timing::USUAL), Arc::new(store), rooms, requested, keys, ready);
        let node = match lease {
            Some(lease) => node.under(lease),
            None => node,
        };
        shared.begin();
        let task = tokio::spawn(node.run(hints, Arc::clone(&shared.changed), settling, stopped));
        Self { task, lease: begun, stop, settle, is_ready, shared }
    }

    /// The lease that it has begun with.
    #[cfg(feature = "redis")]
    pub(crate) fn lease(&self) -> &Lease {
        &self.lease
    }

    /// Begins to share what is counted through Redis. Needs a tokio runtime.
    #[cfg(feature = "redis")]
    pub fn through_redis(redis: Connecting, shared: Shared, keys: Arc<Keys>) -> Self {
        Self::start(redis.0, None, shared, keys)
    }

    /// The same, as the node of another process, which has [handed it over](Self::hand_over): to the other nodes it is the same.
    #[cfg(feature = "redis")]
    pub fn through_redis_as(redis: Connecting, lease: &Lease, shared: Shared, keys: Arc<Keys>) -> Self {
        Self::start(redis.0, Some(lease), shared, keys)
    }

    /// Begins to share what is counted with older processes, which this one serves with the hub. Needs a tokio runtime.
    pub fn through_hub(hub: &Hub, shared: Shared, keys: Arc<Keys>) -> Self {
        Self::start(hub.connect(), None, shared, keys)
    }

    /// The same, as a node that has been [handed over](Self::hand_over).
    pub fn through_hub_as(hub: &Hub, lease: &Lease, shared: Shared, keys: Arc<Keys>) -> Self {
        Self::start(hub.connect(), Some(lease), shared, keys)
    }

    /// Begins to share what is counted with the newest process and those between it and this one, through the hub that the newest
    /// has at the other end of this socket. Needs a tokio runtime.
    pub fn through_process(socket: UnixStream, shared: Shared, keys: Arc<Keys>) -> Self {
        Self::start(hub::connect(socket), None, shared, keys)
    }

    /// Waits until everything is published that there was to tell when this was called, and until it is known what the others count
    /// in every room that somebody looks at here. With a hub, the others have told everything, too; with Redis they may not. It may
    /// take for ever if another process doesn't answer: the caller sets the time. When the store has gone or this node has died,
    /// there is nothing to wait for.
    pub fn settled(&self) -> impl Future<Output = ()> + Send + 'static + use<> {
        let ((waiting, settled), settle) = (oneshot::channel(), self.settle.clone());
        async move {
            if settle.send(waiting).await.is_ok() {
                let _ = settled.await;
            }
        }
    }

    /// Waits until the store has been heard, for two seconds at most.
    pub async fn ready(&mut self) {
        let _ = timeout(PATIENCE, self.is_ready.wait_for(|is_ready| *is_ready)).await;
    }

    /// Waits until the task is over, which it is never by itself.
    pub(crate) async fn wait_for_death(&mut self) {
        let _ = (&mut self.task).await;
    }

    /// Takes back what this node has published: the others don't count it any more. What they count is still shown here.
    pub async fn leave(self) {
        self.stop(Stop::Leave).await;
    }

    /// The same, and from now on this process counts alone.
    pub async fn end(self) {
        let shared = self.shared.clone();
        self.leave().await;
        shared.end();
    }

    /// Stops without telling the others: they count this node for 7.5 seconds more, and until then another process, or this one, can
    /// go on as this node, or as another one through another hub. What the others count is still shown here. None if this node has died.
    pub async fn hand_over(self) -> Option<Lease> {
        self.stop(Stop::HandOver).await
    }

    async fn stop(self, how: Stop) -> Option<Lease> {
        self.stop.send_replace(how);
        // One that has died may have been waited for already.
        if self.task.is_finished() { None } else { self.task.await.ok() }
    }
}

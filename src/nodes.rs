//! Many machines, one number: nodes that tell each other, through a store that they share, what each of them counts.
//!
//! In the order of the data's path:
//!
//! - `publisher`: what this node counts, as changes of its rooms.
//! - `pace`: how much of that at once, and how soon again.
//! - `store`: where it is written and read, as the node sees it; `redis`: in Redis or Valkey.
//! - `leases`: the nodes whose counts are true, because they are alive.
//! - `follower`: what these count, put into the rooms that somebody looks at here.
//! - `totals`: what these count on all sites together.
//! - `rankings`: what these count on the pages of a site, for its ranking.
//! - `requested`: rooms that a request asks for.
//! - `stored`: other values that nodes share.
//! - `node`: the task that does all of it; `asked` has what it waits for.

#![cfg_attr(not(feature = "redis"), allow(dead_code, reason = "Redis is the only store yet"))]

#[cfg(feature = "redis")]
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use onlookers_rooms::{Keys, Limits, Rooms};
use tokio::sync::mpsc::Receiver;
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use leases::Timing;
use node::Node;
#[cfg(feature = "redis")]
pub(crate) use redis::StoredValues;
#[cfg(feature = "redis")]
pub use redis::{RedisUrl, RedisUrlError};
pub(crate) use requested::Requested;
#[cfg(feature = "acme")]
pub(crate) use store::StoreError;
use store::{Hint, NodeId, Store};
#[cfg(not(feature = "redis"))]
pub(crate) use stored::StoredValues;

mod asked;
mod figures;
mod follower;
mod leases;
mod node;
mod pace;
mod publisher;
mod rankings;
#[cfg(feature = "redis")]
mod redis;
mod requested;
mod store;
#[cfg(not(feature = "redis"))]
mod stored;
#[cfg(test)]
mod tests;
mod totals;

/// How long a server that starts waits for the store. Without it, it begins alone.
const PATIENCE: Duration = Duration::from_secs(2);

/// TEMPORARY
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub struct Lease {}

/// The task of this node, while the server runs.
pub struct NodeTask {
    task: JoinHandle<()>,
    stop: watch::Sender<bool>,
    is_ready: watch::Receiver<bool>,
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

/// The rooms of a server that counts together with others, before it begins to.
pub struct Shared {
    /// The rooms, whose counts are the others', too, from when this node is among them.
    pub rooms: Arc<Rooms>,
    /// What requests ask for.
    pub(crate) requested: Arc<Requested>,
    /// Is notified when the rooms have something to tell.
    changed: Arc<Notify>,
}

impl Shared {
    /// No rooms yet.
    pub fn new(limits: Limits) -> Self {
        let changed = Arc::new(Notify::new());
        let wake = Arc::clone(&changed);
        let rooms = Arc::new(Rooms::with_others(limits, move || wake.notify_one()));
        Self { requested: Arc::new(Requested::new(Arc::clone(&rooms))), rooms, changed }
    }
}

impl NodeTask {
    /// Begins to share what is counted through a store. Needs a tokio runtime.
    fn start<S: Store>((store, hints): (S, Receiver<Hint>), shared: Shared, keys: Arc<Keys>) -> Self {
        let ((stop, stopped), (ready, is_ready)) = (watch::channel(false), watch::channel(false));
        let Shared { rooms, requested, changed } = shared;
        let node =
            Node::new((NodeId::random(), Timing::USUAL), Arc::new(store), rooms, requested, keys, ready);
        Self { task: tokio::spawn(node.run(hints, changed, stopped)), stop, is_ready }
    }

    /// Begins to share what is counted through Redis. Needs a tokio runtime.
    #[cfg(feature = "redis")]
    pub fn through_redis(redis: Connecting, shared: Shared, keys: Arc<Keys>) -> Self {
        Self::start(redis.0, shared, keys)
    }

    /// Waits until the store has been heard, for two seconds at most.
    pub async fn ready(&mut self) {
        let _ = timeout(PATIENCE, self.is_ready.wait_for(|is_ready| *is_ready)).await;
    }

    /// Waits until the task is over, which it is never by itself.
    pub(crate) async fn wait_for_death(&mut self) {
        let _ = (&mut self.task).await;
    }

    /// Takes back what this node has published: the others don't count it any more.
    pub async fn leave(self) {
        self.stop.send_replace(true);
        // One that has died was waited for already.
        if !self.task.is_finished() {
            let _ = self.task.await;
        }
    }
}

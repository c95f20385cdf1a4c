//! This process among those that count together: nodes in Redis, and around an upgrade the processes of this machine.

use std::sync::Arc;
use std::time::Duration;

use onlookers_handover::Link;
use onlookers_rooms::Keys;
use tokio::task::{AbortHandle, spawn_blocking};
use tokio::time::timeout;

#[cfg(feature = "redis")]
use super::Redis;
use super::older::Older;
use crate::app::App;
#[cfg(feature = "redis")]
use crate::nodes::{Connecting, Staying};
use crate::nodes::{Lease, NodeTask, Shared};
use crate::upgrade;

/// How long the others may take to say what they count. Pages show the number of before meanwhile.
const TO_SETTLE: Duration = Duration::from_secs(2);

/// This process among the others, if there are any.
pub(crate) struct Joined {
    shared: Shared,
    keys: Arc<Keys>,
    #[cfg(feature = "redis")]
    redis: Option<Redis>,
    task: Option<NodeTask>,
    /// Processes that stay after an upgrade, which count together with this one.
    older: Older,
    /// Counts together with the process that has taken over from this one.
    newer: Option<AbortOnDrop>,
}

struct AbortOnDrop(AbortHandle);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Joined {
    /// There is nobody else.
    pub(crate) fn alone(shared: Shared, keys: Arc<Keys>) -> Self {
        Self {
            shared,
            keys,
            #[cfg(feature = "redis")]
            redis: None,
            task: None,
            older: Older::default(),
            newer: None,
        }
    }

    /// The others are in Redis.
    #[cfg(feature = "redis")]
    pub(super) fn through_redis(redis: Redis, shared: Shared, keys: Arc<Keys>) -> Self {
        Self { redis: Some(redis), ..Self::alone(shared, keys) }
    }

    /// Begins to count together with the nodes in Redis, as the node of that lease if there is one.
    #[cfg(feature = "redis")]
    pub(super) async fn begin(&mut self, connecting: Connecting, lease: Option<&Lease>) {
        let (shared, keys) = (self.shared.clone(), Arc::clone(&self.keys));
        let mut task = match lease {
            Some(lease) => NodeTask::through_redis_as(connecting, lease, shared, keys),
            None => NodeTask::through_redis(connecting, shared, keys),
        };
        task.ready().await;
        self.task = Some(task);
    }

    /// The same, over a connection of its own.
    #[cfg(feature = "redis")]
    async fn begin_again(&mut self, lease: Option<&Lease>) {
        match self.redis.as_ref().map(Redis::connect) {
            Some(Ok(connecting)) => self.begin(connecting, lease).await,
            Some(Err(error)) => tracing::error!("this process doesn't count with the other nodes: {error}"),
            None => {}
        }
    }

    /// Waits until the task that counts together with them has died.
    pub(crate) async fn wait_for_death(&mut self) {
        loop {
            let Some(task) = &mut self.task else { return std::future::pending().await };
            tokio::select! {
                () = task.wait_for_death() => return,
                () = self.older.wait_until_left() => {
                    // Not here: this may be dropped at any moment.
                    self.task.take().map(|task| tokio::spawn(task.end()));
                }
            }
        }
    }

    /// Another process is about to go on as this node. The others count what they know of it until then: they aren't told that its
    /// connections move.
    pub(crate) async fn hand_over(&mut self) -> Option<Lease> {
        self.task.take()?.hand_over().await
    }

    /// What the next process needs to go on as this node if this one dies; nothing if the other nodes are processes of this machine.
    pub(crate) fn lease(&self) -> Option<Lease> {
        #[cfg(feature = "redis")]
        return self.redis.as_ref().and(self.task.as_ref()).map(|task| task.lease().clone());
        #[cfg(not(feature = "redis"))]
        None
    }

    /// The links to processes that stay after an upgrade.
    pub(crate) fn older(&self) -> Vec<Arc<Link>> {
        self.older.links()
    }

    /// It doesn't: this process is the node again. Waits until it is known what the others count.
    pub(crate) async fn take_up(&mut self, lease: Option<Lease>) {
        #[cfg(feature = "redis")]
        self.begin_again(lease.as_ref()).await;
        if let (Some(hub), Some(lease), None) = (self.older.hub(), lease, &self.task) {
            let (shared, keys) = (self.shared.clone(), Arc::clone(&self.keys));
            self.task = Some(NodeTask::through_hub_as(hub, &lease, shared, keys));
        }
        self.settle().await;
    }

    /// Counts together with the process at the other end, which has taken over, and with all after that. Waits until it is known what
    /// that counts.
    pub(crate) async fn count_with(&mut self, link: Link, app: &Arc<App>) {
        #[cfg(feature = "redis")]
        if self.redis.is_some() {
            let staying = Staying::of(&self.shared);
            let lease = staying.lease().clone();
            let link = say_staying(link, staying).await;
            // What stands there until then under the name that the new process goes on with is this one's, too.
            let link = wait_until_told(link).await;
            self.begin_again(Some(&lease)).await;
            self.settle().await;
            return upgrade::told(&link);
        }
        let (shared, keys) = (self.shared.clone(), Arc::clone(&self.keys));
        let (mut sockets, app) = (upgrade::sockets(link), Arc::clone(app));
        let (settled, is_settled) = tokio::sync::oneshot::channel();
        let counting = async move {
            let (mut task, mut settled) = (None::<NodeTask>, Some(settled));
            while let Some(socket) = sockets.recv().await {
                app.feeds.hold();
                if let Some(task) = task.take() {
                    let _ = task.hand_over().await;
                }
                let next = NodeTask::through_process(socket, shared.clone(), Arc::clone(&keys));
                let _ = timeout(TO_SETTLE, next.settled()).await;
                task = Some(next);
                match settled.take() {
                    Some(settled) => _ = settled.send(()),
                    None => app.feeds.release(),
                }
            }
            // It has gone, and so has what it counted.
            if let Some(task) = task {
                task.end().await;
            }
        };
        self.newer = Some(AbortOnDrop(tokio::spawn(counting).abort_handle()));
        let _ = timeout(TO_SETTLE, is_settled).await;
    }

    /// Counts together with processes that stay after an upgrade, and waits until it is known what those count.
    pub(crate) async fn count_for(&mut self, links: Vec<Link>) {
        let mut together = Vec::new();
        if self.task.is_none() {
            let hub = self.older.serve(links);
            self.task = Some(NodeTask::through_hub(&hub, self.shared.clone(), Arc::clone(&self.keys)));
        } else {
            together = links;
        }
        self.settle().await;
        for link in together {
            // What stays there is counted under another name, which is heard of then.
            upgrade::told(&link);
            wait_until_told(Arc::new(link)).await;
            self.settle().await;
        }
    }

    /// Waits until all that is counted here is told, and it is known what the others count.
    pub(crate) async fn settle(&self) {
        if let Some(task) = &self.task
            && timeout(TO_SETTLE, task.settled()).await.is_err()
        {
            tracing::warn!("what another process counts isn't known in time: numbers may change at once");
        }
    }

    /// The others don't count any more what is counted here.
    pub(crate) async fn leave(self) {
        if let Some(task) = self.task {
            task.leave().await;
        }
    }
}

/// Says to the new process what stays with this one.
#[cfg(feature = "redis")]
async fn say_staying(link: Link, staying: Staying) -> Arc<Link> {
    let link = Arc::new(link);
    let other = Arc::clone(&link);
    let _ = spawn_blocking(move || upgrade::say_staying(&other, staying)).await;
    link
}

/// Waits until the other process has told the nodes what it counts.
async fn wait_until_told(link: Arc<Link>) -> Arc<Link> {
    let other = Arc::clone(&link);
    let _ = spawn_blocking(move || upgrade::wait_until_told(&other, TO_SETTLE)).await;
    link
}

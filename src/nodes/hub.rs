//! The store of the processes of one machine, in the memory of the newest one: after an upgrade those before it linger, and all of them
//! count together.
//!
//! The newest process uses it directly, each other one over a Unix socket ([`server`], [`client`]) that says the same in JSON
//! ([`message`]). What is stored, and who is told of it, is in [`state`].

use std::sync::Arc;

use onlookers_rooms::sync::Mutex;
use onlookers_rooms::{Counts, Post, RoomName, Site};
use tokio::net::UnixStream;
use tokio::sync::Notify;
use tokio::sync::mpsc::Receiver;

use super::pace::Pace;
use super::queue::Queue;
use super::store::{
    Change, Found, Hint, Leases, NodeId, PARTITIONS, PageTabs, Partition, Store, StoreError, Wanted,
};
use client::Calls;
pub(super) use client::connect;
use message::{Reply, Request};
use state::{LinkId, State};

mod client;
mod message;
mod server;
mod state;
#[cfg(test)]
mod tests;

/// The counts of all processes of this machine.
#[derive(Clone, Default)]
pub struct Hub(Arc<Inner>);

#[derive(Default)]
struct Inner {
    state: Mutex<State>,
    /// Is notified when a process has told everything, or is gone.
    told: Notify,
}

/// A process that uses the hub. When this is dropped, it has left.
pub(super) struct Link {
    hub: Hub,
    id: LinkId,
}

/// The hub, as one process reaches it.
pub(super) enum HubStore {
    Here(Link),
    There(Calls),
}

impl Hub {
    /// Nobody counts yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Has an older process use the hub over that socket, until the socket is closed; from then on it doesn't count any more. The other
    /// processes aren't [settled](super::NodeTask::settled) before this one has told everything, from this call on.
    pub fn serve(&self, socket: UnixStream) -> impl Future<Output = ()> + Send + 'static + use<> {
        let (link, hints) = self.link();
        server::serve(link, hints, socket)
    }

    /// A connection of this process, and what it hears.
    pub(super) fn connect(&self) -> (HubStore, Receiver<Hint>) {
        let (link, hints) = self.link();
        (HubStore::Here(link), hints)
    }

    fn link(&self) -> (Link, Receiver<Hint>) {
        let (queue, hints) = Queue::new();
        let id = self.0.state.lock().open(queue);
        (Link { hub: self.clone(), id }, hints)
    }
}

impl Link {
    async fn answer(&self, node: NodeId, request: Request) -> Reply {
        let Request::Told = request else { return self.hub.0.state.lock().answer(self.id, node, request) };
        self.hub.0.state.lock().tell(self.id);
        self.hub.0.told.notify_waiters();
        loop {
            let news = self.hub.0.told.notified();
            tokio::pin!(news);
            // Before the others are looked at, so that none tells between the two.
            news.as_mut().enable();
            if self.hub.0.state.lock().has_been_told_all() {
                return Reply::Done;
            }
            news.await;
        }
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.hub.0.state.lock().close(self.id);
        self.hub.0.told.notify_waiters();
    }
}

impl HubStore {
    async fn call(&self, node: NodeId, request: Request) -> Result<Reply, StoreError> {
        match self {
            Self::Here(link) => Ok(link.answer(node, request).await),
            Self::There(calls) => calls.call(node, request).await,
        }
    }

    /// Asks for as many answers as there are questions; the hub may have answered the first of them only.
    async fn ask_all<Q: Clone, A>(
        &self,
        questions: &[Q],
        request: impl Fn(Vec<Q>) -> Request,
        answers: impl Fn(Reply) -> Option<Vec<A>>,
    ) -> Result<Vec<A>, StoreError> {
        let mut all = Vec::with_capacity(questions.len());
        while all.len() < questions.len() {
            // Nobody's: what is asked is the same for all.
            let reply = self.call(NodeId(0), request(questions[all.len()..].to_vec())).await?;
            let some = answers(reply).filter(|some| !some.is_empty()).ok_or_else(misunderstood)?;
            all.extend(some);
        }
        Ok(all)
    }
}

/// The other side has answered something else than was asked.
fn misunderstood() -> StoreError {
    StoreError("the newest process has answered something else".into())
}

impl Store for HubStore {
    async fn renew(&self, node: NodeId, total: Counts) -> Vec<Result<Leases, StoreError>> {
        let leases = match self.call(node, Request::Renew(total)).await {
            Ok(Reply::Leases(leases)) => Ok(leases),
            Ok(_) => Err(misunderstood()),
            Err(error) => Err(error),
        };
        // The same in each partition: there is one server.
        let of_partition = |_| leases.as_ref().map(Clone::clone).map_err(|error| StoreError(error.0.clone()));
        (0..PARTITIONS).map(of_partition).collect()
    }

    async fn publish(
        &self,
        node: NodeId,
        changes: &[Change],
        posts: &[(RoomName, Post)],
    ) -> Result<(), StoreError> {
        self.call(node, Request::Publish(changes.to_vec(), posts.to_vec())).await.map(drop)
    }

    async fn read(&self, wanted: &[Wanted]) -> Result<Vec<Found>, StoreError> {
        let found = |reply| if let Reply::Found(found) = reply { Some(found) } else { None };
        self.ask_all(wanted, Request::Read, found).await
    }

    async fn read_pages(&self, wanted: &[(NodeId, Site)]) -> Result<Vec<PageTabs>, StoreError> {
        let pages = |reply| if let Reply::Pages(pages) = reply { Some(pages) } else { None };
        self.ask_all(wanted, Request::Pages, pages).await
    }

    async fn read_sites(&self, node: NodeId) -> Result<Vec<Site>, StoreError> {
        match self.call(node, Request::Sites).await? {
            Reply::Sites(sites) => Ok(sites),
            _ => Err(misunderstood()),
        }
    }

    async fn listen(&self, rooms: &[RoomName]) -> Result<(), StoreError> {
        self.call(NodeId(0), Request::Listen(rooms.to_vec())).await.map(drop)
    }

    async fn unlisten(&self, rooms: &[RoomName]) -> Result<(), StoreError> {
        self.call(NodeId(0), Request::Unlisten(rooms.to_vec())).await.map(drop)
    }

    async fn leave(&self, node: NodeId) -> Result<(), StoreError> {
        self.call(node, Request::Leave).await.map(drop)
    }

    async fn reap(&self, _: Partition, node: NodeId, renewals: u64) -> Result<(), StoreError> {
        self.call(node, Request::Reap(renewals)).await.map(drop)
    }

    async fn daily_key(&self, day: u64, proposal: [u8; 16]) -> Result<[u8; 16], StoreError> {
        match self.call(NodeId(0), Request::Key(day, proposal)).await? {
            Reply::Key(key) => Ok(key),
            _ => Err(misunderstood()),
        }
    }

    async fn stay(&self, node: NodeId) -> Result<(), StoreError> {
        self.call(node, Request::Stay).await.map(drop)
    }

    async fn told_all(&self, node: NodeId) -> Result<(), StoreError> {
        self.call(node, Request::Told).await.map(drop)
    }

    fn pace(&self) -> Pace {
        Pace::LOCAL
    }
}

//! The store in Redis or Valkey, version 7.0 or newer: one server, what sentinels watch, or a cluster.
//!
//! What nodes count lies under keys that begin with `onlookers:` ([`keys`]), as text that `redis-cli` shows ([`text`]). All
//! keys of a partition are on one server ([`servers`], [`cluster`]), and one connection to it has both the commands and the
//! hints ([`link`], [`open`]). No count in Redis expires: what a dead node has written is removed by the others ([`remove`]).
//! Values that aren't counts, such as certificates, go over the same connections ([`stored`]).

use std::sync::Arc;

use onlookers_rooms::sync::Mutex;
use onlookers_rooms::{Counts, Post, RoomName, Site};
use tokio::sync::mpsc::Receiver;

use super::queue::Queue;
use super::store::{Change, Found, Hint, Leases, NodeId, PageTabs, Partition, Store, StoreError, Wanted};
pub(crate) use config::RedisConfig;
use link::Link;
use servers::{Group, Servers};
pub(crate) use stored::StoredValues;
use subscriptions::Subscriptions;
pub use url::{RedisUrl, RedisUrlError};
use write::{Batch, Thing, Written};

mod cluster;
mod config;
mod endpoint;
mod former;
mod keys;
mod link;
mod many;
mod open;
mod pause;
mod present;
mod read;
mod remove;
mod renew;
mod said;
mod servers;
mod slots;
mod split;
#[cfg_attr(not(feature = "acme"), allow(dead_code, reason = "certificates are the only such values"))]
mod stored;
mod subscriptions;
mod text;
mod url;
mod write;

#[cfg(test)]
mod tests;

/// The most commands in one pipeline, except that all changes of one call go out together.
const MOST_COMMANDS: usize = 1000;

/// How long the key of a day is kept after the day, in seconds: nodes' clocks may differ.
const KEY_AFTERLIFE: u64 = 3600;
const DAY: u64 = 24 * 3600;

/// One or more Redis servers.
///
/// Each round trip takes two seconds at most, ten while hints come, and while there is no connection, calls fail at once. Where one server of a
/// cluster fails, a call does what it can on the others, and then returns the error. Rooms that were asked for are listened to
/// even if the call has failed: as soon as there is a connection again, and then [`Hint::Missed`] says so.
pub(crate) struct Redis {
    servers: Arc<Servers>,
    subscriptions: Arc<Subscriptions>,
    written: Mutex<Written>,
}

impl Redis {
    /// Begins to connect, from within a runtime, and goes on trying. The hints come out of the receiver, those of this node's
    /// own changes, too; if it takes them too slowly, some are replaced by [`Hint::Missed`].
    ///
    /// # Errors
    /// The file of authorities isn't one.
    pub(crate) fn connect(config: RedisConfig) -> Result<(Self, Receiver<Hint>), RedisUrlError> {
        let url = config.load()?;
        let (queue, hints) = Queue::new();
        let subscriptions = Arc::new(Subscriptions::new(queue));
        let servers = Arc::new(Servers::new(url, Arc::clone(&subscriptions)));
        Ok((Self { servers, subscriptions, written: Mutex::default() }, hints))
    }

    /// Other values than counts, over the same connections.
    #[cfg_attr(not(feature = "acme"), allow(dead_code, reason = "certificates are the only such values"))]
    pub(super) fn stored(&self) -> StoredValues {
        StoredValues(Arc::clone(&self.servers))
    }

    /// Does something on each server with the rooms that it has.
    async fn with_rooms<T: Future<Output = Result<(), StoreError>>>(
        &self,
        rooms: &[RoomName],
        act: impl Fn(Arc<Link>, Vec<String>) -> T,
    ) -> Result<(), StoreError> {
        let partition = |room: &&RoomName| Partition::of(room.of_site());
        let act = &act;
        let all = self.servers.each(rooms, partition, async |group: Group<&RoomName>| {
            act(group.link?, group.things.into_iter().map(keys::channel).collect()).await
        });
        all.await?.into_iter().collect()
    }
}

impl Store for Redis {
    async fn renew(&self, node: NodeId, total: Counts) -> Vec<Result<Leases, StoreError>> {
        let renew =
            async |group: Group<Partition>| (group.places.clone(), renew::renew(group, node, total).await);
        let groups = self.servers.each(Partition::all(), |partition| *partition, renew).await;
        let all = in_order(Partition::all().count(), groups);
        for (partition, leases) in Partition::all().zip(&all) {
            if let Ok(leases) = leases {
                self.written.lock().renewed(node, partition, leases.own);
            }
        }
        all
    }

    async fn publish(
        &self,
        node: NodeId,
        changes: &[Change],
        posts: &[(RoomName, Post)],
    ) -> Result<(), StoreError> {
        let things = changes.iter().map(Thing::Change).chain(posts.iter().map(Thing::Post));
        let publish = self.servers.each(things, Thing::partition, async |group: Group<Thing>| {
            let (link, batch) = (group.link?, Batch::new(node, &group.things));
            let (commands, epoch) = {
                let written = self.written.lock();
                (batch.commands(&written, self.servers.publish()), written.epoch())
            };
            link.tell(&commands).await?;
            batch.note(&mut self.written.lock(), epoch);
            Ok(())
        });
        publish.await?.into_iter().collect()
    }

    async fn read(&self, wanted: &[Wanted]) -> Result<Vec<Found>, StoreError> {
        let partition = |wanted: &&Wanted| Partition::of(wanted.room.of_site());
        let read = async |Group { link, places, things }: Group<&Wanted>| match link {
            Ok(link) => (places, read::read(&link, &things).await),
            Err(error) => (places, Err(error)),
        };
        in_order(wanted.len(), self.servers.each(wanted, partition, read).await).into_iter().collect()
    }

    async fn read_pages(&self, wanted: &[(NodeId, Site)]) -> Result<Vec<PageTabs>, StoreError> {
        let partition = |(_, site): &&(NodeId, Site)| Partition::of(site);
        let read = async |Group { link, places, things }: Group<&(NodeId, Site)>| match link {
            Ok(link) => (places, read::pages(&link, &things).await),
            Err(error) => (places, Err(error)),
        };
        in_order(wanted.len(), self.servers.each(wanted, partition, read).await).into_iter().collect()
    }

    async fn read_sites(&self, node: NodeId) -> Result<Vec<Site>, StoreError> {
        let read =
            async |Group { link, things, .. }: Group<Partition>| read::sites(&*link?, node, &things).await;
        let of_servers = self.servers.each(Partition::all(), |partition| *partition, read).await?;
        Ok(of_servers.into_iter().collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
    }

    async fn listen(&self, rooms: &[RoomName]) -> Result<(), StoreError> {
        self.subscriptions.add(rooms);
        self.with_rooms(rooms, async |link, channels| link.subscribe(&channels).await).await
    }

    async fn unlisten(&self, rooms: &[RoomName]) -> Result<(), StoreError> {
        self.subscriptions.remove(rooms);
        self.with_rooms(rooms, async |link, channels| link.unsubscribe(&channels).await).await
    }

    async fn leave(&self, node: NodeId) -> Result<(), StoreError> {
        Partition::all().for_each(|partition| self.written.lock().forget(node, partition));
        let leave = async |group: Group<Partition>| remove::leave(&*group.link?, node, &group.things).await;
        self.servers.each(Partition::all(), |partition| *partition, leave).await?.into_iter().collect()
    }

    async fn reap(&self, partition: Partition, node: NodeId, renewals: u64) -> Result<(), StoreError> {
        remove::reap(&*self.servers.of_partition(partition).await?, partition, node, renewals).await
    }

    async fn daily_key(&self, day: u64, proposal: [u8; 16]) -> Result<[u8; 16], StoreError> {
        let (mut commands, end) = (redis::pipe(), (day + 1) * DAY + KEY_AFTERLIFE);
        let key = format!("{:032x}", u128::from_be_bytes(proposal));
        commands.cmd("SET").arg(keys::day(day)).arg(key).arg("NX").arg("GET").arg("EXAT").arg(end);
        let link = self.servers.of_key(&keys::day(day)).await?;
        let (before,): (Option<String>,) = link.ask(&commands).await?;
        match before.map(|key| (key.len(), u128::from_str_radix(&key, 16))) {
            None => Ok(proposal),
            Some((32, Ok(key))) => Ok(key.to_be_bytes()),
            Some(_) => Err(StoreError(format!("{} is no key of 32 hexadecimal digits", keys::day(day)))),
        }
    }
}

/// Which questions a server was asked, and what it has answered.
type OfGroup<T> = (Vec<usize>, Result<Vec<T>, StoreError>);

/// What some servers have answered, each of some places, or the error.
fn in_order<T>(places: usize, groups: Result<Vec<OfGroup<T>>, StoreError>) -> Vec<Result<T, StoreError>> {
    let missing = groups.as_ref().err().map_or("no answer", |error| &error.0).to_owned();
    let mut all: Vec<_> = (0..places).map(|_| Err(StoreError(missing.clone()))).collect();
    for (places, answers) in groups.into_iter().flatten() {
        match answers {
            Ok(answers) => {
                places.into_iter().zip(answers).for_each(|(place, answer)| all[place] = Ok(answer));
            }
            Err(error) => places.into_iter().for_each(|place| all[place] = Err(StoreError(error.0.clone()))),
        }
    }
    all
}

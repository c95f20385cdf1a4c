//! A cluster: one [`Link`] for each of its masters, with the partitions whose keys that one has.
//!
//! A task of its own asks a node of the cluster who has which slots: at first, and then whenever a connection is lost or a
//! node says that another has the keys.

use std::collections::HashMap;
use std::sync::Arc;

use redis::{ConnectionAddr, ConnectionInfo, RedisError, Value};
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use super::endpoint::{Endpoint, ask_once};
use super::link::{LASTING, Link, Scope};
use super::pause::Pause;
use super::slots::{Address, Slots};
use super::subscriptions::Subscriptions;
use super::url::RedisUrl;
use crate::nodes::store::{Partition, StoreError};

pub(super) struct Cluster {
    map: watch::Receiver<Map>,
    keeper: JoinHandle<()>,
}

/// The nodes, as they were last known.
#[derive(Clone, Default)]
pub(super) struct Map {
    slots: Slots,
    links: HashMap<Address, Arc<Link>>,
    /// Why no nodes are known.
    error: Option<String>,
}

impl Cluster {
    pub(super) fn new(url: RedisUrl, subscriptions: Arc<Subscriptions>) -> Self {
        let (sender, map) = watch::channel(Map::default());
        let keeper =
            Keeper { map: sender, url, subscriptions, trouble: Arc::default(), asked: 0, was_known: false };
        Self { map, keeper: tokio::spawn(keeper.keep()) }
    }

    /// The nodes, if any are known; the first attempt is waited for.
    pub(super) async fn map(&self) -> Result<Map, StoreError> {
        let mut map = self.map.clone();
        let map = map.wait_for(|map| map.error.is_some() || !map.slots.is_empty()).await;
        match map.as_deref() {
            Ok(Map { error: Some(error), .. }) => Err(StoreError(error.clone())),
            Ok(map) => Ok(map.clone()),
            Err(_) => Err(StoreError("the cluster isn't known yet".to_owned())),
        }
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.keeper.abort();
    }
}

impl Map {
    pub(super) fn of_partition(&self, partition: Partition) -> Result<Arc<Link>, StoreError> {
        self.link(self.slots.of_partition(partition))
    }

    pub(super) fn of_key(&self, key: &str) -> Result<Arc<Link>, StoreError> {
        self.link(self.slots.of_key(key))
    }

    fn link(&self, address: Option<&Address>) -> Result<Arc<Link>, StoreError> {
        let link = address.and_then(|address| self.links.get(address));
        link.cloned().ok_or_else(|| StoreError("no node of the cluster has the slot".to_owned()))
    }
}

/// What finds the nodes out.
struct Keeper {
    map: watch::Sender<Map>,
    url: RedisUrl,
    subscriptions: Arc<Subscriptions>,
    trouble: Arc<Notify>,
    /// How often a node was asked: each time, another is the first, because one may be cut off from the rest.
    asked: usize,
    was_known: bool,
}

impl Keeper {
    async fn keep(mut self) {
        let mut pause = Pause::default();
        loop {
            let begun = Instant::now();
            match self.find().await {
                Ok(slots) => self.learn(slots),
                Err(why) => self.fail(why),
            }
            // Nodes fail and come back while slots are asked for again and again.
            sleep(pause.next()).await;
            self.trouble.notified().await;
            if begun.elapsed() > LASTING {
                pause = Pause::default();
            }
        }
    }

    /// Asks one node after another who has which slots.
    async fn find(&mut self) -> Result<Slots, RedisError> {
        let mut nodes = self.nodes();
        self.asked = self.asked.wrapping_add(1);
        let first = self.asked % nodes.len();
        nodes.rotate_left(first);
        let mut failed = RedisError::from(std::io::Error::other("no node of the cluster knows any slots"));
        for node in nodes {
            let mut command = redis::cmd("CLUSTER");
            match ask_once::<Value>(&node, command.arg("SLOTS")).await {
                Ok(answer) => match Slots::parse(answer, &address(&node)) {
                    slots if slots.is_empty() => {}
                    slots => return Ok(slots),
                },
                Err(error) => failed = error,
            }
        }
        Err(failed)
    }

    /// All nodes that are known, and those of the URL.
    fn nodes(&self) -> Vec<ConnectionInfo> {
        let map = self.map.borrow();
        let mut known: Vec<_> = map.slots.nodes().collect();
        known.sort();
        known.dedup();
        let known = known.into_iter().map(|(host, port)| self.url.at(host.clone(), *port));
        known.chain(self.url.servers.iter().cloned()).collect()
    }

    /// Keeps the connections to masters that have the same partitions as before, and opens the others.
    fn learn(&mut self, slots: Slots) {
        let before = self.map.borrow().links.clone();
        let mut links = HashMap::new();
        for master in slots.masters() {
            // A master may have several ranges.
            if links.contains_key(master) {
                continue;
            }
            let partitions: Vec<_> =
                Partition::all().filter(|partition| slots.of_partition(*partition) == Some(master)).collect();
            let kept = before.get(master).filter(|link| link.scope().partitions == partitions);
            let link = kept.cloned().unwrap_or_else(|| Arc::new(Link::new(self.scope(master, partitions))));
            links.insert(master.clone(), link);
        }
        self.was_known = true;
        self.map.send_replace(Map { slots, links, error: None });
    }

    fn scope(&self, (host, port): &Address, partitions: Vec<Partition>) -> Scope {
        Scope {
            endpoint: Endpoint::Server(self.url.at(host.clone(), *port)),
            url: self.url.clone(),
            subscriptions: Arc::clone(&self.subscriptions),
            partitions,
            is_sharded: true,
            has_missed: self.was_known || self.map.borrow().error.is_some(),
            trouble: Arc::clone(&self.trouble),
        }
    }

    fn fail(&self, why: RedisError) {
        self.trouble.notify_one();
        let error = self.url.error(why).0;
        self.map.send_if_modified(|map| {
            let is_unknown = map.slots.is_empty();
            if is_unknown {
                map.error = Some(error);
            }
            is_unknown
        });
    }
}

fn address(node: &ConnectionInfo) -> Address {
    match node.addr() {
        ConnectionAddr::Tcp(host, port) | ConnectionAddr::TcpTls { host, port, .. } => (host.clone(), *port),
        _ => (String::new(), 0),
    }
}

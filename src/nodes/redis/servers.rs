//! Where each partition's keys are: all on one server, or each on one of a cluster.

use std::collections::HashMap;
use std::future::Future;
use std::sync::Arc;

use futures_util::future::join_all;

use super::cluster::{Cluster, Map};
use super::endpoint::Endpoint;
use super::link::{Link, Scope};
use super::subscriptions::Subscriptions;
use super::url::{Kind, RedisUrl};
use crate::nodes::store::{Partition, StoreError};

pub(super) enum Servers {
    One(Arc<Link>),
    Many(Cluster),
}

/// Things for one server, each with its place among all.
pub(super) struct Group<T> {
    pub(super) link: Result<Arc<Link>, StoreError>,
    pub(super) places: Vec<usize>,
    pub(super) things: Vec<T>,
}

impl Servers {
    pub(super) fn new(url: RedisUrl, subscriptions: Arc<Subscriptions>) -> Self {
        let endpoint = match &url.kind {
            Kind::Cluster => return Self::Many(Cluster::new(url, subscriptions)),
            Kind::Server => Endpoint::Server(url.servers[0].clone()),
            Kind::Sentinel(name, _) => Endpoint::Sentinels(url.clone(), name.clone()),
        };
        Self::One(Arc::new(Link::new(Scope {
            endpoint,
            url,
            subscriptions,
            partitions: Partition::all().collect(),
            is_sharded: false,
            has_missed: false,
            trouble: Arc::default(),
        })))
    }

    /// With the command that says something on the channel of a partition.
    pub(super) fn publish(&self) -> &'static str {
        match self {
            Self::One(_) => "PUBLISH",
            Self::Many(_) => "SPUBLISH",
        }
    }

    pub(super) async fn of_partition(&self, partition: Partition) -> Result<Arc<Link>, StoreError> {
        match self {
            Self::One(link) => Ok(Arc::clone(link)),
            Self::Many(cluster) => cluster.map().await?.of_partition(partition),
        }
    }

    pub(super) async fn of_key(&self, key: &str) -> Result<Arc<Link>, StoreError> {
        match self {
            Self::One(link) => Ok(Arc::clone(link)),
            Self::Many(cluster) => cluster.map().await?.of_key(key),
        }
    }

    /// Does something on each server with the things whose partitions it has, on all at the same time.
    pub(super) async fn each<T, U, F: Future<Output = U>>(
        &self,
        things: impl IntoIterator<Item = T>,
        partition: impl Fn(&T) -> Partition,
        act: impl Fn(Group<T>) -> F,
    ) -> Result<Vec<U>, StoreError> {
        let groups = match self {
            Self::One(link) => one_group(Arc::clone(link), things),
            Self::Many(cluster) => groups(&cluster.map().await?, things, partition),
        };
        Ok(join_all(groups.into_iter().map(act)).await)
    }
}

fn one_group<T>(link: Arc<Link>, things: impl IntoIterator<Item = T>) -> Vec<Group<T>> {
    let things: Vec<_> = things.into_iter().collect();
    let group = Group { link: Ok(link), places: (0..things.len()).collect(), things };
    if group.things.is_empty() { Vec::new() } else { vec![group] }
}

fn groups<T>(
    map: &Map,
    things: impl IntoIterator<Item = T>,
    partition: impl Fn(&T) -> Partition,
) -> Vec<Group<T>> {
    let mut groups: HashMap<Option<*const Link>, Group<T>> = HashMap::new();
    for (place, thing) in things.into_iter().enumerate() {
        let link = map.of_partition(partition(&thing));
        let server = link.as_ref().ok().map(Arc::as_ptr);
        let group =
            groups.entry(server).or_insert_with(|| Group { link, places: Vec::new(), things: Vec::new() });
        group.places.push(place);
        group.things.push(thing);
    }
    groups.into_values().collect()
}

//! Permits and places, as they are written down for another process. There each is had again, whatever the limits are: its viewer
//! is in.

use std::net::IpAddr;

use onlookers_rooms::Site;
use onlookers_rooms::sync::Arc;
use onlookers_rooms::sync::atomic::Ordering;
use serde::{Deserialize, Serialize};

use super::{Capacity, Permit, Place};
use crate::net::address::ClientNetwork;
use crate::net::remote::{Agents, Remote};

/// A viewer's permit.
#[derive(Serialize, Deserialize, Default, Debug)]
#[serde(default)]
pub(crate) struct PermitRecord {
    #[serde(flatten)]
    place: PlaceRecord,
    /// Who has it, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    remote: Option<RemoteRecord>,
}

/// What a client is charged for being in a room.
#[derive(Serialize, Deserialize, Default, Debug)]
#[serde(default)]
pub(crate) struct PlaceRecord {
    /// The client, if places are limited.
    #[serde(skip_serializing_if = "Option::is_none")]
    client: Option<IpAddr>,
    /// The client, and the site whose page it has opened.
    #[serde(skip_serializing_if = "Option::is_none")]
    page: Option<(Site, IpAddr)>,
}

#[derive(Serialize, Deserialize, Debug)]
struct RemoteRecord {
    address: IpAddr,
    agent: Vec<u8>,
    #[serde(default)]
    app: Option<String>,
}

impl Permit {
    pub(crate) fn record(&self) -> PermitRecord {
        let place = self.place.as_deref();
        let remote = place.and_then(|place| place.remote.as_ref());
        PermitRecord {
            place: place.map(Place::record).unwrap_or_default(),
            remote: remote.map(RemoteRecord::of),
        }
    }
}

impl Place {
    pub(crate) fn record(&self) -> PlaceRecord {
        let page = self.page.as_ref().map(|page| page.key());
        PlaceRecord {
            client: self.place.as_ref().map(|place| place.key().first_address()),
            page: page.map(|(site, client)| (site.clone(), client.first_address())),
        }
    }
}

impl Capacity {
    /// The permit of that record. Who has it is known only where `agents` are.
    pub(crate) fn readmit(self: &Arc<Self>, record: PermitRecord, agents: Option<&Agents>) -> Permit {
        self.taken.fetch_add(1, Ordering::Relaxed);
        let permit = Permit { capacity: Arc::clone(self), place: self.place_again(record.place) };
        permit.with_remote(record.remote.zip(agents).map(|(remote, agents)| remote.of_agents(agents)))
    }

    /// The place of that record.
    pub(crate) fn place_again(&self, PlaceRecord { client, page }: PlaceRecord) -> Option<Box<Place>> {
        let place = self.places.as_ref().zip(client);
        let place = place.map(|(places, client)| places.acquire_again(ClientNetwork::of(client)));
        let page = page.map(|(site, client)| self.pages.acquire_again((site, ClientNetwork::of(client))));
        let is_charged = place.is_some() || page.is_some();
        is_charged.then(|| Box::new(Place { place, page: page.map(Box::new), remote: None }))
    }
}

impl RemoteRecord {
    fn of(remote: &Remote) -> Self {
        let (agent, app) = (remote.agent().to_vec(), remote.app().map(str::to_owned));
        Self { address: remote.address(), agent, app }
    }

    fn of_agents(self, agents: &Agents) -> Remote {
        agents.remote(self.address, &self.agent, self.app.as_deref())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::capacity::CapacityLimits;

    #[test]
    fn a_permit_is_had_again_beyond_the_limits() {
        let limits = CapacityLimits { total: 1, places_per_client: Some(1), pages_per_client: 1 };
        let (from, to) = (Capacity::new(limits), Capacity::new(limits));
        let (client, site): (IpAddr, Site) = ("192.0.2.7".parse().unwrap(), "a.example".parse().unwrap());
        let (network, agents) = (ClientNetwork::of(client), Agents::new());
        let permit = from.acquire(network, Some(&site)).unwrap();
        let permit = permit.with_remote(Some(agents.remote(client, b"a\xff", Some("capacitor"))));
        let record = serde_json::to_string(&permit.record()).unwrap();
        let again = || to.readmit(serde_json::from_str(&record).unwrap(), Some(&agents));
        let both = [again(), again()];
        assert_eq!((to.viewers(), to.places_of(network)), (2, 2));
        let remote = both[0].remote().unwrap();
        assert_eq!(
            (remote.address(), remote.agent(), remote.app()),
            (client, &b"a\xff"[..], Some("capacitor"))
        );
        assert!(to.place(network, Some(&site)).is_err());
        drop(both);
        assert!(to.viewers() == 0 && to.acquire(network, Some(&site)).is_ok());
    }
}

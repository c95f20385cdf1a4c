//! Capacity: how many viewers there may be in total, and what one client may hold: an address or, with IPv6, a /64. A new
//! viewer never displaces another.

use std::fmt;

use onlookers_rooms::Site;
use onlookers_rooms::sync::Arc;
use onlookers_rooms::sync::atomic::{AtomicUsize, Ordering};

use super::address::ClientNetwork;
use super::quota::{Quota, QuotaPermit};
use super::remote::Remote;
pub(crate) use record::{PermitRecord, PlaceRecord};

mod record;

/// The permits that viewers may hold.
#[derive(Debug)]
pub(crate) struct Capacity {
    limit: usize,
    taken: AtomicUsize,
    /// None if a client may have any number.
    places: Option<Arc<Quota<ClientNetwork>>>,
    pages: Arc<Quota<(Site, ClientNetwork)>>,
}

/// How much there may be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CapacityLimits {
    /// Viewers in total.
    pub(crate) total: usize,
    /// Places of one client: its viewers, and the rooms that they have joined besides their first.
    pub(crate) places_per_client: Option<usize>,
    /// Pages of one site that one client may open and that nobody had open.
    pub(crate) pages_per_client: usize,
}

/// A viewer's permit; dropping it returns it.
#[derive(Debug)]
pub(crate) struct Permit {
    capacity: Arc<Capacity>,
    place: Option<Box<Place>>,
}

/// The charge of a client for being in a room; dropping it ends that. There is none where nothing is charged, which
/// saves a tenth of a viewer.
#[derive(Debug, Default)]
pub(crate) struct Place {
    place: Option<QuotaPermit<ClientNetwork>>,
    /// If the room is a page that nobody had open.
    page: Option<Box<QuotaPermit<(Site, ClientNetwork)>>>,
    /// Who has it, where a reload may deny that.
    remote: Option<Remote>,
}

/// Why there is no permit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum CapacityError {
    /// The server has as many viewers as it may have.
    Total,
    /// The client is in as many rooms as it may be.
    Address,
    /// The client has opened as many pages of the site as it may.
    Pages,
}

impl Capacity {
    pub(crate) fn new(limits: CapacityLimits) -> Arc<Self> {
        let (taken, places) = (AtomicUsize::new(0), limits.places_per_client.map(Quota::new));
        Arc::new(Self { limit: limits.total, taken, places, pages: Quota::new(limits.pages_per_client) })
    }

    /// How many viewers there are.
    pub(crate) fn viewers(&self) -> usize {
        self.taken.load(Ordering::Relaxed)
    }

    /// How many there may be.
    pub(crate) fn limit(&self) -> usize {
        self.limit
    }

    /// How many places `client` has, if anything limits that.
    pub(crate) fn places_of(&self, client: ClientNetwork) -> usize {
        self.places.as_ref().map_or(0, |places| places.times_held(&client))
    }

    /// Takes a permit for a viewer, and its place in a room; `page_of` is the site, if that is a page that nobody has open.
    ///
    /// # Errors
    /// [`CapacityError`], if there is none left for `client`.
    pub(crate) fn acquire(
        self: &Arc<Self>,
        client: ClientNetwork,
        page_of: Option<&Site>,
    ) -> Result<Permit, CapacityError> {
        let mut permit = self.acquire_alone()?;
        permit.place = self.place(client, page_of)?;
        Ok(permit)
    }

    /// Takes a permit without a place: for a connection that goes on for as long as a viewer's, and looks at nothing here.
    ///
    /// # Errors
    /// [`CapacityError`], if there is none left.
    pub(crate) fn acquire_alone(self: &Arc<Self>) -> Result<Permit, CapacityError> {
        let one_more = |taken: usize| (taken < self.limit).then_some(taken + 1);
        let taken = self.taken.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more);
        taken.map_err(|_| CapacityError::Total)?;
        Ok(Permit { capacity: Arc::clone(self), place: None })
    }

    /// Takes a place in a room for a viewer that is in, or that has just got its permit.
    ///
    /// # Errors
    /// [`CapacityError`], if there is none left for `client`.
    pub(crate) fn place(
        &self,
        client: ClientNetwork,
        page_of: Option<&Site>,
    ) -> Result<Option<Box<Place>>, CapacityError> {
        let place = self.places.as_ref().map(|places| places.acquire(client).ok_or(CapacityError::Address));
        let page = page_of.map(|site| self.pages.acquire((site.clone(), client)).ok_or(CapacityError::Pages));
        let page = page.transpose()?.map(Box::new);
        let place = Place { place: place.transpose()?, page, remote: None };
        let is_charged = place.place.is_some() || place.page.is_some();
        Ok(is_charged.then(|| Box::new(place)))
    }
}

impl Permit {
    /// The same permit, of that client.
    pub(crate) fn with_remote(mut self, remote: Option<Remote>) -> Self {
        if remote.is_some() {
            self.place.get_or_insert_default().remote = remote;
        }
        self
    }

    /// The client that has it, if that is known.
    pub(crate) fn remote(&self) -> Option<&Remote> {
        self.place.as_ref()?.remote.as_ref()
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.capacity.taken.fetch_sub(1, Ordering::Relaxed);
    }
}

impl fmt::Display for CapacityError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Total => "the server has as many viewers as it may have",
            Self::Address => "the client is in as many rooms as it may be",
            Self::Pages => "the client has opened as many pages of the site as it may",
        })
    }
}

impl std::error::Error for CapacityError {}

#[cfg(test)]
fn limits(total: usize, places_per_client: Option<usize>) -> CapacityLimits {
    CapacityLimits { total, places_per_client, pages_per_client: 2 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(address: &str) -> ClientNetwork {
        ClientNetwork::of(address.parse().unwrap())
    }

    #[test]
    fn at_the_limit_a_permit_must_be_returned_first() {
        let capacity = Capacity::new(limits(1, None));
        let first = capacity.acquire(client("127.0.0.1"), None).unwrap();
        assert_eq!(capacity.acquire(client("2001:db8::1"), None).unwrap_err(), CapacityError::Total);
        drop(first);
        assert!(capacity.acquire(client("2001:db8::1"), None).is_ok());
    }

    #[test]
    fn an_address_holds_no_more_than_its_limit() {
        let capacity = Capacity::new(limits(10, Some(1)));
        let first = capacity.acquire(client("127.0.0.1"), None).unwrap();
        assert_eq!(capacity.acquire(client("127.0.0.1"), None).unwrap_err(), CapacityError::Address);
        let other = capacity.acquire(client("2001:db8::1"), None).unwrap();
        let same = capacity.acquire(client("2001:db8::ffff:1"), None);
        assert_eq!(same.unwrap_err(), CapacityError::Address, "another address of the same /64");
        drop((first, other));
        assert_eq!(capacity.taken.load(Ordering::Relaxed), 0);
        assert!(capacity.places.as_ref().unwrap().is_empty());
    }
}

#[cfg(all(test, feature = "shuttle"))]
mod interleavings {
    use super::*;
    use shuttle::thread;

    #[test]
    fn a_permit_is_held_once_and_none_is_lost() {
        let turns = || {
            let (capacity, inside) = (Capacity::new(limits(2, Some(1))), Arc::new(AtomicUsize::new(0)));
            let threads = [1, 1, 2, 3].map(|number: u8| {
                let (capacity, inside) = (Arc::clone(&capacity), Arc::clone(&inside));
                thread::spawn(move || {
                    let address = std::net::Ipv4Addr::from([127, 0, 0, number]).into();
                    let Ok(permit) = capacity.acquire(ClientNetwork::of(address), None) else { return };
                    assert!(inside.fetch_add(1, Ordering::SeqCst) < 2);
                    inside.fetch_sub(1, Ordering::SeqCst);
                    drop(permit);
                })
            });
            threads.into_iter().for_each(|thread| thread.join().unwrap());
            assert_eq!(capacity.taken.load(Ordering::Relaxed), 0);
            assert!(capacity.places.as_ref().unwrap().is_empty());
        };
        shuttle::check_pct(turns, 1_000, 3);
    }
}

//! Capacity: how many viewers there may be, in total and from one client, which is an address or, with IPv6, a /64. A new viewer never displaces another.

use std::collections::HashMap;
use std::fmt;

use onlookers_rooms::sync::atomic::{AtomicUsize, Ordering};
use onlookers_rooms::sync::{Arc, Mutex};

use super::address::ClientNetwork;

/// The permits that viewers may hold.
#[derive(Debug)]
pub(crate) struct Capacity {
    limit: usize,
    limit_per_address: Option<usize>,
    taken: AtomicUsize,
    by_address: Mutex<HashMap<ClientNetwork, usize>>,
}

/// A viewer's permit; dropping it returns it.
#[derive(Debug)]
pub(crate) struct Permit {
    capacity: Arc<Capacity>,
    /// Only where the address has a limit. Boxed, which saves a tenth of a viewer where it hasn't.
    address: Option<Box<ClientNetwork>>,
}

/// Why there is no permit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum CapacityError {
    /// The server has as many viewers as it may have.
    Total,
    /// The address has as many viewers as it may have.
    Address,
}

impl Capacity {
    /// `limit` permits in total, of which one address may hold at most `limit_per_address`.
    pub(crate) fn new(limit: usize, limit_per_address: Option<usize>) -> Arc<Self> {
        Arc::new(Self { limit, limit_per_address, taken: AtomicUsize::new(0), by_address: Mutex::default() })
    }

    /// Takes a permit.
    ///
    /// # Errors
    /// [`CapacityError`], if there is none left for `address`.
    pub(crate) fn acquire(self: &Arc<Self>, address: ClientNetwork) -> Result<Permit, CapacityError> {
        let one_more = |taken: usize| (taken < self.limit).then_some(taken + 1);
        let taken = self.taken.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more);
        taken.map_err(|_| CapacityError::Total)?;
        // From here on dropping the permit returns it.
        let mut permit = Permit { capacity: Arc::clone(self), address: None };
        if let Some(limit) = self.limit_per_address {
            let mut by_address = self.by_address.lock();
            let taken = by_address.entry(address).or_default();
            if *taken >= limit {
                drop(by_address);
                return Err(CapacityError::Address);
            }
            *taken += 1;
            permit.address = Some(Box::new(address));
        }
        Ok(permit)
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.capacity.taken.fetch_sub(1, Ordering::Relaxed);
        let Some(address) = self.address.as_deref() else { return };
        let mut by_address = self.capacity.by_address.lock();
        if let Some(taken) = by_address.get_mut(address) {
            *taken -= 1;
            if *taken == 0 {
                by_address.remove(address);
            }
        }
    }
}

impl fmt::Display for CapacityError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Total => "the server has as many viewers as it may have",
            Self::Address => "the address has as many viewers as it may have",
        })
    }
}

impl std::error::Error for CapacityError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(address: &str) -> ClientNetwork {
        ClientNetwork::of(address.parse().unwrap())
    }

    #[test]
    fn at_the_limit_a_permit_must_be_returned_first() {
        let capacity = Capacity::new(1, None);
        let first = capacity.acquire(client("127.0.0.1")).unwrap();
        assert_eq!(capacity.acquire(client("2001:db8::1")).unwrap_err(), CapacityError::Total);
        drop(first);
        assert!(capacity.acquire(client("2001:db8::1")).is_ok());
    }

    #[test]
    fn an_address_holds_no_more_than_its_limit() {
        let capacity = Capacity::new(10, Some(1));
        let first = capacity.acquire(client("127.0.0.1")).unwrap();
        assert_eq!(capacity.acquire(client("127.0.0.1")).unwrap_err(), CapacityError::Address);
        let other = capacity.acquire(client("2001:db8::1")).unwrap();
        let same = capacity.acquire(client("2001:db8::ffff:1"));
        assert_eq!(same.unwrap_err(), CapacityError::Address, "another address of the same /64");
        drop((first, other));
        assert_eq!(capacity.taken.load(Ordering::Relaxed), 0);
        assert!(capacity.by_address.lock().is_empty());
    }
}

#[cfg(all(test, feature = "shuttle"))]
mod interleavings {
    use super::*;
    use shuttle::thread;

    #[test]
    fn a_permit_is_held_once_and_none_is_lost() {
        let turns = || {
            let (capacity, inside) = (Capacity::new(2, Some(1)), Arc::new(AtomicUsize::new(0)));
            let threads = [1, 1, 2, 3].map(|number: u8| {
                let (capacity, inside) = (Arc::clone(&capacity), Arc::clone(&inside));
                thread::spawn(move || {
                    let address = std::net::Ipv4Addr::from([127, 0, 0, number]).into();
                    let Ok(permit) = capacity.acquire(ClientNetwork::of(address)) else { return };
                    assert!(inside.fetch_add(1, Ordering::SeqCst) < 2);
                    inside.fetch_sub(1, Ordering::SeqCst);
                    drop(permit);
                })
            });
            threads.into_iter().for_each(|thread| thread.join().unwrap());
            assert_eq!(capacity.taken.load(Ordering::Relaxed), 0);
            assert!(capacity.by_address.lock().is_empty());
        };
        shuttle::check_pct(turns, 1_000, 3);
    }
}

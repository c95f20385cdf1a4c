//! Seats: how many viewers there may be, in all and from one address. Who is in is never put out for a newcomer.

use std::collections::HashMap;
use std::net::IpAddr;

use crate::sync::atomic::{AtomicUsize, Ordering};
use crate::sync::{Arc, Mutex, PoisonError};

/// The seats of the house.
#[derive(Debug)]
pub(crate) struct Seats {
    most: usize,
    most_per_address: Option<usize>,
    taken: AtomicUsize,
    by_address: Mutex<HashMap<IpAddr, usize>>,
}

/// A viewer's seat; dropping it frees it.
#[derive(Debug)]
pub(crate) struct Seat {
    seats: Arc<Seats>,
    address: Option<IpAddr>,
}

/// Why there is no seat.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Full {
    /// The house has as many viewers as it may have.
    House,
    /// This address has.
    Address,
}

impl Seats {
    /// A house with `most` seats, and at most so many for one address.
    pub(crate) fn new(most: usize, most_per_address: Option<usize>) -> Arc<Self> {
        Arc::new(Self { most, most_per_address, taken: AtomicUsize::new(0), by_address: Mutex::default() })
    }

    /// Takes a seat.
    ///
    /// # Errors
    /// [`Full`], if there is none for that address.
    pub(crate) fn take(self: &Arc<Self>, address: IpAddr) -> Result<Seat, Full> {
        let one_more = |taken: usize| (taken < self.most).then_some(taken + 1);
        self.taken.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more).map_err(|_| Full::House)?;
        // From here on dropping the seat gives back what was taken.
        let mut seat = Seat { seats: Arc::clone(self), address: None };
        if let Some(most) = self.most_per_address {
            let mut by_address = self.by_address.lock().unwrap_or_else(PoisonError::into_inner);
            let taken = by_address.entry(address).or_default();
            if *taken >= most {
                drop(by_address);
                return Err(Full::Address);
            }
            *taken += 1;
            seat.address = Some(address);
        }
        Ok(seat)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.seats.taken.fetch_sub(1, Ordering::Relaxed);
        let Some(address) = self.address else { return };
        let mut by_address = self.seats.by_address.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(taken) = by_address.get_mut(&address) {
            *taken -= 1;
            if *taken == 0 {
                by_address.remove(&address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);
    const THERE: IpAddr = IpAddr::V6(std::net::Ipv6Addr::LOCALHOST);

    #[test]
    fn a_full_house_takes_nobody_until_somebody_goes() {
        let seats = Seats::new(1, None);
        let first = seats.take(HERE).unwrap();
        assert_eq!(seats.take(THERE).unwrap_err(), Full::House);
        drop(first);
        assert!(seats.take(THERE).is_ok());
    }

    #[test]
    fn an_address_takes_no_more_than_its_own() {
        let seats = Seats::new(10, Some(1));
        let first = seats.take(HERE).unwrap();
        assert_eq!(seats.take(HERE).unwrap_err(), Full::Address);
        let other = seats.take(THERE).unwrap();
        drop((first, other));
        assert_eq!(seats.taken.load(Ordering::Relaxed), 0);
        assert!(seats.by_address.lock().unwrap().is_empty());
    }
}

#[cfg(all(test, feature = "shuttle"))]
mod interleavings {
    use super::*;
    use shuttle::thread;

    #[test]
    fn a_seat_is_taken_once_and_none_is_lost() {
        let turns = || {
            let (seats, inside) = (Seats::new(2, Some(1)), Arc::new(AtomicUsize::new(0)));
            let threads = [1, 1, 2, 3].map(|number: u8| {
                let (seats, inside) = (Arc::clone(&seats), Arc::clone(&inside));
                thread::spawn(move || {
                    let Ok(seat) = seats.take(std::net::Ipv4Addr::from([127, 0, 0, number]).into()) else {
                        return;
                    };
                    assert!(inside.fetch_add(1, Ordering::SeqCst) < 2);
                    inside.fetch_sub(1, Ordering::SeqCst);
                    drop(seat);
                })
            });
            threads.into_iter().for_each(|thread| thread.join().unwrap());
            assert_eq!(seats.taken.load(Ordering::Relaxed), 0);
            assert!(seats.by_address.lock().unwrap().is_empty());
        };
        shuttle::check_pct(turns, 1_000, 3);
    }
}

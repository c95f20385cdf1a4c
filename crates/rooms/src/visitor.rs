//! Telling visitors apart without knowing them: a keyed hash of site, address and browser, forgotten with the visit.

use std::hash::Hash;
use std::io;
use std::net::IpAddr;
use std::time::{SystemTime, UNIX_EPOCH};

use siphasher::sip128::{Hasher128, SipHasher24};

use crate::name::Site;
use crate::sync::Mutex;

const SECONDS_A_DAY: u64 = 24 * 60 * 60;

/// The keyed hash of a visitor of a site: 128 bits that say nothing without the day's key.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct VisitorHash(pub(crate) [u8; 16]);

/// A visitor, by today's key and by yesterday's.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Visitor {
    pub(crate) today: VisitorHash,
    pub(crate) yesterday: Option<VisitorHash>,
}

/// The keys of today and yesterday. They are random, exist in memory only, and change at midnight, UTC; so nobody can tell
/// afterwards who was there, not even with the server in hand.
#[derive(Debug)]
pub struct Keys(Mutex<TwoDays>);

type Key = [u8; 16];

#[derive(Debug)]
struct TwoDays {
    day: u64,
    today: Key,
    yesterday: Option<Key>,
}

impl Keys {
    /// A key for today; there is none yet for yesterday.
    ///
    /// # Errors
    /// The system's, if it has no randomness to give.
    pub fn new() -> io::Result<Self> {
        Ok(Self(Mutex::new(TwoDays { day: today(), today: random()?, yesterday: None })))
    }

    /// The visitor of `site` at `address` with this User-Agent. To another site it is another visitor.
    ///
    /// A client that can have many addresses, as with IPv6, has to be given by one that stands for all of them.
    pub fn visitor(&self, site: &Site, address: IpAddr, agent: &[u8]) -> Visitor {
        self.visitor_on(today(), site, address, agent)
    }

    /// The visitor of `site` whom the page itself knows by `id`.
    pub fn session(&self, site: &Site, id: &str) -> Visitor {
        self.hash_on(today(), &(site.as_str(), "session", id))
    }

    pub(crate) fn visitor_on(&self, day: u64, site: &Site, address: IpAddr, agent: &[u8]) -> Visitor {
        self.hash_on(day, &(site.as_str(), address.to_canonical(), agent))
    }

    fn hash_on(&self, day: u64, visitor: &impl Hash) -> Visitor {
        let (today, yesterday) = self.0.lock().on(day);
        Visitor { today: hash(&today, visitor), yesterday: yesterday.map(|key| hash(&key, visitor)) }
    }
}

impl TwoDays {
    /// The keys of that day and of the day before; new ones, if the day has changed.
    fn on(&mut self, day: u64) -> (Key, Option<Key>) {
        if day > self.day {
            match random() {
                Ok(key) => {
                    let yesterday = (day == self.day + 1).then_some(self.today);
                    *self = Self { day, today: key, yesterday };
                }
                Err(error) => tracing::error!(%error, "no randomness: yesterday's key stays"),
            }
        }
        (self.today, self.yesterday)
    }
}

fn hash(key: &Key, visitor: &impl Hash) -> VisitorHash {
    let mut hasher = SipHasher24::new_with_key(key);
    // `hash` brings each field's length or end along, so that no two of them can be taken for one another.
    visitor.hash(&mut hasher);
    VisitorHash(hasher.finish128().as_bytes())
}

impl VisitorHash {
    /// Half of it, for tables: it is the output of a keyed hash already, and nobody outside can choose or guess one.
    pub(crate) fn half(self) -> u64 {
        self.0.first_chunk().map_or(0, |half| u64::from_le_bytes(*half))
    }
}

pub(crate) fn today() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs() / SECONDS_A_DAY)
}

fn random() -> io::Result<Key> {
    let mut key = [0; 16];
    let filled = rustix::rand::getrandom(&mut key, rustix::rand::GetRandomFlags::empty())?;
    if filled == key.len() { Ok(key) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    fn site(name: &str) -> Site {
        name.parse().unwrap()
    }

    #[test]
    fn a_visitor_is_known_by_address_and_browser_to_one_site() {
        let keys = Keys::new().unwrap();
        let see = |name: &str, address, agent: &[u8]| keys.visitor(&site(name), address, agent);
        let first = see("a.example", HERE, b"x");
        assert_eq!(first, see("a.example", HERE, b"x"));
        assert_eq!(first, see("a.example", "::ffff:127.0.0.1".parse().unwrap(), b"x"));
        assert_ne!(first, see("b.example", HERE, b"x"));
        assert_ne!(first, see("a.example", "::1".parse().unwrap(), b"x"));
        assert_ne!(first, see("a.example", HERE, b"y"));
        assert_ne!(first, Keys::new().unwrap().visitor(&site("a.example"), HERE, b"x"));
    }

    #[test]
    fn a_session_is_known_by_its_id_to_one_site() {
        let keys = Keys::new().unwrap();
        let first = keys.session(&site("a.example"), "x");
        assert_eq!(first, keys.session(&site("a.example"), "x"));
        assert_ne!(first, keys.session(&site("a.example"), "y"));
        assert_ne!(first, keys.session(&site("b.example"), "x"));
        assert_ne!(first, keys.visitor(&site("a.example"), HERE, b"x"));
    }

    #[test]
    fn a_visitor_is_known_over_midnight_and_no_longer() {
        let keys = Keys::new().unwrap();
        let day = today();
        let on = |day| keys.visitor_on(day, &site("a.example"), HERE, b"x");
        let first = on(day);
        let second = on(day + 1);
        assert_eq!(second.yesterday, Some(first.today));
        assert_ne!(second.today, first.today);
        assert_eq!(on(day), second, "a clock that goes back changes nothing");
        assert_eq!(on(day + 3).yesterday, None, "a key is kept for one day");
    }
}

//! Telling visitors apart without knowing them: a keyed hash of site, address and browser, forgotten with the visit.

use std::hash::Hash;
use std::io;
use std::net::IpAddr;
use crate::sync::Mutex;
use std::time::{SystemTime, UNIX_EPOCH};

use siphasher::sip128::{Hasher128, SipHasher24};

use super::Site;

const SECONDS_A_DAY: u64 = 24 * 60 * 60;

/// What stands for a visitor of a site: 128 bits that say nothing without the day's key.
pub(super) type VisitorHash = [u8; 16];

/// A visitor, as today's key has them, and as the day before's had.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Visitor {
    pub(super) today: VisitorHash,
    pub(super) before: Option<VisitorHash>,
}

/// The keys of today and of the day before. They are random, exist in memory only, and change at midnight, UTC; so
/// nobody can tell afterwards who was there, not even with the server in hand.
#[derive(Debug)]
pub struct Keys(Mutex<TwoDays>);

#[derive(Debug)]
struct TwoDays {
    day: u64,
    today: VisitorHash,
    before: Option<VisitorHash>,
}

impl Keys {
    /// A key for today; there is none yet for the day before.
    ///
    /// # Errors
    /// The system's, if it has no randomness to give.
    pub fn new() -> io::Result<Self> {
        Ok(Self(Mutex::new(TwoDays { day: today(), today: random()?, before: None })))
    }

    /// Who it is that asks from `address` with this User-Agent, in the eyes of `site`: another site sees another mark.
    pub fn visitor(&self, site: &Site, address: IpAddr, agent: &[u8]) -> Visitor {
        self.visitor_on(today(), site, address, agent)
    }

    /// Who it is that the page itself knows by `id`, in the eyes of `site`. Nobody else has that mark.
    pub fn session(&self, site: &Site, id: &str) -> Visitor {
        self.marks_on(today(), &(site.as_str(), "session", id))
    }

    pub(super) fn visitor_on(&self, day: u64, site: &Site, address: IpAddr, agent: &[u8]) -> Visitor {
        self.marks_on(day, &(site.as_str(), address.to_canonical(), agent))
    }

    fn marks_on(&self, day: u64, who: &impl Hash) -> Visitor {
        let (today, before) = {
            let mut keys = self.0.lock();
            keys.turn(day);
            (keys.today, keys.before)
        };
        let mark = |key: &VisitorHash| mark(key, who);
        Visitor { today: mark(&today), before: before.as_ref().map(mark) }
    }
}

impl TwoDays {
    /// Takes new keys if the day is another.
    fn turn(&mut self, day: u64) {
        if day <= self.day {
            return;
        }
        match random() {
            Ok(key) => {
                self.before = (day == self.day + 1).then_some(self.today);
                (self.day, self.today) = (day, key);
            }
            Err(error) => tracing::error!(%error, "no randomness: yesterday's key stays"),
        }
    }
}

fn mark(key: &VisitorHash, who: &impl Hash) -> VisitorHash {
    let mut hasher = SipHasher24::new_with_key(key);
    // `hash` brings each field's length or end along, so that no two of them can be taken for one another.
    who.hash(&mut hasher);
    hasher.finish128().as_bytes()
}

pub(super) fn today() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs() / SECONDS_A_DAY)
}

fn random() -> io::Result<VisitorHash> {
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
    fn a_visitor_is_known_by_address_and_browser_and_only_to_one_site() {
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
    fn a_session_is_known_by_its_id_and_only_to_one_site() {
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
        assert_eq!(second.before, Some(first.today));
        assert_ne!(second.today, first.today);
        assert_eq!(on(day), second, "a clock that goes back changes nothing");
        assert_eq!(on(day + 3).before, None, "a key is kept for one day");
    }
}

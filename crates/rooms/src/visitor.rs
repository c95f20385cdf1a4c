//! Telling visitors apart without knowing them: a keyed hash of site, address and browser, forgotten with the visit.

use std::borrow::Cow;
use std::fmt;
use std::hash::Hash;
use std::io;
use std::net::IpAddr;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use siphasher::sip128::{Hasher128, SipHasher24};

use crate::name::Site;
use crate::sync::Mutex;

const SECONDS_A_DAY: u64 = 24 * 60 * 60;

/// The keyed hash of a visitor of a site: 128 bits that say nothing without the day's key. Written as 32 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct VisitorHash(pub(crate) [u8; 16]);

/// A visitor, by today's key and by yesterday's.
#[derive(Serialize, Deserialize, Clone, PartialEq, Eq, Debug)]
pub struct Visitor {
    pub(crate) today: VisitorHash,
    pub(crate) yesterday: Option<VisitorHash>,
}

/// The keys of today and yesterday. They are random, or shared with other processes, exist in memory only, and change at midnight, UTC; so nobody can tell
/// afterwards who was there, not even with the server in hand.
#[derive(Debug)]
pub struct Keys(Mutex<TwoDays>);

type Key = [u8; 16];

/// Keys as they are at one moment. Whoever reads them can tell visitors apart.
#[derive(Serialize, Deserialize, Clone)]
pub struct DailyKeys(TwoDays);

#[derive(Serialize, Deserialize, Clone)]
struct TwoDays {
    day: u64,
    today: Key,
    yesterday: Option<Key>,
    /// For the next day, once others are asked for it.
    tomorrow: Option<Key>,
    /// Whether others have today's and tomorrow's.
    is_shared: [bool; 2],
}

impl Keys {
    /// A key for today; there is none yet for yesterday.
    ///
    /// # Errors
    /// The system's, if it has no randomness to give.
    pub fn new() -> io::Result<Self> {
        let (today, random) = (today(), random()?);
        Ok(Self(Mutex::new(TwoDays {
            day: today,
            today: random,
            yesterday: None,
            tomorrow: None,
            is_shared: [false; 2],
        })))
    }

    /// The day, counted from 1970, of which others' key isn't known: today or tomorrow. And the key that this process would take.
    pub fn missing(&self) -> Option<(u64, [u8; 16])> {
        let mut keys = self.0.lock();
        let (own, _) = keys.on(today());
        match keys.is_shared {
            [false, _] => Some((keys.day, own)),
            [true, false] => {
                let tomorrow = keys.tomorrow.map_or_else(random, Ok).ok()?;
                keys.tomorrow = Some(tomorrow);
                Some((keys.day + 1, tomorrow))
            }
            [true, true] => None,
        }
    }

    /// Whether today's is known to be the one that others have.
    pub fn is_shared(&self) -> bool {
        let mut keys = self.0.lock();
        keys.on(today());
        keys.is_shared[0]
    }

    /// The keys as they are now, for a process that goes on with what this one counts.
    pub fn daily(&self) -> DailyKeys {
        DailyKeys(self.0.lock().clone())
    }

    /// Takes the keys of a process whose counts this one goes on with. Nobody has been told apart by the present ones.
    pub fn restore(&self, DailyKeys(keys): &DailyKeys) {
        *self.0.lock() = keys.clone();
    }

    /// Others may have lost the keys: they are to be told again.
    pub fn share_again(&self) {
        self.0.lock().is_shared = [false; 2];
    }

    /// Takes the key that others have for a day. Visitors who are here are still known.
    pub fn adopt(&self, day: u64, key: [u8; 16]) {
        let mut keys = self.0.lock();
        if day == keys.day + 1 {
            (keys.tomorrow, keys.is_shared[1]) = (Some(key), true);
        } else if day == keys.day {
            if key != keys.today {
                keys.yesterday = Some(std::mem::replace(&mut keys.today, key));
            }
            keys.is_shared[0] = true;
        }
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
            let is_next = day == self.day + 1;
            let tomorrow = self.tomorrow.filter(|_| is_next);
            match tomorrow.map_or_else(random, Ok) {
                Ok(today) => {
                    let yesterday = is_next.then_some(self.today);
                    let is_shared = [is_next && self.is_shared[1], false];
                    *self = Self { day, today, yesterday, tomorrow: None, is_shared };
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

impl fmt::Debug for DailyKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for TwoDays {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the keys of day {}", self.day)
    }
}

impl Serialize for VisitorHash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{:032x}", u128::from_be_bytes(self.0)))
    }
}

impl<'de> Deserialize<'de> for VisitorHash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<str>::deserialize(deserializer)?;
        u128::from_str_radix(&text, 16).map(|hash| Self(hash.to_be_bytes())).map_err(D::Error::custom)
    }
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
    fn processes_that_share_keys_know_the_same_visitors() {
        let [one, other] = [(); 2].map(|()| Keys::new().unwrap());
        let on = |keys: &Keys, day| keys.visitor_on(day, &site("a.example"), HERE, b"x");
        let (day, key) = one.missing().unwrap();
        let before = on(&other, day);
        [&one, &other].iter().for_each(|keys| keys.adopt(day, key));
        assert_eq!(on(&one, day).today, on(&other, day).today);
        assert_eq!(on(&other, day).yesterday, Some(before.today), "who is here is still known");
        let (tomorrow, key) = other.missing().unwrap();
        assert_eq!(tomorrow, day + 1);
        [&one, &other].iter().for_each(|keys| keys.adopt(tomorrow, key));
        assert_eq!(one.missing(), None);
        one.share_again();
        assert_eq!(one.missing().unwrap().0, day, "others may have lost it");
        one.adopt(day, one.missing().unwrap().1);
        assert_eq!(one.missing(), Some((tomorrow, key)));
        one.adopt(tomorrow, key);
        assert_eq!(on(&one, tomorrow), on(&other, tomorrow));
        assert_ne!(on(&one, tomorrow + 2).today, on(&other, tomorrow + 2).today);
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

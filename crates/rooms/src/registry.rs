//! Values that exist exactly as long as somebody holds them, found by key: sites and feeds.
//!
//! The table keeps weak references only, so it can't outgrow its users: the last holder to go takes the entry along.
//!
//! A key is known there by 128 bits of a keyed hash. Two keys with the same are not to be expected (of a million, once
//! in 2^89 times), and nobody who doesn't know this process's random key can look for them. So the table needs no look
//! at the keys themselves, which are seldom in the processor's cache.

use std::hash::{BuildHasher, Hash, RandomState};
use std::ops::Deref;
use std::ptr;

use siphasher::sip128::{Hasher128, SipHasher13};

use crate::sync::{Arc, Mutex, MutexGuard, Weak};
use crate::table::{Hashed, Table};

/// Enough that joins on different cores seldom meet, few enough to walk through.
const SHARDS: usize = 64;

type Shard<K, V> = Mutex<Table<Slot<K, V>>>;

/// A map from keys to values that others hold.
#[derive(Debug)]
pub struct Registry<K, V> {
    shards: Box<[Shard<K, V>]>,
    /// With its random key: names come from strangers.
    hasher: SipHasher13,
}

/// What a key is known by.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Id {
    shard: u64,
    place: u64,
}

impl Id {
    /// What the key is known by that this hasher was fed.
    pub fn new(hasher: &SipHasher13) -> Self {
        let hash = hasher.finish128();
        Self { shard: hash.h1, place: hash.h2 }
    }
}

#[derive(Debug)]
struct Slot<K, V> {
    id: Id,
    entry: Weak<Entry<K, V>>,
}

impl<K, V> Hashed for Slot<K, V> {
    fn hash(&self) -> u64 {
        self.id.place
    }
}

/// A value in a [`Registry`]; dropping the last `Arc` of it removes it there.
///
/// In this order: what a join changes of a site lies together with the pointer's own counts.
#[derive(Debug)]
#[repr(C)]
pub struct Entry<K, V> {
    value: V,
    id: Id,
    key: K,
    registry: Arc<Registry<K, V>>,
}

impl<K, V> Registry<K, V> {
    /// An empty registry.
    pub fn new() -> Arc<Self> {
        let shards = (0..SHARDS).map(|_| Mutex::new(Table::default())).collect();
        // The standard library's way to randomness, which never fails.
        let random = || RandomState::new().hash_one(());
        Arc::new(Self { shards, hasher: SipHasher13::new_with_keys(random(), random()) })
    }

    /// The value of `key`, made by `make` if nobody holds one, with what is to be kept of the key.
    pub fn open(self: &Arc<Self>, key: &impl Hash, make: impl FnOnce() -> (K, V)) -> Arc<Entry<K, V>> {
        self.open_by(self.id(key), make)
    }

    /// The same, by what the key is known by.
    pub fn open_by(self: &Arc<Self>, id: Id, make: impl FnOnce() -> (K, V)) -> Arc<Entry<K, V>> {
        let mut shard = self.shard(id);
        if let Some(held) = find(&shard, id) {
            return held;
        }
        let (key, value) = make();
        let held = Arc::new(Entry { value, id, key, registry: Arc::clone(self) });
        shard.insert(Slot { id, entry: Arc::downgrade(&held) });
        held
    }

    /// The value that is known by that, if somebody holds one.
    pub fn find_by(&self, id: Id) -> Option<Arc<Entry<K, V>>> {
        find(&self.shard(id), id)
    }

    /// All values that are held.
    pub fn entries(&self) -> Vec<Arc<Entry<K, V>>> {
        let mut held = Vec::new();
        for shard in &self.shards {
            held.extend(lock(shard).iter().filter_map(|slot| slot.entry.upgrade()));
        }
        held
    }

    /// By what it hashes keys, and whoever needs it what is of one key.
    pub fn hasher(&self) -> SipHasher13 {
        self.hasher
    }

    fn id(&self, key: &impl Hash) -> Id {
        let mut hasher = self.hasher;
        key.hash(&mut hasher);
        Id::new(&hasher)
    }

    /// How many values are held.
    pub fn len(&self) -> usize {
        self.shards.iter().map(|shard| lock(shard).len()).sum()
    }

    /// Whether nothing is held.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn shard(&self, id: Id) -> MutexGuard<'_, Table<Slot<K, V>>> {
        lock(&self.shards[id.shard as usize % SHARDS])
    }
}

/// An entry that nobody holds any more doesn't count: its last holder is about to remove it.
fn find<K, V>(shard: &Table<Slot<K, V>>, id: Id) -> Option<Arc<Entry<K, V>>> {
    let mut held = None;
    shard.find(id.place, |slot| {
        held = (slot.id == id).then(|| slot.entry.upgrade()).flatten();
        held.is_some()
    });
    held
}

/// A panic under the lock leaves a table that is whole: every change to it is one call.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock()
}

impl<K, V> Entry<K, V> {
    /// Under which key it is found.
    pub fn key(&self) -> &K {
        &self.key
    }
}

impl<K, V> Deref for Entry<K, V> {
    type Target = V;

    fn deref(&self) -> &V {
        &self.value
    }
}

impl<K, V> Drop for Entry<K, V> {
    fn drop(&mut self) {
        let mut shard = self.registry.shard(self.id);
        // This very entry: between the last drop and this lock somebody may have opened the key anew.
        shard.remove(self.id.place, |slot| ptr::eq(slot.entry.as_ptr(), self));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holders_of_a_key_share_its_value() {
        let registry = Registry::new();
        let one = registry.open(&"a", || ("a", 1));
        let other = registry.open(&"a", || ("a", 2));
        assert_eq!((*one.key(), **one, **other, registry.len()), ("a", 1, 1, 1));
    }

    #[test]
    fn an_entry_goes_with_its_last_holder() {
        let registry = Registry::new();
        let one = registry.open(&"a", || ("a", 1));
        let other = Arc::clone(&one);
        drop(one);
        assert_eq!(registry.len(), 1);
        drop(other);
        assert!(registry.is_empty());
        assert_eq!(**registry.open(&"a", || ("a", 2)), 2);
    }

    #[test]
    fn a_key_is_found_anew_while_its_last_holder_goes() {
        let registry = Registry::new();
        let one = registry.open(&"a", || ("a", 1));
        // As if the last holder's drop had not come to the table yet.
        let shard = registry.shard(one.id);
        assert!(find(&shard, one.id).is_some());
        drop(shard);
        drop(one);
        assert!(registry.find_by(registry.id(&"a")).is_none());
    }

    #[test]
    fn threads_that_open_and_drop_leave_nothing() {
        let registry: Arc<Registry<u8, u8>> = Registry::new();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for turn in 0..10_000_u32 {
                        let key = (turn % 3) as u8;
                        assert_eq!(**registry.open(&key, || (key, key)), key);
                    }
                });
            }
        });
        assert!(registry.is_empty());
    }
}

#[cfg(all(test, feature = "shuttle"))]
mod interleavings {
    use super::*;
    use shuttle::thread;

    #[test]
    fn whoever_holds_a_key_has_what_all_others_have() {
        let turns = || {
            let registry: Arc<Registry<(), ()>> = Registry::new();
            let threads = [(), (), ()].map(|()| {
                let registry = Arc::clone(&registry);
                thread::spawn(move || {
                    let one = registry.open(&"a", || ((), ()));
                    thread::yield_now();
                    assert!(
                        Arc::ptr_eq(&one, &registry.open(&"a", || ((), ()))),
                        "another was let in between"
                    );
                    assert!(
                        registry.find_by(registry.id(&"a")).is_some_and(|other| Arc::ptr_eq(&one, &other))
                    );
                })
            });
            threads.into_iter().for_each(|thread| thread.join().unwrap());
            assert!(registry.is_empty());
        };
        shuttle::check_pct(turns, 1_000, 3);
    }
}

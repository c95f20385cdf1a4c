//! A quota: how often each key may be held at a time, where a key is a client, a room, or both.

use std::collections::HashMap;
use std::hash::Hash;

use onlookers_rooms::sync::{Arc, Mutex};

/// The keys that are held, and how often.
#[derive(Debug)]
pub(crate) struct Quota<K> {
    limit: usize,
    held: Mutex<HashMap<K, usize>>,
}

/// One of a key's share; dropping it returns it.
#[derive(Debug)]
pub(crate) struct QuotaPermit<K: Hash + Eq> {
    quota: Arc<Quota<K>>,
    key: K,
}

impl<K: Hash + Eq + Clone> Quota<K> {
    /// Each key may be held `limit` times.
    pub(crate) fn new(limit: usize) -> Arc<Self> {
        Arc::new(Self { limit, held: Mutex::default() })
    }

    /// A permit for `key`; none if it is held as often as it may be.
    pub(crate) fn acquire(self: &Arc<Self>, key: K) -> Option<QuotaPermit<K>> {
        let mut held = self.held.lock();
        let times = held.get(&key).copied().unwrap_or_default();
        if times >= self.limit {
            return None;
        }
        held.insert(key.clone(), times + 1);
        Some(QuotaPermit { quota: Arc::clone(self), key })
    }

    /// A permit for `key`, however often it is held: for one that has it already, in another process.
    pub(crate) fn acquire_again(self: &Arc<Self>, key: K) -> QuotaPermit<K> {
        *self.held.lock().entry(key.clone()).or_default() += 1;
        QuotaPermit { quota: Arc::clone(self), key }
    }

    /// How often `key` is held.
    pub(crate) fn times_held(&self, key: &K) -> usize {
        self.held.lock().get(key).copied().unwrap_or_default()
    }

    /// Whether nothing is held.
    #[cfg(test)]
    pub(crate) fn is_empty(&self) -> bool {
        self.held.lock().is_empty()
    }
}

impl<K: Hash + Eq> QuotaPermit<K> {
    pub(crate) fn key(&self) -> &K {
        &self.key
    }
}

impl<K: Hash + Eq> Drop for QuotaPermit<K> {
    fn drop(&mut self) {
        let mut held = self.quota.held.lock();
        if let Some(times) = held.get_mut(&self.key) {
            *times -= 1;
            if *times == 0 {
                held.remove(&self.key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_held_as_often_as_it_may_be() {
        let quota = Quota::new(2);
        let permits = [quota.acquire("a"), quota.acquire("a"), quota.acquire("b")];
        assert!(permits.iter().all(Option::is_some) && quota.acquire("a").is_none());
        drop(permits);
        assert!(quota.is_empty() && quota.acquire("a").is_some());
    }
}

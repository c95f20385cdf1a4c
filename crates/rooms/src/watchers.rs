//! Who is to know when a room has changed.

use std::fmt;

use smallvec::SmallVec;

use crate::registry::Held;
use crate::sync::{Arc, Weak};

/// Somebody who wants to know of a room's changes.
pub trait Watch: Send + Sync {
    /// The room has changed. Whoever changed it calls this: so it has to be quick. It may look at the room.
    fn changed(self: Arc<Self>);
}

/// A value in a registry that wants to know of a room's changes, as [`Watch`] does.
pub trait EntryObserver<K>: Send + Sync + Sized {
    /// The room has changed; as for [`Watch::changed`].
    fn on_change(entry: Arc<Held<K, Self>>);
}

impl<K: Send + Sync, V: EntryObserver<K>> Watch for Held<K, V> {
    fn changed(self: Arc<Self>) {
        V::on_change(self);
    }
}

/// Those of one room. Most rooms have one: a feed.
#[derive(Default)]
pub(super) struct Watchers(SmallVec<[Weak<dyn Watch>; 1]>);

impl Watchers {
    pub(super) fn add(&mut self, watcher: Weak<dyn Watch>) {
        // Whoever opens ever other views of a room that doesn't change leaves no more than those that there are.
        if self.0.len() == self.0.capacity() {
            self.stir();
        }
        self.0.push(watcher);
    }

    /// Calls all of them, and parts with those that have gone.
    pub(super) fn stir(&mut self) {
        self.0.retain(|watcher| watcher.upgrade().map(Watch::changed).is_some());
    }
}

impl fmt::Debug for Watchers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} watchers", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[derive(Default)]
    struct Calls(AtomicUsize);

    impl Watch for Calls {
        fn changed(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    fn watch(watchers: &mut Watchers, calls: &Arc<Calls>) {
        let watcher: Weak<Calls> = Arc::downgrade(calls);
        watchers.add(watcher);
    }

    #[test]
    fn who_is_there_is_called_and_who_has_gone_is_forgotten() {
        let mut watchers = Watchers::default();
        let [stays, goes] = [(); 2].map(|()| Arc::new(Calls::default()));
        for calls in [&stays, &goes] {
            watch(&mut watchers, calls);
        }
        watchers.stir();
        let before = stays.0.load(Ordering::SeqCst);
        drop(goes);
        watchers.stir();
        assert_eq!((stays.0.load(Ordering::SeqCst) - before, watchers.0.len()), (1, 1));
    }

    #[test]
    fn views_that_come_and_go_leave_nothing() {
        let mut watchers = Watchers::default();
        for _ in 0..1000 {
            watch(&mut watchers, &Arc::default());
        }
        assert!(watchers.0.capacity() <= 4, "{}", watchers.0.capacity());
    }
}

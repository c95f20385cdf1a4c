//! Who is to know when a room has changed.

use std::fmt;

use smallvec::SmallVec;

use crate::registry::Entry;
use crate::sync::{Arc, Weak};

/// Somebody who wants to know of a room's changes.
pub trait Observer: Send + Sync {
    /// The room has changed. Whoever changed it calls this: so it has to be quick. It may look at the room.
    fn on_change(self: Arc<Self>);
}

/// A value in a registry that wants to know of a room's changes, as [`Observer`] does.
pub trait EntryObserver<K>: Send + Sync + Sized {
    /// The room has changed; as for [`Observer::on_change`].
    fn on_change(entry: Arc<Entry<K, Self>>);
}

impl<K: Send + Sync, V: EntryObserver<K>> Observer for Entry<K, V> {
    fn on_change(self: Arc<Self>) {
        V::on_change(self);
    }
}

/// Those of one room. Most rooms have one: a feed.
#[derive(Default)]
pub(super) struct Observers(SmallVec<[Weak<dyn Observer>; 1]>);

impl Observers {
    pub(super) fn add(&mut self, observer: Weak<dyn Observer>) {
        // Whoever opens ever other views of a room that doesn't change leaves no more than those that there are.
        if self.0.len() == self.0.capacity() {
            self.notify();
        }
        self.0.push(observer);
    }

    /// Calls all of them, and parts with those that have gone.
    pub(super) fn notify(&mut self) {
        self.0.retain(|observer| observer.upgrade().map(Observer::on_change).is_some());
    }
}

impl fmt::Debug for Observers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} observers", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[derive(Default)]
    struct Calls(AtomicUsize);

    impl Observer for Calls {
        fn on_change(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    fn observe(observers: &mut Observers, calls: &Arc<Calls>) {
        let observer: Weak<Calls> = Arc::downgrade(calls);
        observers.add(observer);
    }

    #[test]
    fn who_is_there_is_called_and_who_has_gone_is_forgotten() {
        let mut observers = Observers::default();
        let [stays, goes] = [(); 2].map(|()| Arc::new(Calls::default()));
        for calls in [&stays, &goes] {
            observe(&mut observers, calls);
        }
        observers.notify();
        let before = stays.0.load(Ordering::SeqCst);
        drop(goes);
        observers.notify();
        assert_eq!((stays.0.load(Ordering::SeqCst) - before, observers.0.len()), (1, 1));
    }

    #[test]
    fn views_that_come_and_go_leave_nothing() {
        let mut observers = Observers::default();
        for _ in 0..1000 {
            observe(&mut observers, &Arc::default());
        }
        assert!(observers.0.capacity() <= 4, "{}", observers.0.capacity());
    }
}

//! The observers of a room, which are told when it has changed.

use std::fmt;

use smallvec::SmallVec;

use crate::registry::Entry;
use crate::sync::{Arc, Weak};

/// Is told of a room's changes.
pub trait Observer: Send + Sync {
    /// The room has changed. The thread that changed it calls this, with no lock of this package held; so it has to be quick,
    /// and it may look at the room.
    fn on_change(self: Arc<Self>);
}

/// A value in a registry that is told of a room's changes, as an [`Observer`] is.
pub trait EntryObserver<K>: Send + Sync + Sized {
    /// The room has changed; as for [`Observer::on_change`].
    fn on_change(entry: Arc<Entry<K, Self>>);
}

impl<K: Send + Sync, V: EntryObserver<K>> Observer for Entry<K, V> {
    fn on_change(self: Arc<Self>) {
        V::on_change(self);
    }
}

/// The observers of one room. Most rooms have one: a feed.
#[derive(Default)]
pub(crate) struct Observers(SmallVec<[Weak<dyn Observer>; 1]>);

impl Observers {
    pub(crate) fn add(&mut self, observer: Weak<dyn Observer>) {
        // Views that come and go of a room that doesn't change leave no more than there are.
        if self.0.len() == self.0.capacity() {
            self.0.retain(|observer| observer.strong_count() > 0);
        }
        self.0.push(observer);
    }

    /// The observers that exist; the others are forgotten.
    pub(crate) fn current(&mut self) -> SmallVec<[Arc<dyn Observer>; 1]> {
        let mut current = SmallVec::new();
        self.0.retain(|observer| observer.upgrade().map(|observer| current.push(observer)).is_some());
        current
    }
}

impl fmt::Debug for Observers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} observers", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Nothing;

    impl Observer for Nothing {
        fn on_change(self: Arc<Self>) {}
    }

    fn observe(observers: &mut Observers, observer: &Arc<Nothing>) {
        let observer: Weak<Nothing> = Arc::downgrade(observer);
        observers.add(observer);
    }

    #[test]
    fn observers_are_found_until_they_go() {
        let mut observers = Observers::default();
        let [stays, goes] = [(); 2].map(|()| Arc::new(Nothing));
        observe(&mut observers, &stays);
        observe(&mut observers, &goes);
        assert_eq!(observers.current().len(), 2);
        drop(goes);
        assert_eq!((observers.current().len(), observers.0.len()), (1, 1));
    }

    #[test]
    fn views_that_come_and_go_leave_nothing() {
        let mut observers = Observers::default();
        for _ in 0..1000 {
            observe(&mut observers, &Arc::new(Nothing));
        }
        assert!(observers.0.capacity() <= 4, "{}", observers.0.capacity());
    }
}

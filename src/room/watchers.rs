//! Who is to know when a room has changed.

use std::fmt;

/// Looks at what has changed, and says whether it is still there to do so.
type Watcher = Box<dyn Fn() -> bool + Send + Sync>;

/// Those of one room. Most rooms have one: a feed.
#[derive(Default)]
pub(super) struct Watchers(Vec<Watcher>);

impl Watchers {
    pub(super) fn add(&mut self, watcher: Watcher) {
        // Whoever opens ever other views of a room that doesn't change leaves no more than those that there are.
        if self.0.len() == self.0.capacity() {
            self.stir();
        }
        if self.0.is_empty() {
            self.0.reserve_exact(1);
        }
        self.0.push(watcher);
    }

    /// Calls all of them, and parts with those that have gone.
    pub(super) fn stir(&mut self) {
        self.0.retain(|watcher| watcher());
    }
}

impl fmt::Debug for Watchers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} watchers", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn who_has_gone_is_called_once_more_and_forgotten() {
        let calls = Arc::new(AtomicUsize::new(0));
        let mut watchers = Watchers::default();
        for stays in [true, false] {
            let calls = Arc::clone(&calls);
            watchers.add(Box::new(move || calls.fetch_add(1, Ordering::SeqCst) < 1000 && stays));
        }
        watchers.stir();
        let both = calls.load(Ordering::SeqCst);
        watchers.stir();
        assert_eq!((calls.load(Ordering::SeqCst) - both, watchers.0.len()), (1, 1));
    }

    #[test]
    fn views_that_come_and_go_leave_nothing() {
        let mut watchers = Watchers::default();
        for _ in 0..1000 {
            watchers.add(Box::new(|| false));
        }
        assert!(watchers.0.capacity() <= 4, "{}", watchers.0.capacity());
    }
}

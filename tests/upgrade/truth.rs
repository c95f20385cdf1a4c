//! How many pages are open, as far as a test can know that from outside: between two bounds, which it tells from what it does itself.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long the server may take to notice that a page has gone: while an upgrade holds its sockets, it doesn't look.
const NOTICE: Duration = Duration::from_secs(2);

/// How late a number may be shown. Also, what is older than a frame isn't asked for any more.
pub(crate) const LATE: Duration = Duration::from_secs(5);

/// What is true, and was.
pub(crate) struct Truth(Mutex<State>);

struct State {
    /// Before all of `changes`.
    least: u64,
    most: u64,
    /// By time; those of one time by the order in which they were noted. The future has some, too.
    changes: BTreeMap<(Instant, u64), Change>,
    noted: u64,
}

#[derive(Clone, Copy)]
enum Change {
    /// Whoever is opening a page may be counted from now on.
    Opening,
    /// Is counted.
    Opened,
    /// May not be counted any more.
    Closing,
    /// Isn't.
    Closed,
}

impl Truth {
    /// So many pages are open at least, and so many at most.
    pub(crate) fn between(least: u64, most: u64) -> Self {
        Self(Mutex::new(State { least, most, changes: BTreeMap::new(), noted: 0 }))
    }

    pub(crate) fn opening(&self) {
        self.note(Instant::now(), Change::Opening);
    }

    pub(crate) fn opened(&self) {
        self.note(Instant::now(), Change::Opened);
    }

    /// A page is closed that was counted, or may have been.
    pub(crate) fn closing(&self, was_opened: bool) {
        let now = Instant::now();
        if was_opened {
            self.note(now, Change::Closing);
        }
        self.note(now + NOTICE, Change::Closed);
    }

    fn note(&self, at: Instant, change: Change) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.noted += 1;
        let number = state.noted;
        state.changes.insert((at, number), change);
        let old = Instant::now().checked_sub(LATE * 4);
        while let Some(first) = state.changes.first_entry().filter(|it| Some(it.key().0) < old) {
            let change = first.remove();
            (state.least, state.most) = change.apply((state.least, state.most));
        }
    }

    /// The least and the most that were true at some time since then.
    pub(crate) fn since(&self, from: Instant) -> (u64, u64) {
        let state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (now, mut bounds) = (Instant::now(), (state.least, state.most));
        let mut widest: Option<(u64, u64)> = None;
        for ((at, _), change) in &state.changes {
            if *at > now {
                break;
            }
            if *at >= from {
                let (least, most) = widest.unwrap_or(bounds);
                widest = Some((least.min(bounds.0), most.max(bounds.1)));
            }
            bounds = change.apply(bounds);
        }
        let (least, most) = widest.unwrap_or(bounds);
        (least.min(bounds.0), most.max(bounds.1))
    }
}

impl Change {
    fn apply(self, (least, most): (u64, u64)) -> (u64, u64) {
        match self {
            Self::Opening => (least, most + 1),
            Self::Opened => (least + 1, most),
            Self::Closing => (least - 1, most),
            Self::Closed => (least, most - 1),
        }
    }
}

#[test]
fn a_number_may_have_been_true_at_any_time_since_the_last_frame() {
    let truth = Truth::between(10, 10);
    let start = Instant::now();
    truth.opening();
    truth.opened();
    let opened = Instant::now();
    assert_eq!((truth.since(start), truth.since(opened)), ((10, 11), (11, 11)));
    truth.closing(true);
    assert_eq!(truth.since(Instant::now()), (10, 11), "the server may not have noticed");
}

//! What the viewers of a crowd have seen, and what was wrong with it.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::common::parts::png_of;
use crate::common::unbroken::Part;
use crate::truth::{LATE, Truth};

/// How far from the truth a number may be that is recognised on a picture.
const AROUND: u64 = 1000;

/// How many faults are kept: more say nothing new.
const MOST: usize = 20;

/// Shared by all viewers.
pub(crate) struct Seen {
    pub(crate) truth: Truth,
    viewers: Vec<Mutex<Viewer>>,
    numbers: HashMap<Vec<u8>, u64>,
    faults: Mutex<Vec<String>>,
}

/// What one of them has seen.
#[derive(Clone, Copy, Default)]
struct Viewer {
    is_open: bool,
    /// When the last frame came.
    last: Option<Instant>,
    /// The number on it.
    count: Option<u64>,
    /// The longest time between two frames.
    longest: Duration,
}

impl Seen {
    /// Of so many viewers, of whom nobody has seen anything.
    pub(crate) fn new(viewers: usize, truth: Truth) -> Self {
        let all = viewers as u64;
        let numbers = (all.saturating_sub(AROUND)..=all + AROUND).map(|number| (png_of(number), number));
        let (numbers, viewers) = (numbers.collect(), (0..viewers).map(|_| Mutex::default()).collect());
        Self { truth, viewers, numbers, faults: Mutex::default() }
    }

    /// A viewer has come, or come back.
    pub(crate) fn open(&self, viewer: usize) {
        *lock(&self.viewers[viewer]) = Viewer { is_open: true, ..Viewer::default() };
    }

    pub(crate) fn close(&self, viewer: usize) {
        lock(&self.viewers[viewer]).is_open = false;
    }

    pub(crate) fn is_open(&self, viewer: usize) -> bool {
        lock(&self.viewers[viewer]).is_open
    }

    /// How many viewers are there.
    pub(crate) fn open_viewers(&self) -> u64 {
        (0..self.viewers.len()).filter(|viewer| self.is_open(*viewer)).count() as u64
    }

    /// A viewer has got that. `is_true` says whether it has to be true: a crowd that comes sees older numbers.
    pub(crate) fn see(&self, viewer: usize, part: &Part, is_true: bool) {
        let counts = match part {
            Part::Picture(png) => self.numbers.get(png).map(|count| (*count, *count)),
            Part::Count(count, visitors) => Some((*count, *visitors)),
            Part::Head | Part::Other | Part::Ping(_) | Part::End => return,
        };
        let now = Instant::now();
        let before = {
            let mut seen = lock(&self.viewers[viewer]);
            let before = seen.last.replace(now);
            seen.count = counts.map(|(count, _)| count);
            seen.longest = before.map_or(Duration::ZERO, |before| now - before).max(seen.longest);
            before
        };
        if is_true {
            self.check(viewer, counts, before, now);
        }
    }

    fn check(&self, viewer: usize, counts: Option<(u64, u64)>, last: Option<Instant>, now: Instant) {
        let late = now.checked_sub(LATE).unwrap_or(now);
        let (least, most) = self.truth.since(last.map_or(late, |last| last.min(late)));
        let is_true = |count| (least..=most).contains(&count);
        match counts {
            Some((count, visitors)) if is_true(count) && is_true(visitors) => {}
            Some((count, visitors)) => self.fault(format!(
                "viewer {viewer} sees {count} pages of {visitors} visitors, and there were {least} to {most}"
            )),
            None => self.fault(format!("viewer {viewer} sees a number far from {least} to {most}")),
        }
    }

    /// Notes that something is wrong.
    pub(crate) fn fault(&self, what: String) {
        let mut faults = lock(&self.faults);
        if faults.len() < MOST {
            faults.push(what);
        }
    }

    /// Asserts that nothing was wrong so far.
    pub(crate) fn assert_faultless(&self) {
        let faults = lock(&self.faults);
        assert!(faults.is_empty(), "{faults:#?}");
    }

    /// Those viewers who are there and whose last frame isn't such a one.
    pub(crate) fn others(&self, is_such: impl Fn(Instant, Option<u64>) -> bool) -> Vec<usize> {
        let is_other =
            |viewer: &Viewer| viewer.is_open && !viewer.last.is_some_and(|last| is_such(last, viewer.count));
        let others = self.viewers.iter().enumerate().filter(|(_, viewer)| is_other(&lock(viewer)));
        others.map(|(number, _)| number).collect()
    }

    /// The longest that anybody has waited for a frame.
    pub(crate) fn longest(&self) -> Duration {
        self.viewers.iter().map(|viewer| lock(viewer).longest).max().unwrap_or_default()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

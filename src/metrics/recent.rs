//! What has cost most lately, by keys of which there may be very many: clients.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use onlookers_rooms::sync::Mutex;

/// Costs are told of the last one or two of these.
const WINDOW: Duration = Duration::from_secs(10);

/// How many keys are kept. Another takes the place of the cheapest with its cost (the Space-Saving algorithm: Metwally, Agrawal
/// and El Abbadi, ICDT 2005), so that none which costs more than a 256th of all is lost, however many there are.
const MOST: usize = 256;

/// What some keys have cost lately. It costs nothing until somebody wants to know.
#[derive(Debug)]
pub(crate) struct Recent<K> {
    is_wanted: AtomicBool,
    windows: Mutex<Windows<K>>,
}

/// The cost of a key.
#[derive(Clone, Copy, PartialEq, Default, Debug)]
pub(crate) struct Cost {
    /// Of the processor.
    pub(crate) time: Duration,
    /// How many things have cost it.
    pub(crate) times: u64,
}

#[derive(Debug)]
struct Windows<K> {
    now: HashMap<K, Cost>,
    before: HashMap<K, Cost>,
    began: Instant,
    /// When the one before began.
    began_before: Instant,
}

impl<K: Clone + Eq + Hash> Default for Recent<K> {
    fn default() -> Self {
        let began = Instant::now();
        let windows = Windows { now: HashMap::new(), before: HashMap::new(), began, began_before: began };
        Self { is_wanted: AtomicBool::new(false), windows: Mutex::new(windows) }
    }
}

impl<K: Clone + Eq + Hash> Recent<K> {
    /// Somebody wants to know.
    pub(crate) fn begin(&self) {
        self.is_wanted.store(true, Ordering::Relaxed);
    }

    /// Whether somebody does.
    pub(crate) fn is_wanted(&self) -> bool {
        self.is_wanted.load(Ordering::Relaxed)
    }

    /// Something of that key has cost `time`.
    pub(crate) fn add(&self, key: K, time: Duration) {
        if self.is_wanted() {
            self.windows.lock().add(key, time, Instant::now());
        }
    }

    /// The keys that have cost most, at most so many, and what each costs in a second.
    pub(crate) fn top(&self, most: usize) -> Vec<(K, Cost)> {
        self.windows.lock().top(most, Instant::now())
    }
}

impl<K: Clone + Eq + Hash> Windows<K> {
    fn add(&mut self, key: K, time: Duration, now: Instant) {
        self.turn(now);
        if !self.now.contains_key(&key) && self.now.len() >= MOST {
            let cheapest = self.now.iter().min_by_key(|(_, cost)| cost.time).map(|(key, _)| key.clone());
            let cost = cheapest.and_then(|cheapest| self.now.remove(&cheapest));
            self.now.insert(key.clone(), cost.unwrap_or_default());
        }
        let cost = self.now.entry(key).or_default();
        cost.time += time;
        cost.times += 1;
    }

    fn top(&mut self, most: usize, now: Instant) -> Vec<(K, Cost)> {
        self.turn(now);
        let mut all = self.before.clone();
        for (key, Cost { time, times }) in &self.now {
            let cost = all.entry(key.clone()).or_default();
            (cost.time, cost.times) = (cost.time + *time, cost.times + times);
        }
        let seconds = now.duration_since(self.began_before).as_secs_f64().max(1.0);
        let mut all: Vec<_> = all.into_iter().collect();
        all.sort_unstable_by_key(|(_, cost)| std::cmp::Reverse(cost.time));
        all.truncate(most);
        let each = |Cost { time, times }| Cost {
            time: time.div_f64(seconds),
            times: (times as f64 / seconds).round() as u64,
        };
        all.into_iter().map(|(key, cost)| (key, each(cost))).collect()
    }

    /// Begins another window if this one is over.
    fn turn(&mut self, now: Instant) {
        let age = now.duration_since(self.began);
        if age < WINDOW {
            return;
        }
        self.before = std::mem::take(&mut self.now);
        (self.began_before, self.began) = (self.began, now);
        if age >= 2 * WINDOW {
            // Nothing has happened for so long.
            self.before = HashMap::new();
            self.began_before = now;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn windows() -> (Windows<u32>, Instant) {
        let now = Instant::now();
        (Windows { now: HashMap::new(), before: HashMap::new(), began: now, began_before: now }, now)
    }

    #[test]
    fn one_that_costs_much_is_found_among_very_many() {
        let (mut windows, start) = windows();
        for key in 1..20_000 {
            windows.add(key, MS / 10, start);
            if key % 10 == 0 {
                windows.add(0, MS, start);
            }
        }
        let top = windows.top(3, start);
        assert!(top[0].0 == 0 && top[0].1.time >= 1999 * MS, "{top:?}");
        assert!(windows.now.len() <= MOST);
    }

    #[test]
    fn costs_are_those_of_a_second_and_are_forgotten() {
        let (mut windows, start) = windows();
        windows.add(7, 100 * MS, start);
        windows.add(7, 100 * MS, start);
        let at = |seconds| start + Duration::from_secs(seconds);
        assert_eq!(windows.top(1, at(4)), [(7, Cost { time: 50 * MS, times: 1 })]);
        assert_eq!(windows.top(1, at(11))[0].0, 7);
        assert_eq!(windows.top(1, at(21)), []);
        windows.add(7, MS, at(21));
        assert_eq!(windows.top(1, at(60)), []);
    }
}

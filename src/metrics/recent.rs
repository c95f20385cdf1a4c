//! What has cost most lately, by keys of which there may be very many: clients, sites.

use std::collections::HashMap;
use std::hash::Hash;
use std::time::{Duration, Instant};

use onlookers_rooms::sync::Mutex;

/// Costs are told of the last one or two of these.
const WINDOW: Duration = Duration::from_secs(10);

/// How many keys are kept. Another takes the place of the cheapest and its cost, as its error (the Space-Saving algorithm: Metwally,
/// Agrawal and El Abbadi, ICDT 2005), so that none which costs more than a 256th of all is lost, however many there are. What a
/// key is known to have cost itself is its cost without the error.
const MOST: usize = 256;

/// What some keys have cost lately.
#[derive(Debug)]
pub(crate) struct Recent<K>(Mutex<Windows<K>>);

/// What a key is known to have cost.
#[derive(Clone, Copy, PartialEq, Default, Debug)]
pub(crate) struct Cost {
    /// Of the processor.
    pub(crate) time: Duration,
    /// How many things have cost it.
    pub(crate) times: u64,
}

/// What a key may have cost since its window began.
#[derive(Clone, Copy, Default, Debug)]
struct Kept {
    /// With the error.
    time: Duration,
    /// The cost of the key before it, some of which may have been its own.
    error: Duration,
    /// Since it took the place of that.
    times: u64,
}

#[derive(Debug)]
struct Windows<K> {
    now: HashMap<K, Kept>,
    before: HashMap<K, Kept>,
    /// The time of all keys, also of those that aren't kept.
    all: Duration,
    all_before: Duration,
    began: Instant,
    /// When the one before began.
    began_before: Instant,
}

impl<K: Clone + Eq + Hash> Default for Recent<K> {
    fn default() -> Self {
        Self(Mutex::new(Windows::new(Instant::now())))
    }
}

impl<K: Clone + Eq + Hash> Recent<K> {
    /// Something of that key has cost `time`.
    pub(crate) fn add(&self, key: K, time: Duration) {
        self.0.lock().add(key, time, Instant::now());
    }

    /// The keys that have cost most, at most so many, and what each costs in a second.
    pub(crate) fn top(&self, most: usize) -> Vec<(K, Cost)> {
        self.0.lock().top(most, Instant::now())
    }

    /// What all keys together cost in a second.
    pub(crate) fn total(&self) -> Duration {
        self.0.lock().total(Instant::now())
    }
}

impl<K: Clone + Eq + Hash> Windows<K> {
    fn new(began: Instant) -> Self {
        let [all, all_before] = [Duration::ZERO; 2];
        Self { now: HashMap::new(), before: HashMap::new(), all, all_before, began, began_before: began }
    }

    fn add(&mut self, key: K, time: Duration, now: Instant) {
        self.turn(now);
        if !self.now.contains_key(&key) && self.now.len() >= MOST {
            let cheapest = self.now.iter().min_by_key(|(_, kept)| kept.time).map(|(key, _)| key.clone());
            let error = cheapest.and_then(|cheapest| self.now.remove(&cheapest)).unwrap_or_default().time;
            self.now.insert(key.clone(), Kept { time: error, error, times: 0 });
        }
        let kept = self.now.entry(key).or_default();
        kept.time += time;
        kept.times += 1;
        self.all += time;
    }

    fn top(&mut self, most: usize, now: Instant) -> Vec<(K, Cost)> {
        self.turn(now);
        let mut all: HashMap<&K, Cost> = HashMap::new();
        for (key, Kept { time, error, times }) in self.before.iter().chain(&self.now) {
            let cost = all.entry(key).or_default();
            (cost.time, cost.times) = (cost.time + (*time - *error), cost.times + times);
        }
        let seconds = self.seconds(now);
        let mut all: Vec<_> = all.into_iter().filter(|(_, cost)| !cost.time.is_zero()).collect();
        all.sort_unstable_by_key(|(_, cost)| std::cmp::Reverse(cost.time));
        all.truncate(most);
        let each = |Cost { time, times }| Cost {
            time: time.div_f64(seconds),
            times: (times as f64 / seconds).round() as u64,
        };
        all.into_iter().map(|(key, cost)| (key.clone(), each(cost))).collect()
    }

    /// What all keys together cost in a second.
    fn total(&mut self, now: Instant) -> Duration {
        self.turn(now);
        (self.all + self.all_before).div_f64(self.seconds(now))
    }

    /// How long ago the window before this one began; a second at least.
    fn seconds(&self, now: Instant) -> f64 {
        now.duration_since(self.began_before).as_secs_f64().max(1.0)
    }

    /// Begins another window if this one is over.
    fn turn(&mut self, now: Instant) {
        let age = now.duration_since(self.began);
        if age < WINDOW {
            return;
        }
        self.before = std::mem::take(&mut self.now);
        self.all_before = std::mem::take(&mut self.all);
        (self.began_before, self.began) = (self.began, now);
        if age >= 2 * WINDOW {
            // Nothing has happened for so long.
            (self.before, self.all_before) = (HashMap::new(), Duration::ZERO);
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
        (Windows::new(now), now)
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
    fn a_newcomer_is_not_told_what_others_have_cost() {
        let (mut windows, start) = windows();
        windows.add(0, 20 * MS, start);
        for key in 1..3_000 {
            windows.add(key, MS, start);
        }
        let top = windows.top(usize::MAX, start);
        assert_eq!(top[0], (0, Cost { time: 20 * MS, times: 1 }));
        assert!(top[1..].iter().all(|(_, cost)| *cost == Cost { time: MS, times: 1 }), "{:?}", &top[..3]);
    }

    #[test]
    fn costs_are_those_of_a_second_and_are_forgotten() {
        let (mut windows, start) = windows();
        windows.add(7, 100 * MS, start);
        windows.add(7, 100 * MS, start);
        let at = |seconds| start + Duration::from_secs(seconds);
        assert_eq!(windows.top(1, at(4)), [(7, Cost { time: 50 * MS, times: 1 })]);
        assert_eq!(windows.total(at(4)), 50 * MS);
        assert_eq!(windows.top(1, at(11))[0].0, 7);
        assert_eq!(windows.top(1, at(21)), []);
        windows.add(7, MS, at(21));
        assert_eq!(windows.top(1, at(60)), []);
    }
}

//! Wakes bodies: when their feed has a new frame, when it is their turn to get the frame once more, and all of them together.

use std::collections::HashMap;
use std::ops::Range;
use std::time::{Duration, Instant};

use onlookers_rooms::sync::Arc;

use super::super::cursor::Cursor;
use super::super::http2::{Exchange, due};
use super::state::State;
use super::{Bodies, FRAME, charge};
use crate::feeds::{FeedId, Published};
use crate::metrics::Costs;

/// How many bodies are looked at while the lock is held.
const AT_ONCE: usize = 64;

/// Sending takes one part in five of all cores at most.
const PAUSE: u32 = 4;

impl Bodies {
    /// Wakes bodies for as long as the server runs, and notes what repaints cost, if somebody wants to know.
    pub(in crate::transport) async fn drive(&self, costs: &Costs) {
        let mut cursor = Cursor::new(self.resend, Instant::now());
        let mut rested = Instant::now();
        loop {
            let now = Instant::now();
            let (places, is_due) = {
                let state = self.state.lock();
                (state.places(), !state.due.is_empty())
            };
            if places == 0 {
                cursor.restart(now);
            }
            let rest = is_due.then(|| rested.saturating_duration_since(now));
            let timeout = rest.into_iter().chain(cursor.timeout(places, now)).min();
            if !timeout.is_some_and(|timeout| timeout.is_zero()) {
                self.wait(timeout).await;
            }
            rested = self.wake_due(rested);
            self.wake_again(&mut cursor, costs);
        }
    }

    async fn wait(&self, timeout: Option<Duration>) {
        match timeout {
            // It elapses, or it doesn't: there is something to do.
            Some(timeout) => drop(tokio::time::timeout(timeout, self.changed.notified()).await),
            None => self.changed.notified().await,
        }
    }

    /// Wakes the bodies of feeds that have a new frame, if it has rested since the last round; until when is the result.
    fn wake_due(&self, rested: Instant) -> Instant {
        if Instant::now() < rested {
            return rested;
        }
        let feeds = std::mem::take(&mut self.state.lock().due);
        let cost: Duration = feeds.into_iter().map(|feed| self.wake_all(feed)).sum();
        Instant::now() + cost * PAUSE / cores()
    }

    /// Wakes all bodies of a feed, and returns what their frames cost.
    fn wake_all(&self, id: FeedId) -> Duration {
        let (mut next, mut woken) = (usize::MAX, 0_u32);
        let feed = loop {
            let mut state = self.state.lock();
            let State { feeds, bodies, .. } = &mut *state;
            let Some(readers) = feeds.get_mut(&id) else { return Duration::ZERO };
            if next == usize::MAX {
                readers.is_due = false;
            }
            // From the last to the first: if one is removed meanwhile, the last takes its place, which was woken.
            let end = next.min(readers.places.len());
            next = end.saturating_sub(AT_ONCE);
            let some = readers.places.get(next..end).unwrap_or_default();
            some.iter()
                .filter_map(|place| bodies.get(*place as usize))
                .filter(|it| !it.exchange.wake(due::NEWEST))
                .for_each(|_| self.metrics.skipped.count());
            woken += some.len() as u32;
            if next == 0 {
                break Arc::clone(&readers.feed);
            }
        };
        let cost = FRAME * woken;
        feed.channel().add_cost(cost);
        charge(&feed, cost);
        cost
    }

    /// Wakes the bodies whose turn it is to get their frame once more.
    fn wake_again(&self, cursor: &mut Cursor, costs: &Costs) {
        // At the end, too: its next turn would be due for ever.
        let turn = cursor.step(self.state.lock().places(), Instant::now());
        let woken = self.wake_turn(turn, costs.are_wanted());
        if woken.is_empty() {
            return;
        }
        let state = self.state.lock();
        let feed = |(id, times)| Some((Arc::clone(&state.feeds.get(&id)?.feed), times));
        let woken: Vec<_> = woken.into_iter().filter_map(feed).collect();
        drop(state);
        woken.iter().for_each(|(feed, times)| charge(feed, FRAME * *times));
    }

    /// Wakes them, and returns how many each feed has, if somebody wants to know.
    fn wake_turn(&self, turn: [Range<usize>; 2], is_wanted: bool) -> HashMap<FeedId, u32> {
        let (mut state, mut woken) = (self.state.lock(), HashMap::new());
        if state.has_ended {
            return woken;
        }
        for place in turn.into_iter().flatten() {
            let Some(reader) = state.bodies.get_mut(place) else { continue };
            if reader.takes_turn() && !reader.exchange.is_busy() {
                reader.exchange.wake(due::AGAIN);
                if is_wanted {
                    *woken.entry(reader.feed).or_default() += 1;
                }
            }
        }
        woken
    }

    /// Wakes every body, which finds that due. Those that come meanwhile see for themselves.
    pub(super) fn wake_each(&self, due: u8) {
        // Not under the lock, for which streams that come and go would wait.
        self.each(|exchange| {
            exchange.wake(due);
        });
    }

    /// The exchanges of all bodies.
    pub(super) fn exchanges(&self) -> Vec<Arc<Exchange>> {
        let mut all = Vec::new();
        self.each(|exchange| all.push(exchange));
        all
    }

    /// Goes through all bodies, a few under one lock.
    fn each(&self, mut take: impl FnMut(Arc<Exchange>)) {
        let mut next = 0;
        loop {
            let state = self.state.lock();
            let end = state.places();
            let some: Vec<_> = (next..end.min(next + AT_ONCE))
                .filter_map(|place| state.bodies.get(place))
                .map(|reader| Arc::clone(&reader.exchange))
                .collect();
            drop(state);
            some.into_iter().for_each(&mut take);
            next += AT_ONCE;
            if next >= end {
                return;
            }
        }
    }
}

fn cores() -> u32 {
    std::thread::available_parallelism().map_or(1, |cores| cores.get() as u32)
}

#[cfg(test)]
mod tests;

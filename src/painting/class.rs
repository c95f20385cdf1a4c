//! Payers of one kind, and whose job is next: start-time fair queueing (Goyal, Vin and Cheng, SIGCOMM 1996), with a rest
//! after each job that keeps a payer to its share of a core.
//!
//! Each payer has a clock, which runs while its jobs do; the job of the payer whose clock is least is next. The class's own
//! clock runs as fast as each payer's would if all had equal shares. A new payer begins there: it is ahead of payers that
//! have had more than their share, and after those that have had less, so that newcomers starve nobody.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::{Duration, Instant};

use super::Payer;

/// A payer may have a fifth of a core: after each job it rests four times as long as that took.
const REST: u32 = 4;

/// Payers that share out their time among each other.
pub(super) struct Class<J> {
    accounts: HashMap<Payer, Account<J>>,
    /// The payers whose jobs may run, by clock.
    ready: BTreeMap<(Duration, u64), Payer>,
    /// The payers that rest, by when they have rested; they may have no job.
    resting: BTreeMap<(Instant, u64), Payer>,
    /// Where the clocks of new payers begin.
    clock: Duration,
    /// The painting time that the whole class has used.
    pub(super) used: Duration,
    /// How many jobs wait.
    pub(super) waiting: usize,
    /// Tells entries of equal time apart, and orders them.
    next: u64,
}

struct Account<J> {
    clock: Duration,
    jobs: VecDeque<J>,
    /// Jobs that come after those.
    later: VecDeque<J>,
}

impl<J> Class<J> {
    pub(super) fn new() -> Self {
        let (accounts, ready, resting) = (HashMap::new(), BTreeMap::new(), BTreeMap::new());
        let (clock, used) = (Duration::ZERO, Duration::ZERO);
        Self { accounts, ready, resting, clock, used, waiting: 0, next: 0 }
    }

    pub(super) fn push(&mut self, payer: Payer, job: J, later: bool) {
        self.waiting += 1;
        let (is_new, clock) = (!self.accounts.contains_key(&payer), self.clock);
        let account = self.accounts.entry(payer.clone()).or_insert_with(|| Account::new(clock));
        if later {
            account.later.push_back(job)
        } else {
            account.jobs.push_back(job)
        }
        if is_new {
            self.list_ready(payer, clock);
        }
    }

    pub(super) fn pop(&mut self) -> Option<(Payer, J)> {
        let ((clock, _), payer) = self.ready.pop_first()?;
        self.clock = self.clock.max(clock);
        let job = self.accounts.get_mut(&payer)?.take()?;
        self.waiting -= 1;
        Some((payer, job))
    }

    pub(super) fn finish(&mut self, payer: Payer, took: Duration, now: Instant) {
        let payers = self.accounts.len().max(1) as u32;
        let Some(account) = self.accounts.get_mut(&payer) else { return };
        account.clock += took;
        self.clock += took / payers;
        self.used += took;
        self.next += 1;
        self.resting.insert((now + took * REST, self.next), payer);
    }

    /// How many jobs of `payer` wait; none if it is new here.
    pub(super) fn waiting_of(&self, payer: &Payer) -> Option<usize> {
        self.accounts.get(payer).map(|account| account.jobs.len() + account.later.len())
    }

    /// When the first payer that rests has rested.
    pub(super) fn next_rested(&self) -> Option<Instant> {
        self.resting.first_key_value().map(|((rested, _), _)| *rested)
    }

    /// Whether no job waits and no payer rests.
    pub(super) fn is_empty(&self) -> bool {
        self.ready.is_empty() && self.resting.is_empty()
    }

    /// Lets those go on that have rested, and forgets those of them that have no job.
    pub(super) fn wake(&mut self, now: Instant) {
        while let Some(entry) = self.resting.first_entry().filter(|entry| entry.key().0 <= now) {
            let payer = entry.remove();
            let Some(account) = self.accounts.get(&payer) else { continue };
            if account.jobs.is_empty() && account.later.is_empty() {
                self.accounts.remove(&payer);
            } else {
                let clock = account.clock;
                self.list_ready(payer, clock);
            }
        }
    }

    fn list_ready(&mut self, payer: Payer, clock: Duration) {
        self.next += 1;
        self.ready.insert((clock, self.next), payer);
    }
}

impl<J> Account<J> {
    fn new(clock: Duration) -> Self {
        Self { clock, jobs: VecDeque::new(), later: VecDeque::new() }
    }

    fn take(&mut self) -> Option<J> {
        self.jobs.pop_front().or_else(|| self.later.pop_front())
    }
}

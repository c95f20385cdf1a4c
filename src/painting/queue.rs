//! The jobs that wait, and whose is next: start-time fair queueing (Goyal, Vin and Cheng, SIGCOMM 1996), with a rest after
//! each job that keeps a payer to its share of a core.
//!
//! Each payer has a clock, which runs while its jobs do; the job of the payer whose clock is least is next. A payer that
//! comes anew begins at the clock of the job that runs, so it is ahead of everybody who has had more than it.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::{Duration, Instant};

use super::Payer;

/// A payer may have a fifth of a core: after each job it rests four times as long as that took.
const REST: u32 = 4;

/// How many jobs of clients may wait in all. At 3 ms each, this is how long a client waits at most.
const MAX_OF_CLIENTS: usize = 32;

/// How many of them may be one client's.
const MAX_OF_CLIENT: usize = 4;

/// A client that would have to rest for longer is refused.
const MAX_REST: Duration = Duration::from_secs(1);

pub(super) struct Queue<J> {
    accounts: HashMap<Payer, Account<J>>,
    /// The payers whose jobs may run, by clock; those of open pages before those of clients.
    ready: BTreeMap<(Duration, bool, u64), Payer>,
    /// The payers that rest, by when they have rested; they may have no job.
    resting: BTreeMap<(Instant, u64), Payer>,
    /// The clock of the job that was taken last.
    clock: Duration,
    /// How many jobs of clients wait.
    of_clients: usize,
    /// Tells entries of equal time apart, and orders them.
    next: u64,
}

struct Account<J> {
    clock: Duration,
    jobs: VecDeque<J>,
    /// Until when it rests; none while a job of it waits or runs.
    rested: Option<Instant>,
}

/// A look into the queue.
#[derive(Debug, PartialEq)]
pub(super) enum Next<J> {
    /// This job is to run; then [`Queue::finish`] is called.
    Job(Payer, J),
    /// Nobody may have anything painted before that time.
    Rest(Instant),
    Empty,
}

impl<J> Queue<J> {
    pub(super) fn new() -> Self {
        let (accounts, ready, resting) = (HashMap::new(), BTreeMap::new(), BTreeMap::new());
        Self { accounts, ready, resting, clock: Duration::ZERO, of_clients: 0, next: 0 }
    }

    /// Whether a client's job would be refused at `now`.
    pub(super) fn is_full(&self, payer: &Payer, now: Instant) -> bool {
        let account = self.accounts.get(payer);
        self.of_clients >= MAX_OF_CLIENTS
            || account.is_some_and(|account| {
                account.jobs.len() >= MAX_OF_CLIENT || account.rested.is_some_and(|at| at > now + MAX_REST)
            })
    }

    /// Adds a job. Those of open pages are bounded by their feeds, each of which has one at most.
    pub(super) fn push(&mut self, payer: Payer, job: J) {
        self.of_clients += usize::from(payer.is_client());
        if let Some(account) = self.accounts.get_mut(&payer) {
            account.jobs.push_back(job);
            return;
        }
        let account = Account { clock: self.clock, jobs: VecDeque::from([job]), rested: None };
        self.accounts.insert(payer.clone(), account);
        self.list_ready(payer, self.clock);
    }

    /// The next job at `now`.
    pub(super) fn pop(&mut self, now: Instant) -> Next<J> {
        self.wake(now);
        if let Some(((clock, ..), payer)) = self.ready.pop_first() {
            self.clock = self.clock.max(clock);
            if let Some(job) = self.accounts.get_mut(&payer).and_then(|account| account.jobs.pop_front()) {
                self.of_clients -= usize::from(payer.is_client());
                return Next::Job(payer, job);
            }
        }
        match self.resting.first_key_value() {
            Some(((rested, _), _)) => Next::Rest(*rested),
            None => Next::Empty,
        }
    }

    /// A job of `payer` has run for that time, until `now`.
    pub(super) fn finish(&mut self, payer: Payer, took: Duration, now: Instant) {
        let Some(account) = self.accounts.get_mut(&payer) else { return };
        account.clock = account.clock.max(self.clock) + took;
        let rested = *account.rested.insert(now + took * REST);
        self.next += 1;
        self.resting.insert((rested, self.next), payer);
    }

    /// Lets those go on that have rested, and forgets those of them that have no job.
    fn wake(&mut self, now: Instant) {
        while let Some(entry) = self.resting.first_entry().filter(|entry| entry.key().0 <= now) {
            let payer = entry.remove();
            let Some(account) = self.accounts.get_mut(&payer) else { continue };
            account.rested = None;
            if account.jobs.is_empty() {
                self.accounts.remove(&payer);
            } else {
                let clock = account.clock;
                self.list_ready(payer, clock);
            }
        }
    }

    fn list_ready(&mut self, payer: Payer, clock: Duration) {
        self.next += 1;
        self.ready.insert((clock, payer.is_client(), self.next), payer);
    }
}

impl Payer {
    fn is_client(&self) -> bool {
        matches!(self, Self::Client(_))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn client(number: u8) -> Payer {
        Payer::client([192, 0, 2, number].into())
    }

    fn site(name: &str) -> Payer {
        Payer::Site(name.parse().unwrap())
    }

    #[test]
    fn who_has_had_little_painted_goes_first() {
        let (mut queue, start) = (Queue::new(), Instant::now());
        let mut now = start;
        (0..100).for_each(|n| queue.push(site("busy.example"), n));
        // While the busy site's tenth job waits, another site comes, and then a client.
        for _ in 0..9 {
            assert!(matches!(queue.pop(now), Next::Job(..)));
            queue.finish(site("busy.example"), MS, now + MS);
            now += 5 * MS;
        }
        queue.push(client(1), 200);
        queue.push(site("calm.example"), 300);
        let mut order = Vec::new();
        for _ in 0..3 {
            let Next::Job(payer, job) = queue.pop(now) else { panic!("nothing to do") };
            queue.finish(payer, MS, now);
            order.push(job);
        }
        assert_eq!(order, [300, 200, 9]);
    }

    #[test]
    fn nobody_has_more_than_a_fifth_of_a_core() {
        let (mut queue, start) = (Queue::new(), Instant::now());
        (0..1000).for_each(|n| queue.push(site("busy.example"), n));
        let (mut now, mut worked) = (start, Duration::ZERO);
        while now < start + 1000 * MS {
            match queue.pop(now) {
                Next::Job(payer, _) => {
                    (now, worked) = (now + 3 * MS, worked + 3 * MS);
                    queue.finish(payer, 3 * MS, now);
                }
                Next::Rest(until) => now = until,
                Next::Empty => panic!("there is more to do"),
            }
        }
        assert!((198 * MS..=204 * MS).contains(&worked), "{worked:?}");
    }

    #[test]
    fn a_client_has_few_jobs_and_all_of_them_no_many() {
        let (mut queue, now) = (Queue::new(), Instant::now());
        let fill = |queue: &mut Queue<()>, client: &Payer| {
            while !queue.is_full(client, now) {
                queue.push(client.clone(), ());
            }
        };
        fill(&mut queue, &client(1));
        assert_eq!(queue.of_clients, MAX_OF_CLIENT);
        (2..100).for_each(|number| fill(&mut queue, &client(number)));
        assert_eq!(queue.of_clients, MAX_OF_CLIENTS);
        assert!(queue.is_full(&client(200), now));
        assert!(matches!(queue.pop(now), Next::Job(..)) && !queue.is_full(&client(200), now));
    }

    #[test]
    fn a_client_with_a_long_rest_is_refused() {
        let (mut queue, now) = (Queue::new(), Instant::now());
        queue.push(client(1), ());
        assert_eq!(queue.pop(now), Next::Job(client(1), ()));
        queue.finish(client(1), 300 * MS, now);
        assert!(queue.is_full(&client(1), now) && !queue.is_full(&client(2), now));
        assert!(!queue.is_full(&client(1), now + 201 * MS));
    }

    #[test]
    fn payers_without_jobs_are_forgotten() {
        let (mut queue, now) = (Queue::new(), Instant::now());
        for number in 0..100 {
            queue.push(client(number), ());
            assert!(matches!(queue.pop(now), Next::Job(..)));
            queue.finish(client(number), MS, now);
        }
        assert_eq!(queue.pop(now + 4 * MS), Next::Empty);
        assert!(queue.accounts.is_empty() && queue.ready.is_empty() && queue.resting.is_empty());
        assert_eq!(queue.of_clients, 0);
    }
}

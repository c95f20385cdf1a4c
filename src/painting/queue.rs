//! The jobs that wait, and whose is next: start-time fair queueing (Goyal, Vin and Cheng, SIGCOMM 1996), with a rest after
//! each job that keeps a payer to its share of a core.
//!
//! Each payer has a clock, which runs while its jobs do; the job of the payer whose clock is least is next. The queue's own
//! clock runs as fast as each payer's would if all had equal shares. A payer that comes anew begins there, so it is ahead
//! of those who have had more than their share, and behind those who have had less: nobody is starved by newcomers.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::{Duration, Instant};

use super::Payer;

/// A payer may have a fifth of a core: after each job it rests four times as long as that took.
const REST: u32 = 4;

/// How many jobs of clients may wait when one comes from a client that has had something painted just now.
const MAX_OF_CLIENTS: usize = 64;

/// And when one comes from another client, which is served before those.
const MAX_OF_NEW_CLIENTS: usize = 1024;

/// How many of them may be one client's. The demo page has 13 pictures, which a browser may ask for at once.
const MAX_OF_CLIENT: usize = 24;

/// The most that one job is charged. It may have waited for a core meanwhile.
const MAX_CHARGE: Duration = Duration::from_millis(20);

pub(super) struct Queue<J> {
    /// Of sites, and of clients.
    classes: [Class<J>; 2],
}

/// Payers among whom time is shared out. Each class has half of it, if both have something to paint: there may be very many
/// clients.
struct Class<J> {
    accounts: HashMap<Payer, Account<J>>,
    /// The payers whose jobs may run, by clock.
    ready: BTreeMap<(Duration, u64), Payer>,
    /// The payers that rest, by when they have rested; they may have no job.
    resting: BTreeMap<(Instant, u64), Payer>,
    /// Where payers that come anew begin.
    clock: Duration,
    /// How much time the whole class has had.
    had: Duration,
    /// How many jobs wait.
    waiting: usize,
    /// Tells entries of equal time apart, and orders them.
    next: u64,
}

struct Account<J> {
    clock: Duration,
    jobs: VecDeque<J>,
    /// Jobs that come after those.
    later: VecDeque<J>,
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
        Self { classes: [Class::new(), Class::new()] }
    }

    /// Whether a client's job would be refused. A private address is probably a proxy's, and so many clients in one: it
    /// counts only towards the total.
    pub(super) fn is_full(&self, client: &Payer) -> bool {
        let [_, clients] = &self.classes;
        let Some(account) = clients.accounts.get(client) else {
            return clients.waiting >= MAX_OF_NEW_CLIENTS;
        };
        clients.waiting >= MAX_OF_CLIENTS || (account.jobs.len() >= MAX_OF_CLIENT && client.is_one())
    }

    /// Adds a job, `later` than the payer's others or after those of its kind. Jobs of sites are bounded by their feeds,
    /// each of which has one at most.
    pub(super) fn push(&mut self, payer: Payer, job: J, later: bool) {
        self.class(&payer).push(payer, job, later);
    }

    /// The next job at `now`.
    pub(super) fn pop(&mut self, now: Instant) -> Next<J> {
        self.classes.iter_mut().for_each(|class| class.wake(now));
        let [sites, clients] = &mut self.classes;
        let (first, second) = if sites.had <= clients.had { (sites, clients) } else { (clients, sites) };
        if let Some((payer, job)) = first.pop() {
            return Next::Job(payer, job);
        }
        // A class can't save time up while it has nothing to paint.
        first.had = second.had;
        if let Some((payer, job)) = second.pop() {
            return Next::Job(payer, job);
        }
        let rested = self.classes.iter().filter_map(|class| class.resting.first_key_value());
        rested.map(|((rested, _), _)| *rested).min().map_or(Next::Empty, Next::Rest)
    }

    /// A job of `payer` has run for that time, until `now`.
    pub(super) fn finish(&mut self, payer: Payer, took: Duration, now: Instant) {
        self.class(&payer).finish(payer, took.min(MAX_CHARGE), now);
    }

    /// Whether there is something to do, now or later.
    pub(super) fn has_more(&self) -> bool {
        self.classes.iter().any(|class| !(class.ready.is_empty() && class.resting.is_empty()))
    }

    fn class(&mut self, payer: &Payer) -> &mut Class<J> {
        &mut self.classes[usize::from(payer.is_client())]
    }
}

impl<J> Class<J> {
    fn new() -> Self {
        let (accounts, ready, resting) = (HashMap::new(), BTreeMap::new(), BTreeMap::new());
        let (clock, had) = (Duration::ZERO, Duration::ZERO);
        Self { accounts, ready, resting, clock, had, waiting: 0, next: 0 }
    }

    fn push(&mut self, payer: Payer, job: J, later: bool) {
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

    fn pop(&mut self) -> Option<(Payer, J)> {
        let ((clock, _), payer) = self.ready.pop_first()?;
        self.clock = self.clock.max(clock);
        let job = self.accounts.get_mut(&payer)?.take()?;
        self.waiting -= 1;
        Some((payer, job))
    }

    fn finish(&mut self, payer: Payer, took: Duration, now: Instant) {
        let payers = self.accounts.len().max(1) as u32;
        let Some(account) = self.accounts.get_mut(&payer) else { return };
        account.clock += took;
        self.clock += took / payers;
        self.had += took;
        self.next += 1;
        self.resting.insert((now + took * REST, self.next), payer);
    }

    /// Lets those go on that have rested, and forgets those of them that have no job.
    fn wake(&mut self, now: Instant) {
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
        (0..100).for_each(|n| queue.push(site("busy.example"), n, false));
        for _ in 0..9 {
            assert!(matches!(queue.pop(now), Next::Job(..)));
            queue.finish(site("busy.example"), MS, now + MS);
            now += 5 * MS;
        }
        // While the tenth job waits, others come.
        for (payer, job) in [(site("some.example"), 200), (client(1), 300), (site("calm.example"), 400)] {
            queue.push(payer, job, false);
        }
        let mut order = Vec::new();
        for _ in 0..4 {
            let Next::Job(payer, job) = queue.pop(now) else { panic!("nothing to do") };
            order.push(job);
            queue.finish(payer, MS, now);
        }
        let place = |job| order.iter().position(|at| *at == job).unwrap();
        assert!(place(200) < place(400) && place(300) < 2, "{order:?}");
    }

    /// Clients that come anew each time, as soon as they have rested, must not starve a site with much to paint.
    #[test]
    fn newcomers_starve_nobody() {
        let (mut queue, start) = (Queue::new(), Instant::now());
        (0..400).for_each(|_| queue.push(site("busy.example"), true, false));
        let (mut now, mut of_site, mut next) = (start, 0, 0_u32);
        while now < start + 2000 * MS {
            for _ in 0..4 {
                next += 1;
                let newcomer = Payer::client(std::net::Ipv4Addr::from_bits(0xc600_0000 + next).into());
                if !queue.is_full(&newcomer) {
                    queue.push(newcomer, false, false);
                }
            }
            let Next::Job(payer, is_of_site) = queue.pop(now) else { panic!("there is always a newcomer") };
            of_site += u32::from(is_of_site);
            now += 3 * MS;
            queue.finish(payer, 3 * MS, now);
        }
        // A fifth of a core, as if it were alone.
        assert!(of_site >= 120, "{of_site} of {}", 2000 / 3);
    }

    #[test]
    fn jobs_for_later_come_after_the_others() {
        let (mut queue, now) = (Queue::new(), Instant::now());
        for (job, later) in [(1, true), (2, false), (3, true), (4, false)] {
            queue.push(site("example.com"), job, later);
        }
        let mut order = Vec::new();
        while let Next::Job(payer, job) = queue.pop(now) {
            order.push(job);
            queue.finish(payer, Duration::ZERO, now);
        }
        assert_eq!(order, [2, 4, 1, 3]);
    }

    #[test]
    fn nobody_has_more_than_a_fifth_of_a_core() {
        let (mut queue, start) = (Queue::new(), Instant::now());
        (0..1000).for_each(|n| queue.push(site("busy.example"), n, false));
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
        let mut queue = Queue::new();
        let fill = |queue: &mut Queue<()>, client: &Payer| {
            while !queue.is_full(client) {
                queue.push(client.clone(), (), false);
            }
        };
        fill(&mut queue, &client(1));
        assert_eq!(queue.classes[1].waiting, MAX_OF_CLIENT);
        (2..100).for_each(|number| fill(&mut queue, &client(number)));
        // Those that have an account have no more, but one that has none is served before them.
        assert_eq!(queue.classes[1].waiting, MAX_OF_CLIENTS + 96);
        assert!(queue.is_full(&client(2)) && !queue.is_full(&client(200)));
        // A proxy's address stands for many clients.
        let proxy = Payer::client([127, 0, 0, 1].into());
        let mut queue = Queue::new();
        fill(&mut queue, &proxy);
        assert_eq!(queue.classes[1].waiting, MAX_OF_CLIENTS);
    }

    #[test]
    fn payers_without_jobs_are_forgotten() {
        let (mut queue, now) = (Queue::new(), Instant::now());
        for number in 0..100 {
            queue.push(client(number), (), false);
            assert!(matches!(queue.pop(now), Next::Job(..)));
            queue.finish(client(number), MS, now);
        }
        assert_eq!(queue.pop(now + 4 * MS), Next::Empty);
        assert!(queue.classes.iter().all(|class| class.accounts.is_empty()) && !queue.has_more());
        assert_eq!(queue.classes[1].waiting, 0);
    }
}

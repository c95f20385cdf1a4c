//! The jobs that wait. Sites together and clients together have half of the time each, if both have something to paint:
//! there may be very many clients. Within a `class`, payers share its time.

use std::time::{Duration, Instant};

use super::class::Class;
use super::payer::{Payer, PayerKind};
use crate::metrics::Label;

/// How many jobs of clients may wait when one comes from a client that has had something painted just now.
const MAX_OF_CLIENTS: usize = 64;

/// And when one comes from another client, which is served before those.
const MAX_OF_NEW_CLIENTS: usize = 1024;

/// How many of them may be one client's. The demo page has 13 pictures, which a browser may ask for at once.
const MAX_OF_CLIENT: usize = 24;

/// The most that one job is charged. It may have waited for a core meanwhile.
const MAX_CHARGE: Duration = Duration::from_millis(20);

pub(super) struct Queue<J> {
    /// The class of sites, and that of clients.
    classes: [Class<J>; 2],
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
        match clients.waiting_of(client) {
            None => clients.waiting >= MAX_OF_NEW_CLIENTS,
            Some(own) => clients.waiting >= MAX_OF_CLIENTS || (own >= MAX_OF_CLIENT && client.is_one()),
        }
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
        let (first, second) = if sites.used <= clients.used { (sites, clients) } else { (clients, sites) };
        if let Some((payer, job)) = first.pop() {
            return Next::Job(payer, job);
        }
        // A class can't save time up while it has nothing to paint.
        first.used = second.used;
        if let Some((payer, job)) = second.pop() {
            return Next::Job(payer, job);
        }
        self.classes.iter().filter_map(Class::next_rested).min().map_or(Next::Empty, Next::Rest)
    }

    /// A job of `payer` has run for that time, until `now`.
    pub(super) fn finish(&mut self, payer: Payer, took: Duration, now: Instant) {
        self.class(&payer).finish(payer, took.min(MAX_CHARGE), now);
    }

    /// How many jobs of these payers wait.
    pub(super) fn waiting(&self, of: PayerKind) -> usize {
        self.classes[of.index()].waiting
    }

    /// Whether there is something to do, now or later.
    pub(super) fn has_more(&self) -> bool {
        self.classes.iter().any(|class| !class.is_empty())
    }

    fn class(&mut self, payer: &Payer) -> &mut Class<J> {
        &mut self.classes[payer.kind().index()]
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
    fn payers_with_little_painting_go_first() {
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
        // Clients with jobs in the queue get no more in, but another client does: it is served before them.
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
        assert!(!queue.has_more() && (0..100).all(|n| queue.classes[1].waiting_of(&client(n)).is_none()));
        assert_eq!(queue.classes[1].waiting, 0);
    }
}

//! Churn: as many viewers as the file limit allows, coming and going at random. From time to time, and at the
//! end, everybody stays for a moment, and each of them has to hold the picture of the right count.

use crate::{
    Outcome,
    args::Args,
    load::{
        account::{self, Account},
        crowd::Crowd,
    },
    server::{Kind, Launch, Server},
};
use std::{
    ops::RangeInclusive,
    time::{Duration, Instant},
};

/// The most viewers, whatever the limit.
const MOST: usize = 19_000;
/// How often it is checked that all see the right count.
const CHECKS: u32 = 10;
/// Time from one handful of joins or leaves to the next.
const STEP: Duration = Duration::from_millis(20);
/// Joins or leaves at once.
const HANDFUL: usize = 8;
/// Memory that the server may keep when all have gone, in bytes: what the allocator holds of the requests that were
/// being read at once, however many viewers there were.
const KEPT: u64 = 8 << 20;

/// Runs the churn on onlookers; prints counts and memory as it goes.
pub(crate) fn run(launch: &Launch, args: &Args, minutes: f64) -> Outcome<()> {
    let most = if args.options.run.quick { 300 } else { MOST.min(account::room_for_viewers()) };
    let server = Server::start(launch, Kind::Onlookers)?;
    let crowd = Crowd::new(server.asker(), args.options.at_once)?;
    let mut churn = Churn { crowd, random: Random(2012), launch, changes: 0 };
    churn.crowd.fill(1)?;
    let before = server.process.account.memory()?;
    churn.crowd.fill(most)?;
    let full = server.process.account.memory()?;
    println!("{most} viewers: {} of user memory, {} before", mib(full), mib(before));
    for _ in 0..CHECKS {
        churn.rush(Duration::from_secs_f64(60.0 * minutes / f64::from(CHECKS)), most)?;
        churn.check(server.process.account)?;
    }
    churn.crowd.leave_all();
    churn.crowd.fill(1)?;
    churn.check(server.process.account)?;
    require_given_back(before, server.process.account.memory()?)
}

struct Churn<'a> {
    crowd: Crowd,
    random: Random,
    launch: &'a Launch<'a>,
    changes: usize,
}

impl Churn<'_> {
    /// Joins and leaves for a while; between nine tenths of `most` and `most` are in.
    fn rush(&mut self, time: Duration, most: usize) -> Outcome<()> {
        let end = Instant::now() + time;
        while Instant::now() < end {
            for _ in 0..self.random.within(1..=HANDFUL) {
                self.change(most * 9 / 10..=most)?;
            }
            self.crowd.read_until(Instant::now() + STEP)?;
        }
        Ok(())
    }

    fn change(&mut self, bounds: RangeInclusive<usize>) -> Outcome<()> {
        let (viewers, coin) = (self.crowd.len(), self.random.within(0..=1) == 0);
        let place = self.random.within(0..=*bounds.end());
        self.changes += 1;
        match self.crowd.near(place) {
            Some(key) if viewers >= *bounds.end() || (coin && viewers > *bounds.start()) => {
                self.crowd.leave(key)
            }
            _ => drop(self.crowd.join()?),
        }
        Ok(())
    }

    /// Waits until everybody holds the picture of the right count, byte for byte.
    fn check(&mut self, account: Account) -> Outcome<()> {
        let (viewers, start) = (self.crowd.len(), Instant::now());
        let right = self.launch.right_picture(viewers)?;
        let done = |crowd: &Crowd| crowd.agrees() && crowd.pictures.newest_png() == right;
        self.crowd.until(&format!("the picture of {viewers} with everybody"), done)?;
        let (waited, memory) = (start.elapsed().as_secs_f64(), mib(account.memory()?));
        println!("all {viewers} see {viewers} after {} changes ({waited:.2} s), {memory}", self.changes);
        Ok(())
    }
}

fn require_given_back(before: u64, after: u64) -> Outcome<()> {
    println!("all have gone: {}, {} before they came", mib(after), mib(before));
    if after > before + KEPT {
        return Err("the server has kept their memory".into());
    }
    Ok(())
}

fn mib(bytes: u64) -> String {
    format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20))
}

/// Xorshift (Marsaglia, 2003): the same sequence in every run.
struct Random(u64);

impl Random {
    fn within(&mut self, range: RangeInclusive<usize>) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        range.start() + self.0 as usize % (range.end() - range.start() + 1)
    }
}

//! The work that each server gets, and what is measured while it does it.

use crate::{
    Outcome,
    args::Args,
    deaf, figure,
    load::{
        account::Account,
        asker::Asker,
        changes::AFTER,
        crowd::{Crowd, Tally},
        pictures::NEXT_PART,
        samples::quantile,
        turns::{self, Turns, tell},
    },
    server::{Kind, Launch, Server},
};
use std::time::{Duration, Instant};

/// All hold the same picture for so long: then everybody is counted. Longer than a paced feed waits.
const QUIET: Duration = Duration::from_millis(1500);

/// The whole work on one server; the figures go to standard output.
pub(crate) fn play(launch: &Launch, kind: Kind, viewers: usize, args: &Args) -> Outcome<()> {
    let turns = Turns::listen();
    let mut work = Work::start(launch, kind, args, &turns)?;
    let before = work.server.process.account.memory()?;
    let join = work.join(viewers)?;
    work.idle()?;
    let now = work.server.process.account.memory()? as f64;
    tell(figure::MEMORY, (now - before as f64) / 1024.0 / (viewers - 1) as f64);
    tell(figure::MEMORY_ALL, now / f64::from(1 << 20));
    // For the other servers to send as many; measured below, where openings count too.
    tell(figure::BYTES, (work.crowd.pictures.newest_png().len() + NEXT_PART.len()) as f64);
    let price = work.changes_in_turn(args.options.changes)?;
    price.tell(figure::FRAME, figure::DELAY);
    tell(figure::DELAY_99, quantile(&price.delays, 0.99).unwrap_or(0.0));
    tell(figure::LOAD, price.load);
    tell(figure::BYTES, price.bytes);
    join.tell(price.frame);
    // Without the floor there is nothing to compare it with, and `--tls` asks for other things.
    if args.servers.contains(&Kind::Floor) && !args.tls {
        deaf::compare(work, viewers)?;
    }
    turns::over();
    Ok(())
}

/// A server with its viewers.
pub(crate) struct Work<'a> {
    pub(crate) launch: &'a Launch<'a>,
    pub(crate) server: Server,
    pub(crate) crowd: Crowd,
    pub(crate) args: &'a Args,
    pub(crate) turns: &'a Turns,
}

impl<'a> Work<'a> {
    /// A new server, with its first viewer: that one brings what is made once, and isn't measured.
    pub(crate) fn start(
        launch: &'a Launch<'a>,
        kind: Kind,
        args: &'a Args,
        turns: &'a Turns,
    ) -> Outcome<Self> {
        let server = Server::start(launch, kind)?;
        let mut crowd = Crowd::new(server.asker(), args.options.at_once)?;
        crowd.fill(1)?;
        Ok(Self { launch, server, crowd, args, turns })
    }

    pub(crate) fn join(&mut self, viewers: usize) -> Outcome<Join> {
        let (start, joining) = (Instant::now(), (viewers - self.crowd.len()) as f64);
        let meter = Meter::start(self)?;
        self.crowd.fill(viewers)?;
        let seconds = start.elapsed().as_secs_f64();
        // The server may be waiting for its pace: agreement counts when it lasts.
        loop {
            self.crowd.until("the same picture with everybody", Crowd::agrees)?;
            let Used { cpu, own, frames, .. } = meter.read(self)?;
            let (picture, most) = (self.crowd.pictures.newest(), self.crowd.most_frames());
            self.crowd.read_until(Instant::now() + QUIET)?;
            if self.crowd.agrees() && self.crowd.pictures.newest() == picture {
                let (cpu, own, frames) = (cpu / joining, own / joining, frames / joining);
                return Ok(Join { seconds, cpu, own, frames, most });
            }
        }
    }

    /// Only onlookers repaints.
    fn idle(&mut self) -> Outcome<()> {
        if matches!(self.server.kind, Kind::Onlookers | Kind::OnlookersTls | Kind::Events) {
            let meter = Meter::start(self)?;
            self.crowd.read_until(Instant::now() + self.args.idle)?;
            let cpu = meter.read(self)?.cpu;
            tell(figure::IDLE, 100.0 * cpu / micros(self.args.idle));
        }
        Ok(())
    }

    pub(crate) fn changes_in_turn(&mut self, times: usize) -> Outcome<Price> {
        let (mut total, mut delays) = (Used::default(), Vec::new());
        for _ in 0..times {
            self.turns.wait(|| self.crowd.read_until(Instant::now() + AFTER))?;
            self.crowd.rest()?;
            let meter = Meter::start(self)?;
            delays.push(1e3 * self.change(self.args.options.every)?.as_secs_f64());
            self.crowd.read_until(Instant::now() + AFTER)?;
            total.add(meter.read(self)?);
        }
        let Used { cpu, own, frames, bytes } = total;
        Ok(Price { frame: cpu / frames, load: own / frames, bytes: bytes / frames, delays })
    }

    pub(crate) fn change(&mut self, every: Duration) -> Outcome<Duration> {
        let Self { server, launch, crowd, .. } = self;
        crowd.change(every, |count| server.tell(launch, count))
    }

    /// A viewer joins that isn't of the crowd; returns when everybody sees it counted.
    pub(crate) fn join_apart<T>(&mut self, join: impl FnOnce(&Asker) -> Outcome<T>) -> Outcome<T> {
        let old = self.crowd.pictures.newest();
        let joined = join(&self.server.asker())?;
        self.crowd.until_other_than(old)?;
        Ok(joined)
    }
}

/// What it took until all had joined and held the same picture.
pub(crate) struct Join {
    seconds: f64,
    /// Microseconds of the server's CPU for each viewer, with the frames sent meanwhile.
    cpu: f64,
    /// The same of this process.
    own: f64,
    /// Frames for each viewer, and for the viewer that got the most.
    frames: f64,
    most: u64,
}

impl Join {
    fn tell(&self, frame_price: f64) {
        tell(figure::JOIN, self.cpu - self.frames * frame_price);
        tell(figure::JOIN_ALL, self.cpu);
        tell(figure::JOIN_FRAMES, self.frames);
        tell(figure::JOIN_MOST, self.most as f64);
        tell(figure::JOIN_TIME, self.seconds);
        tell(figure::LOAD_JOIN, self.own);
    }
}

/// What a number of changes cost: microseconds a frame of the server and of this process, bytes a frame, and each
/// change's delay in milliseconds.
pub(crate) struct Price {
    frame: f64,
    load: f64,
    bytes: f64,
    delays: Vec<f64>,
}

impl Price {
    pub(crate) fn tell(&self, frame: &str, delay: &str) {
        tell(frame, self.frame);
        tell(delay, quantile(&self.delays, 0.5).unwrap_or(0.0));
    }
}

/// CPU and frames from some moment on.
struct Meter {
    server: Duration,
    own: Duration,
    tally: Tally,
}

impl Meter {
    fn start(work: &Work) -> Outcome<Self> {
        let (server, own) = (work.server.process.account.cpu()?, Account::own().cpu()?);
        Ok(Self { server, own, tally: work.crowd.tally })
    }

    fn read(&self, work: &Work) -> Outcome<Used> {
        let (server, own) =
            (work.server.process.account.cpu()? - self.server, Account::own().cpu()? - self.own);
        let Tally { frames, bytes } = work.crowd.tally;
        let (frames, bytes) = ((frames - self.tally.frames) as f64, (bytes - self.tally.bytes) as f64);
        Ok(Used { cpu: micros(server), own: micros(own), frames, bytes })
    }
}

/// Microseconds of the server and of this process, and what came in meanwhile.
#[derive(Default)]
struct Used {
    cpu: f64,
    own: f64,
    frames: f64,
    bytes: f64,
}

impl Used {
    fn add(&mut self, more: Self) {
        self.cpu += more.cpu;
        self.own += more.own;
        self.frames += more.frames;
        self.bytes += more.bytes;
    }
}

fn micros(time: Duration) -> f64 {
    1e6 * time.as_secs_f64()
}

//! All viewers join at once: how long does that take, and are those late that were in before?

use crate::{
    Outcome,
    args::Args,
    figure,
    load::{crowd::Crowd, samples::quantile, turns},
    server::{Kind, Launch, Server},
};
use std::{
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    thread,
    time::{Duration, Instant},
};

/// Viewers of another site on the same server. They are in before the others come, and one more of them joins or leaves
/// as often as [`EVERY`].
pub(crate) const EARLY: usize = 100;
const EVERY: Duration = Duration::from_millis(150);

/// What is in the table for a kind: Nchan can't count, and the floor has one site.
pub(crate) fn includes(kind: Kind) -> bool {
    matches!(kind, Kind::Onlookers | Kind::OnlookersTls)
}

/// The figures go to standard output.
pub(crate) fn play(launch: &Launch, kind: Kind, viewers: usize, args: &Args) -> Outcome<()> {
    let server = Server::start(launch, kind)?;
    let mut early = Crowd::new(server.asker().on("early.example", ""), args.options.at_once)?;
    early.fill(EARLY)?;
    let mut left = args.options.changes;
    let peace = watch(&mut early, || left.checked_sub(1).map(|less| left = less).is_some())?;
    let mut crowd = Crowd::new(server.asker(), args.options.at_once)?;
    let (took, rush) = beside(&mut crowd, &mut early, viewers)?;
    turns::tell(figure::RUSH_TIME, took.as_secs_f64());
    rush.tell([figure::RUSH_LEAVE, figure::RUSH_JOIN]);
    peace.tell([figure::PEACE_LEAVE, figure::PEACE_JOIN]);
    turns::tell(figure::RUSH_GAP, 1e3 * crowd.longest_gap.unwrap_or_default().as_secs_f64());
    turns::over();
    Ok(())
}

/// The early ones have a thread of their own: they would be late in the one that does handshakes by the hundred.
fn beside(crowd: &mut Crowd, early: &mut Crowd, viewers: usize) -> Outcome<(Duration, Delays)> {
    let joining = AtomicBool::new(true);
    crowd.longest_gap = Some(Duration::ZERO);
    thread::scope(|scope| {
        let watching =
            scope.spawn(|| watch(early, || joining.load(Relaxed)).map_err(|error| error.to_string()));
        let start = Instant::now();
        let filled = crowd.fill(viewers);
        let took = start.elapsed();
        joining.store(false, Relaxed);
        let delays = watching.join().map_err(|_| "the thread of the early viewers has died")??;
        filled.map(|()| (took, delays))
    })
}

/// One joins or leaves, again and again, while `more`.
fn watch(early: &mut Crowd, mut more: impl FnMut() -> bool) -> Outcome<Delays> {
    let mut delays = Delays::default();
    while more() {
        let leaves = early.has_extra();
        let arrivals = early.timed_change(EVERY)?;
        let slowest = quantile(&arrivals, 1.0).ok_or("a change that nobody was sent")?;
        if leaves { &mut delays.leaves } else { &mut delays.joins }.push(slowest);
    }
    Ok(delays)
}

/// Milliseconds until the slowest viewer had each change. A join is itself in the others' queue, a leave isn't.
#[derive(Default)]
struct Delays {
    leaves: Vec<f64>,
    joins: Vec<f64>,
}

impl Delays {
    fn tell(&self, [leave, join]: [&str; 2]) {
        for (name, delays) in [(leave, &self.leaves), (join, &self.joins)] {
            if let Some(most) = quantile(delays, 1.0) {
                turns::tell(name, most);
            }
        }
    }
}

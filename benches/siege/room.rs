//! The ordinary viewers of one room: pictures, and some events and WebSockets.

use crate::{
    Outcome,
    load::{asker::Asker, crowd::Crowd, pictures::Id, samples::ms, stream::MESSAGES},
};
use std::{
    iter,
    net::SocketAddr,
    time::{Duration, Instant},
};

/// A viewer that doesn't see a change by then doesn't see it.
pub(crate) const LATEST: Duration = Duration::from_secs(30);

/// How many viewers may wait for their first count at once.
const AT_ONCE: usize = 512;

/// Of ten viewers so many have events, and as many a WebSocket.
const OF_TEN: usize = 1;

/// A room and its viewers.
pub(crate) struct Room {
    pub(crate) site: &'static str,
    pub(crate) page: &'static str,
    /// Pictures, events and WebSockets.
    crowds: [Crowd; 3],
    /// How many milliseconds after a change each viewer had the new count.
    pub(crate) delays: Vec<f64>,
    pub(crate) changes: usize,
    turn: usize,
}

impl Room {
    /// With so many viewers, once each has the count.
    pub(crate) fn open(
        address: SocketAddr,
        (site, page): (&'static str, &'static str),
        viewers: usize,
    ) -> Outcome<Self> {
        let askers = [Asker::picture(address), Asker::events(address), Asker::websocket(address, &MESSAGES)];
        let [mut pictures, mut events, mut websockets] =
            askers.map(|asker| Crowd::new(asker.on(site, page), AT_ONCE));
        let few = viewers * OF_TEN / 10;
        let crowds = [(&mut pictures, viewers - 2 * few), (&mut events, few), (&mut websockets, few)];
        for (crowd, viewers) in crowds {
            if let Ok(crowd) = crowd {
                crowd.may_lose = true;
                crowd.fill(viewers)?;
            }
        }
        let crowds = [pictures?, events?, websockets?];
        Ok(Self { site, page, crowds, delays: Vec::new(), changes: 0, turn: 0 })
    }

    /// As its URL has it.
    pub(crate) fn name(&self) -> String {
        format!("{}{}", self.site, self.page)
    }

    pub(crate) fn viewers(&self) -> usize {
        self.crowds.iter().map(Crowd::len).sum()
    }

    pub(crate) fn lost(&self) -> usize {
        self.crowds.iter().map(|crowd| crowd.lost).sum()
    }

    pub(crate) fn why_lost(&self) -> impl Iterator<Item = String> {
        let reasons = self.crowds.iter().flat_map(|crowd| &crowd.why_lost);
        reasons.map(|why| format!("{}: {why}", self.name()))
    }

    /// Reads what has come.
    pub(crate) fn turn(&mut self) -> Outcome<()> {
        self.crowds.iter_mut().try_for_each(|crowd| crowd.turn(Duration::ZERO))
    }

    /// One viewer more joins, or the one that did leaves; each kind of viewer in turn. Waits until all see it.
    pub(crate) fn change(&mut self) -> Outcome<()> {
        let (old, lost) = (self.newest(), self.lost());
        for crowd in &mut self.crowds {
            crowd.arrivals = Some(Vec::new());
        }
        let start = Instant::now();
        let kind = self.turn / 2 % self.crowds.len();
        self.crowds[kind].join_or_leave()?;
        self.turn += 1;
        while !self.agrees_on_other_than(old) && self.lost() == lost && start.elapsed() < LATEST {
            self.turn()?;
        }
        self.changes += 1;
        self.record(start, old);
        Ok(())
    }

    /// Has the viewer leave that joined last, if it is still there.
    pub(crate) fn restore(&mut self) -> Outcome<()> {
        if self.crowds.iter().any(|crowd| crowd.has_extra()) { self.change() } else { Ok(()) }
    }

    fn record(&mut self, start: Instant, old: [Id; 3]) {
        for (crowd, old) in self.crowds.iter_mut().zip(old) {
            let arrivals = crowd.arrivals.take().unwrap_or_default();
            self.delays.extend(arrivals.into_iter().map(|arrival| ms(arrival - start)));
            if start.elapsed() >= LATEST {
                let newest = crowd.pictures.newest();
                let holders = if newest == old { 0 } else { crowd.pictures.holders(newest) };
                let missing = crowd.len().saturating_sub(holders);
                self.delays.extend(iter::repeat_n(ms(LATEST), missing));
            }
        }
    }

    fn newest(&self) -> [Id; 3] {
        self.crowds.each_ref().map(|crowd| crowd.pictures.newest())
    }

    fn agrees_on_other_than(&self, old: [Id; 3]) -> bool {
        let mut crowds = self.crowds.iter().zip(old).filter(|(crowd, _)| crowd.len() > 0);
        crowds.all(|(crowd, old)| crowd.pictures.newest() != old && crowd.agrees())
    }

    /// Whether everybody sees the same, which is `right` for those with pictures.
    pub(crate) fn shows(&self, right: &[u8]) -> bool {
        self.crowds.iter().all(Crowd::agrees) && self.crowds[0].pictures.newest_png() == right
    }
}

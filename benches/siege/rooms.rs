//! All rooms of ordinary viewers, each with a thread of its own while time passes.

use crate::{Outcome, args::Args, attack::BESIEGED, counts::count, load::server::right_picture, room::Room};
use std::{
    mem,
    net::SocketAddr,
    path::Path,
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    thread,
    time::{Duration, Instant},
};

/// The rooms whose counts only ordinary viewers change.
pub(crate) const STEADY: [(&str, &str); 9] = [
    ("news.example", "/1"),
    ("news.example", "/2"),
    ("news.example", "/3"),
    ("news.example", "/4"),
    ("shop.example", "/"),
    ("shop.example", "/a/long/path/to/a/page"),
    ("blog.example", ""),
    ("forum.example", ""),
    ("wiki.example", ""),
];

/// How long a room may take to show the right count when nothing happens any more.
const RIGHT: Duration = Duration::from_secs(10);

/// Which rooms change.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Changes {
    None,
    /// Those that no attacker is in.
    Steady,
}

pub(crate) struct Rooms {
    rooms: Vec<Room>,
    every: Duration,
}

impl Rooms {
    pub(crate) fn open(address: SocketAddr, args: &Args) -> Outcome<Self> {
        let names = STEADY.into_iter().chain([BESIEGED]);
        let viewers = args.viewers / (STEADY.len() + 1);
        let rooms = names.map(|name| Room::open(address, name, viewers)).collect::<Outcome<_>>()?;
        Ok(Self { rooms, every: args.every })
    }

    pub(crate) fn len(&self) -> usize {
        self.rooms.len()
    }

    pub(crate) fn lost(&self) -> usize {
        self.rooms.iter().map(Room::lost).sum()
    }

    pub(crate) fn why_lost(&self) -> Vec<String> {
        self.rooms.iter().flat_map(Room::why_lost).collect()
    }

    pub(crate) fn take_delays(&mut self) -> Vec<f64> {
        self.rooms.iter_mut().flat_map(|room| mem::take(&mut room.delays)).collect()
    }

    pub(crate) fn take_changes(&mut self) -> usize {
        self.rooms.iter_mut().map(|room| mem::take(&mut room.changes)).sum()
    }

    /// Has viewers read, and rooms change, while `work` runs. Afterwards as many viewers are in as before.
    pub(crate) fn during<T>(&mut self, changes: Changes, work: impl FnOnce() -> T) -> Outcome<T> {
        let (over, every, rooms) = (AtomicBool::new(false), self.every, self.rooms.len() as u32);
        thread::scope(|scope| {
            let over = &over;
            let mut threads = Vec::new();
            for (number, room) in self.rooms.iter_mut().enumerate() {
                // Not all at the same moment.
                let first = Instant::now() + every * number as u32 / rooms;
                let every = (changes == Changes::Steady && !is_besieged(room)).then_some(every);
                let live = move || live(room, first, every, over).map_err(|error| error.to_string());
                threads.push(scope.spawn(live));
            }
            let done = work();
            over.store(true, Relaxed);
            for thread in threads {
                thread.join().map_err(|_| "the thread of a room has panicked")??;
            }
            Ok(done)
        })
    }

    /// How many rooms have a wrong count, or show one.
    pub(crate) fn check(&mut self, address: SocketAddr, onlookers: &Path) -> Outcome<usize> {
        let mut wrong = 0;
        for room in &mut self.rooms {
            let right = right_picture(onlookers, room.viewers())?;
            let deadline = Instant::now() + RIGHT;
            let is_right = |room: &Room| -> Outcome<bool> {
                Ok(room.shows(&right) && count(address, &room.name())? == room.viewers())
            };
            while !is_right(room)? && Instant::now() < deadline {
                room.turn()?;
            }
            if !is_right(room)? {
                let (name, viewers) = (room.name(), room.viewers());
                println!("{name} has {viewers} viewers, its count is {}", count(address, &name)?);
                wrong += 1;
            }
        }
        Ok(wrong)
    }
}

fn is_besieged(room: &Room) -> bool {
    (room.site, room.page) == BESIEGED
}

fn live(room: &mut Room, first: Instant, every: Option<Duration>, over: &AtomicBool) -> Outcome<()> {
    let mut next = first;
    while !over.load(Relaxed) {
        if let Some(every) = every.filter(|_| Instant::now() >= next) {
            room.change()?;
            next = (next + every).max(Instant::now());
        }
        room.turn()?;
    }
    if every.is_some() { room.restore() } else { Ok(()) }
}

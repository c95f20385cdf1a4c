//! Marks that come before their visitor does: the pictures of one page arrive in any order.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use crate::name::{RoomName, Site};
use crate::position::Position;
use crate::sync::Mutex;
use crate::sync::atomic::{AtomicBool, Ordering};
use crate::visitor::Visitor;

/// How long a mark waits for its visitor. A browser asks for the pictures of a page more or less at once.
const PATIENCE: Duration = Duration::from_secs(10);

/// How many marks wait at most, of all sites together; and of one site, whose oldest is forgotten then.
const MOST_WAITING: usize = 1024;
const MOST_OF_A_SITE: usize = 128;

/// Marks of visitors who have not been seen in the room yet.
#[derive(Debug, Default)]
pub(crate) struct EarlyMarks {
    any: AtomicBool,
    waiting: Mutex<Waiting>,
}

/// The marks, oldest first, and how many each site has.
#[derive(Debug, Default)]
struct Waiting {
    marks: VecDeque<EarlyMark>,
    by_site: HashMap<Site, usize>,
}

#[derive(Debug)]
struct EarlyMark {
    since: Instant,
    room: RoomName,
    visitor: Visitor,
    position: Position,
}

impl EarlyMarks {
    /// Keeps a mark. A visitor has one in each room, the furthest.
    pub(crate) fn keep(&self, room: &RoomName, visitor: &Visitor, position: Position, now: Instant) {
        let mut waiting = self.waiting.lock();
        waiting.expire(now);
        let before = waiting.take(room, visitor);
        let position = before.filter(|before| *before > position).unwrap_or(position);
        waiting.make_room(room.of_site());
        waiting.push(EarlyMark { since: now, room: room.clone(), visitor: visitor.clone(), position });
        self.any.store(true, Ordering::SeqCst);
    }

    /// The position that has waited for this visitor of this room. Nearly always none does, and a join finds that out
    /// without a lock.
    pub(crate) fn take(
        &self,
        room: &RoomName,
        visitor: &Visitor,
        now: impl FnOnce() -> Instant,
    ) -> Option<Position> {
        if !self.any.load(Ordering::SeqCst) {
            return None;
        }
        let mut waiting = self.waiting.lock();
        waiting.expire(now());
        let taken = waiting.take(room, visitor);
        self.any.store(!waiting.marks.is_empty(), Ordering::SeqCst);
        taken
    }
}

impl Waiting {
    /// Forgets the marks that have waited for too long.
    fn expire(&mut self, now: Instant) {
        while self.marks.front().is_some_and(|mark| now.duration_since(mark.since) > PATIENCE) {
            self.remove(0);
        }
    }

    fn take(&mut self, room: &RoomName, visitor: &Visitor) -> Option<Position> {
        if !self.by_site.contains_key(room.of_site()) {
            return None;
        }
        let at = self.marks.iter().position(|mark| mark.visitor == *visitor && mark.room == *room)?;
        self.remove(at).map(|mark| mark.position)
    }

    /// Forgets a mark if there is no place for another one of `site`: one of its own if it has its share, or else the
    /// oldest of the site with most. So a site that has few loses none to one that has many.
    fn make_room(&mut self, site: &Site) {
        let own = self.by_site.get(site).copied().unwrap_or_default();
        let giving = match self.by_site.iter().max_by_key(|(_, marks)| **marks) {
            _ if own >= MOST_OF_A_SITE => site.clone(),
            Some((largest, marks)) if self.marks.len() >= MOST_WAITING => {
                if own >= *marks {
                    site.clone()
                } else {
                    largest.clone()
                }
            }
            _ => return,
        };
        if let Some(oldest) = self.marks.iter().position(|mark| *mark.room.of_site() == giving) {
            self.remove(oldest);
        }
    }

    fn push(&mut self, mark: EarlyMark) {
        *self.by_site.entry(mark.room.of_site().clone()).or_default() += 1;
        self.marks.push_back(mark);
    }

    fn remove(&mut self, at: usize) -> Option<EarlyMark> {
        let mark = self.marks.remove(at)?;
        if let Some(marks) = self.by_site.get_mut(mark.room.of_site()) {
            *marks -= 1;
            if *marks == 0 {
                self.by_site.remove(mark.room.of_site());
            }
        }
        Some(mark)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::{site, visitor_of};

    fn at(position: f32) -> Position {
        position.try_into().unwrap()
    }

    fn visitor(number: usize) -> Visitor {
        visitor_of(&number.to_le_bytes())
    }

    #[test]
    fn no_mark_waits_for_long() {
        let (early, name, ann) = (EarlyMarks::default(), site("a.example"), visitor(0));
        let start = Instant::now();
        early.keep(&name, &ann, at(0.5), start);
        assert_eq!(early.take(&name, &ann, || start + PATIENCE + Duration::from_millis(1)), None);
        assert!(!early.any.load(Ordering::SeqCst) && early.waiting.lock().by_site.is_empty());
    }

    #[test]
    fn a_visitors_marks_of_a_room_wait_as_the_furthest() {
        let (early, name, ann, now) = (EarlyMarks::default(), site("a.example"), visitor(0), Instant::now());
        for position in [0.2, 0.6, 0.4] {
            early.keep(&name, &ann, at(position), now);
        }
        assert_eq!(early.waiting.lock().marks.len(), 1);
        assert_eq!(early.take(&name, &ann, || now), Some(at(0.6)));
        assert_eq!(early.take(&name, &ann, || now), None);
    }

    #[test]
    fn a_site_with_many_marks_evicts_only_its_own() {
        let (early, now) = (EarlyMarks::default(), Instant::now());
        let (quiet, loud) = (site("quiet.example"), site("loud.example"));
        early.keep(&quiet, &visitor(0), at(0.5), now);
        for number in 0..1_100 {
            early.keep(&loud, &visitor(number), at(0.1), now);
        }
        assert_eq!(early.waiting.lock().by_site[loud.of_site()], MOST_OF_A_SITE);
        assert_eq!(early.take(&loud, &visitor(0), || now), None, "the oldest gives way");
        assert_eq!(early.take(&loud, &visitor(1_099), || now), Some(at(0.1)));
        assert_eq!(early.take(&quiet, &visitor(0), || now), Some(at(0.5)));
    }

    #[test]
    fn at_the_bound_the_site_with_most_marks_gives_way() {
        let (early, now) = (EarlyMarks::default(), Instant::now());
        let quiet = site("quiet.example");
        early.keep(&quiet, &visitor(0), at(0.5), now);
        for number in 0..2 * MOST_WAITING {
            let loud = site(&format!("loud-{}.example", number % 20));
            early.keep(&loud, &visitor(number), at(0.1), now);
        }
        let waiting = early.waiting.lock();
        assert_eq!((waiting.marks.len(), waiting.by_site.len()), (MOST_WAITING, 21));
        assert_eq!(waiting.by_site.values().sum::<usize>(), MOST_WAITING);
        drop(waiting);
        assert_eq!(early.take(&quiet, &visitor(0), || now), Some(at(0.5)));
    }
}

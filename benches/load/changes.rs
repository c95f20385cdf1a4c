//! Changes of the count: one viewer more joins a crowd, or leaves it.

use super::{Outcome, crowd::Crowd, pictures, samples::ms};
use std::time::{Duration, Instant};

/// After the last viewer has its frame, until the server sleeps again and its account is complete.
pub(crate) const AFTER: Duration = Duration::from_millis(20);
/// A feed may rest for four times what its fan-out took. A change that came sooner would be late by that rest, and
/// it is the fan-out that is measured here, not its pace.
const REST: u32 = 5;

/// Longer than a paced feed waits: by then a lost viewer is uncounted everywhere.
const LOSS: Duration = Duration::from_millis(1500);

impl Crowd {
    /// Reads what has come since the last change, and until the next may come.
    pub(crate) fn rest(&mut self) -> Outcome<()> {
        self.read_until(self.due.max(Instant::now() + AFTER))
    }

    /// One more joins, or the one that did leaves; returns the time until the last viewer has the frame. The next
    /// change may come when `every` has passed, or the feed has rested. `tell` tells the server the new count.
    pub(crate) fn change(
        &mut self,
        every: Duration,
        tell: impl FnOnce(usize) -> Outcome<()>,
    ) -> Outcome<Duration> {
        let (start, old) = (Instant::now(), self.pictures.newest());
        self.join_or_leave()?;
        tell(self.len())?;
        self.until_other_than(old)?;
        let took = start.elapsed();
        self.due = (start + every).max(Instant::now() + took * REST);
        Ok(took)
    }

    /// A change after a rest; returns how many milliseconds later each viewer had its frame.
    pub(crate) fn timed_change(&mut self, every: Duration) -> Outcome<Vec<f64>> {
        let lost = self.lost;
        self.rest()?;
        if self.lost > lost {
            // A join that met the leave of the lost one would make no picture that is new.
            self.read_until(Instant::now() + LOSS)?;
        }
        self.arrivals = Some(Vec::new());
        let start = Instant::now();
        self.change(every, |_| Ok(()))?;
        let arrivals = self.arrivals.take().unwrap_or_default();
        Ok(arrivals.into_iter().map(|arrival| ms(arrival - start)).collect())
    }

    /// Whether the viewer is in that joined last and leaves next.
    pub(crate) fn has_extra(&self) -> bool {
        self.extra.is_some()
    }

    /// One more joins, or the one that did leaves.
    pub(crate) fn join_or_leave(&mut self) -> Outcome<()> {
        self.extra = match self.extra.take() {
            Some(key) => {
                self.leave(key);
                None
            }
            None => Some(self.join()?),
        };
        Ok(())
    }

    /// Waits until everybody holds the same picture, another than `old`, or a viewer is lost.
    pub(crate) fn until_other_than(&mut self, old: pictures::Id) -> Outcome<()> {
        let lost = self.lost;
        let agree = |crowd: &Self| crowd.pictures.newest() != old && crowd.agrees();
        let done = |crowd: &Self| agree(crowd) || crowd.lost > lost;
        self.until("the new picture with everybody", done)
    }
}

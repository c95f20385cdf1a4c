//! A connection that is sent the frames of one feed.

use std::time::Duration;

use onlookers_rooms::CountGuard;

use super::super::Repaint;
use super::super::socket::Gone;
use crate::feeds::FeedId;

/// How many bytes a client may send after its request for a stream. A browser sends none.
const MAX_IGNORED: u16 = u16::MAX;

/// A stream of one feed's frames.
pub(in crate::transport) struct Stream {
    pub(in crate::transport) feed: FeedId,
    /// Its place among the feed's subscribers on this loop.
    pub(in crate::transport) place: u32,
    /// How many bytes its client has sent that nobody asked for.
    ignored: u16,
    repaint: Repaint,
    /// How many turns have gone by since it was sent its frame.
    skipped: u8,
    guard: Option<CountGuard>,
}

impl Stream {
    /// A subscriber of `feed`. `number` is another one for each stream, so that those that came together don't all take the same turn.
    pub(in crate::transport) fn new(
        feed: FeedId,
        guard: Option<CountGuard>,
        repaint: Repaint,
        number: usize,
    ) -> Self {
        Self { feed, place: 0, ignored: 0, repaint, skipped: number as u8, guard }
    }

    pub(in crate::transport) fn guard(&self) -> Option<&CountGuard> {
        self.guard.as_ref()
    }

    pub(in crate::transport) fn repaint(&self) -> Repaint {
        self.repaint
    }

    /// Notes bytes that nobody asked for.
    pub(in crate::transport) fn ignore(&mut self, bytes: usize) -> Result<(), Gone> {
        self.ignored = self.ignored.saturating_add(u16::try_from(bytes).unwrap_or(MAX_IGNORED));
        if self.ignored == MAX_IGNORED { Err(Gone) } else { Ok(()) }
    }

    /// Whether it is sent its frame once more in this round. A turn takes so long.
    pub(in crate::transport) fn takes_turn(&mut self, turn: Duration) -> bool {
        let every = self.repaint.turns(turn);
        self.skipped = (self.skipped % every + 1) % every;
        self.skipped == 0
    }
}

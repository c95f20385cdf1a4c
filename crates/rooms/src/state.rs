//! The state of a room, a page or a whole site, under its site's lock.

use crate::journal::Untold;
use crate::others::{Others, Report, Reported, SourceId};
use crate::presence::Told;
use crate::room::Room;
use crate::sync::Weak;
use crate::tally::{Counts, Identity, Tally};
use crate::visitor::{Visitor, VisitorHash};
use presence::Positions;

mod presence;

#[derive(Debug, Default)]
pub(crate) struct RoomState {
    pub(crate) tally: Tally,
    /// The most that were here at once, each number by itself.
    pub(crate) peak: Counts,
    /// The room, while somebody looks at it.
    pub(crate) room: Weak<Room>,
    /// Only while a position is known.
    positions: Option<Box<Positions>>,
    /// Only while there is something to be told to others who count, or known of them.
    shared: Option<Box<Shared>>,
}

/// What others have to know of a room, and what is known of them.
#[derive(Debug, Default)]
struct Shared {
    /// None if they know everything.
    untold: Option<Untold>,
    /// Those who are present here and whom others are told of. None if there are none.
    told: Option<Told>,
    /// None until one of them has said what it counts, and while nobody looks at the room.
    others: Option<Others>,
    /// Whether somebody looks at the room, and the others have not been asked for it.
    is_opened: bool,
}

impl RoomState {
    /// How many are here, and where others count.
    pub(crate) fn counts(&self) -> Counts {
        self.others().map_or_else(|| self.tally.counts(), |others| others.add_to(&self.tally))
    }

    /// What is counted here, without others; but the peak is of everybody's counts.
    pub(crate) fn counted_here(&self) -> Report {
        let (tabs, anonymous) = (self.tally.tabs().into(), self.tally.anonymous().into());
        Report { tabs, anonymous, level: 0, peak: self.peak }
    }

    /// As whom to count a visitor: by yesterday's hash if that is here already, or where others count.
    pub(crate) fn identify(&self, visitor: Option<&Visitor>) -> Identity {
        let Some(visitor) = visitor else { return Identity::Anonymous };
        let is_elsewhere =
            |hash: &VisitorHash| self.others().is_some_and(|others| others.contain(hash.half()));
        let known = self.tally.find(visitor).or(visitor.yesterday.filter(is_elsewhere));
        Identity::Known(known.unwrap_or(visitor.today))
    }

    pub(crate) fn add(&mut self, identity: Identity) {
        let newcomer = self.tally.add(identity);
        newcomer.inspect(|visitor| self.visitor_changed(*visitor, true));
        self.raise_peak(self.counts());
    }

    pub(crate) fn change_identity(&mut self, from: Identity, to: impl FnOnce(&Self) -> Identity) -> Identity {
        self.remove_tab(from);
        let to = to(self);
        self.add(to);
        self.forget_if_gone(from);
        to
    }

    pub(crate) fn remove(&mut self, identity: Identity) {
        self.remove_tab(identity);
        self.forget_if_gone(identity);
    }

    fn remove_tab(&mut self, identity: Identity) {
        let gone = self.tally.remove(identity);
        gone.inspect(|visitor| self.visitor_changed(*visitor, false));
    }

    fn visitor_changed(&mut self, visitor: VisitorHash, is_here: bool) {
        let Some(shared) = &mut self.shared else { return };
        if let Some(untold) = &mut shared.untold {
            untold.visitor(visitor.half());
        }
        if let Some(others) = &mut shared.others {
            others.local_changed(visitor.half(), is_here);
        }
    }

    pub(crate) fn raise_peak(&mut self, to: Counts) {
        let Counts { tabs, visitors } = self.peak;
        self.peak = Counts { tabs: tabs.max(to.tabs), visitors: visitors.max(to.visitors) };
    }

    pub(crate) fn knows_others(&self) -> bool {
        self.others().is_some()
    }

    /// All others have said what they count.
    pub(crate) fn know_others(&mut self) -> bool {
        !self.is_opened() && self.change_others(|others, _| others.complete())
    }

    /// Notes that the others are to be asked about this room, because somebody has begun to look at it. Returns whether that is new.
    pub(crate) fn open(&mut self) -> bool {
        // Of a room that is about to close, it may still be there.
        self.forget_others();
        !std::mem::replace(&mut self.shared.get_or_insert_default().is_opened, true)
    }

    /// The others are being asked. Returns whether somebody looks at the room for whom they were not.
    pub(crate) fn take_opened(&mut self) -> bool {
        let was_opened = self.shared.as_mut().is_some_and(|shared| std::mem::take(&mut shared.is_opened));
        self.shrink();
        was_opened
    }

    fn is_opened(&self) -> bool {
        self.shared.as_ref().is_some_and(|shared| shared.is_opened)
    }

    fn others(&self) -> Option<&Others> {
        self.shared.as_ref()?.others.as_ref()
    }

    /// Whether there is something to tell others.
    pub(crate) fn is_untold(&self) -> bool {
        self.shared.as_ref().is_some_and(|shared| shared.untold.is_some())
    }

    /// What is to be told to others, to be added to. Never none; the flag says whether there was nothing before.
    pub(crate) fn untold(&mut self) -> (&mut Untold, bool) {
        let shared = self.shared.get_or_insert_default();
        let is_first = shared.untold.is_none();
        (shared.untold.get_or_insert_default(), is_first)
    }

    /// Takes what is to be told to others.
    pub(crate) fn take_untold(&mut self) -> Option<Untold> {
        let untold = self.shared.as_mut()?.untold.take();
        self.shrink();
        untold
    }

    /// Changes what is known of the others, and says whether that was a change.
    fn change_others(&mut self, change: impl FnOnce(&mut Others, &Tally)) -> bool {
        let presences = |room: &Self| room.others().map_or(0, Others::presences);
        let before = (self.counts(), presences(self));
        let shared = self.shared.get_or_insert_default();
        change(shared.others.get_or_insert_with(|| Others::new(&self.tally)), &self.tally);
        let (now, peak) = ((self.counts(), presences(self)), self.peak);
        self.raise_peak(now.0);
        now != before || peak != self.peak
    }

    /// A source says what it counts here now. True if the room's numbers change. An answer from before the others were asked, as
    /// the room was closed and opened again, may say only what has changed.
    pub(crate) fn report(&mut self, id: SourceId, report: Report, reported: Reported<'_>) -> bool {
        if self.is_opened() {
            return false;
        }
        let before = self.peak;
        self.raise_peak(report.peak);
        self.change_others(|others, local| others.report(id, report, reported, local)) || before != self.peak
    }

    /// A source counts nobody here any more.
    pub(crate) fn forget_source(&mut self, id: SourceId) -> bool {
        self.others().is_some() && self.change_others(|others, local| others.forget(id, local))
    }

    /// Nobody looks any more: nobody keeps what is known of the others up to date.
    pub(crate) fn close(&mut self) {
        self.take_opened();
        self.forget_others();
    }

    /// There are no others any more. Returns whether that changes what is seen.
    pub(crate) fn stop_sharing(&mut self) -> bool {
        let had_others = self.knows_others();
        self.take_untold();
        self.close();
        had_others
    }

    fn forget_others(&mut self) {
        if let Some(shared) = &mut self.shared {
            shared.others = None;
        }
        self.shrink();
    }

    fn shrink(&mut self) {
        let is_empty = |shared: &Shared| {
            shared.untold.is_none() && shared.told.is_none() && shared.others.is_none() && !shared.is_opened
        };
        self.shared.take_if(|shared| is_empty(shared));
    }
}

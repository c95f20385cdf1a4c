//! Where in a room's page its readers are, here and where others count.

use std::cmp::Reverse;
use std::collections::HashMap;

use super::RoomState;
use crate::marks::FurthestPositions;
use crate::others::Others;
use crate::others::VisitorKey;
use crate::position::Position;
use crate::presence::{Presence, PresentId, Told};
use crate::readers::{Reader, Readers, ViewerId};
use crate::sync::Arc;
use crate::sync::atomic::AtomicUsize;
use crate::tally::Identity;
use crate::visitor::Visitor;

/// Where in its page the readers are who are here.
#[derive(Debug, Default)]
pub(crate) struct Positions {
    readers: Readers,
    furthest: FurthestPositions,
}

impl RoomState {
    /// Notes how far down the page a visitor has come. Returns them; none if they aren't here.
    pub(crate) fn reach(&mut self, visitor: &Visitor, position: Position) -> Option<VisitorKey> {
        let visitor = self.tally.find(visitor)?.half();
        self.change_positions(|positions| positions.furthest.note(visitor, position));
        Some(visitor)
    }

    /// The same of a visitor who is known by one of these keys.
    pub(crate) fn reach_as(
        &mut self,
        keys: [Option<VisitorKey>; 2],
        position: Position,
    ) -> Option<VisitorKey> {
        let visitor = keys.into_iter().flatten().find(|key| self.tally.known().knows(*key))?;
        self.change_positions(|positions| positions.furthest.note(visitor, position));
        Some(visitor)
    }

    /// The known positions, in no order.
    pub(crate) fn positions(&self) -> Vec<Position> {
        let mut marks: HashMap<_, _> =
            self.positions.iter().flat_map(|positions| positions.furthest.iter()).collect();
        let mut all: Vec<_> = self.positions.iter().flat_map(|here| here.readers.positions()).collect();
        for (id, presence) in self.others().into_iter().flat_map(|others| others.present()) {
            match (id, presence.position()) {
                // Of a visitor who is here, too, the furthest.
                (PresentId::Visitor(visitor), Some(position)) => {
                    let furthest = marks.entry(visitor).or_insert(position);
                    *furthest = if position > *furthest { position } else { *furthest };
                }
                (PresentId::Viewer(_), position) => all.extend(position),
                (PresentId::Visitor(_), None) => {}
            }
        }
        all.extend(marks.into_values());
        all
    }

    /// The readers that were updated last, at most `most`, newest first.
    /// Each with whether they are here.
    pub(crate) fn readers(&self, most: usize) -> Vec<(ViewerId, Reader, bool)> {
        let here = self.positions.iter().flat_map(|positions| positions.readers.iter());
        let here = here.map(|(id, reader)| (id, reader, true));
        let elsewhere = self.readers_elsewhere().map(|(id, reader)| (id, reader, false));
        let mut all: Vec<_> = here.chain(elsewhere).collect();
        all.sort_unstable_by_key(|(id, reader, _)| (Reverse(reader.updated_at), *id));
        all.truncate(most);
        all.into_iter().map(|(id, reader, is_here)| (id, reader.clone(), is_here)).collect()
    }

    /// One of the readers.
    pub(crate) fn reader(&self, id: ViewerId) -> Option<&Reader> {
        self.reader_here(id).or_else(|| self.others()?.presence(PresentId::Viewer(id))?.reader())
    }

    fn reader_here(&self, id: ViewerId) -> Option<&Reader> {
        self.positions.as_ref()?.readers.reader(id)
    }

    fn readers_elsewhere(&self) -> impl Iterator<Item = (ViewerId, &Reader)> {
        self.viewers_elsewhere().filter_map(|(id, presence)| Some((id, presence.reader()?)))
    }

    /// The viewers where others count, and what is known of them.
    pub(crate) fn viewers_elsewhere(&self) -> impl Iterator<Item = (ViewerId, &Presence)> {
        let present = self.others().into_iter().flat_map(|others| others.present());
        present.filter_map(|(id, presence)| match id {
            PresentId::Viewer(viewer) => Some((viewer, presence)),
            PresentId::Visitor(_) => None,
        })
    }

    /// A number that changes whenever somebody comes, moves or goes where others count; 0 until all of them are known.
    pub(crate) fn presence_elsewhere(&self) -> u64 {
        self.others().map_or(0, Others::presences)
    }

    pub(crate) fn change_readers(&mut self, change: impl FnOnce(&mut Readers)) {
        self.change_positions(|positions| change(&mut positions.readers));
    }

    fn change_positions(&mut self, change: impl FnOnce(&mut Positions)) {
        let positions = self.positions.get_or_insert_default();
        change(positions);
        if positions.readers.is_empty() && positions.furthest.is_empty() {
            self.positions = None;
        }
    }

    /// A visitor's furthest position goes with their last tab.
    pub(super) fn forget_if_gone(&mut self, identity: Identity) {
        if let Identity::Known(visitor) = identity
            && self.positions.is_some()
            && !self.tally.contains(visitor)
        {
            self.change_positions(|positions| positions.furthest.forget(visitor.half()));
            self.untell(PresentId::Visitor(visitor.half()), self.is_untold());
        }
    }

    /// Has others told of one who is present, unless they are told of too many: now, if `has_others`, or once there are any. `total`
    /// is how many that are in all rooms. The flag says whether that is the first that there is to tell.
    pub(crate) fn tell(&mut self, id: PresentId, total: &Arc<AtomicUsize>, has_others: bool) -> bool {
        let shared = self.shared.get_or_insert_default();
        shared.told.get_or_insert_with(|| Told::new(total)).add(id);
        self.retell(id, has_others)
    }

    /// Has others told how one is now, if they are told of that one. The flag is the same.
    pub(crate) fn retell(&mut self, id: PresentId, has_others: bool) -> bool {
        let is_told = self.told().is_some_and(|told| told.contains(id));
        if !is_told || !has_others {
            return false;
        }
        let (untold, is_first) = self.untold();
        untold.present(id);
        is_first
    }

    /// Has others told that one isn't present any more. The flag is the same.
    pub(crate) fn untell(&mut self, id: PresentId, has_others: bool) -> bool {
        let Some(shared) = &mut self.shared else { return false };
        let was_told = shared.told.as_mut().is_some_and(|told| told.remove(id));
        shared.told.take_if(|told| told.len() == 0);
        if !was_told || !has_others {
            self.shrink();
            return false;
        }
        let (untold, is_first) = self.untold();
        untold.present(id);
        is_first
    }

    /// One presence, if others are told of it.
    pub(crate) fn presence(&self, id: PresentId) -> Option<Presence> {
        self.told()?.contains(id).then(|| match id {
            PresentId::Viewer(id) => self.reader_here(id).cloned().map_or(Presence::Here, Presence::Reader),
            PresentId::Visitor(visitor) => {
                let mark = self.positions.as_ref().and_then(|positions| positions.furthest.of(visitor));
                mark.map_or(Presence::Here, Presence::Mark)
            }
        })
    }

    /// All presences that others are told of.
    pub(crate) fn presences(&self) -> Vec<(PresentId, Presence)> {
        let ids = self.told().into_iter().flat_map(Told::iter);
        ids.filter_map(|id| Some((id, self.presence(id)?))).collect()
    }

    pub(crate) fn told(&self) -> Option<&Told> {
        self.shared.as_ref()?.told.as_ref()
    }
}

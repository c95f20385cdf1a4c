//! Changes of presences in the rooms of a site.

use super::{SiteCounts, SiteRef, notify};
use crate::others::VisitorKey;
use crate::pages::PageHash;
use crate::position::Position;
use crate::presence::PresentId;
use crate::readers::{Readers, ViewerId};
use crate::state::RoomState;
use crate::visitor::Visitor;

impl SiteCounts {
    /// A viewer's coming is announced, and others are told of it, now or when there are any.
    pub(crate) fn appear(this: &SiteRef, page: Option<PageHash>, id: ViewerId) {
        let mut state = this.lock();
        let tell =
            |room: &mut RoomState| room.tell(PresentId::Viewer(id), &this.journal.told, this.has_others());
        let is_first = state.state_mut(page).is_some_and(tell);
        drop(state);
        this.tell(is_first.then(|| (this.clone(), page)));
    }

    /// The viewer has gone.
    pub(crate) fn disappear(this: &SiteRef, page: Option<PageHash>, id: ViewerId) {
        let mut state = this.lock();
        let untell = |room: &mut RoomState| room.untell(PresentId::Viewer(id), this.has_others());
        let is_first = state.state_mut(page).is_some_and(untell);
        drop(state);
        this.tell(is_first.then(|| (this.clone(), page)));
    }

    /// A reader comes or moves.
    pub(crate) fn change_reader(
        this: &SiteRef,
        page: Option<PageHash>,
        id: ViewerId,
        change: impl FnOnce(&mut Readers),
    ) {
        Self::change_presence(this, page, |room| {
            room.change_readers(change);
            Some(PresentId::Viewer(id))
        });
    }

    /// A reader goes; the viewer may stay.
    pub(crate) fn remove_reader(this: &SiteRef, page: Option<PageHash>, id: ViewerId) {
        let mut state = this.lock();
        let Some(room) = state.state_mut(page) else { return };
        room.change_readers(|readers| readers.remove(id));
        let is_first = room.retell(PresentId::Viewer(id), this.has_others());
        let room = room.room.upgrade();
        notify(state, [room]);
        this.tell(is_first.then(|| (this.clone(), page)));
    }

    /// Notes that a visitor of a room has come as far down its page as this. False if the visitor isn't there.
    pub(crate) fn reach(
        this: &SiteRef,
        page: Option<PageHash>,
        visitor: &Visitor,
        position: Position,
    ) -> bool {
        Self::change_presence(this, page, |room| room.reach(visitor, position).map(PresentId::Visitor))
    }

    /// The same of a visitor who is known by one of these keys.
    pub(crate) fn reach_as(
        this: &SiteRef,
        page: Option<PageHash>,
        visitor: [Option<VisitorKey>; 2],
        position: Position,
    ) -> bool {
        Self::change_presence(this, page, |room| room.reach_as(visitor, position).map(PresentId::Visitor))
    }

    /// Changes where one is who is present in a room, notifies the observers, and has others told. False if nobody is changed.
    fn change_presence(
        this: &SiteRef,
        page: Option<PageHash>,
        change: impl FnOnce(&mut RoomState) -> Option<PresentId>,
    ) -> bool {
        let mut state = this.lock();
        let Some(room) = state.state_mut(page) else { return false };
        let Some(changed) = change(room) else { return false };
        let is_first = room.tell(changed, &this.journal.told, this.has_others());
        let room = room.room.upgrade();
        notify(state, [room]);
        this.tell(is_first.then(|| (this.clone(), page)));
        true
    }
}

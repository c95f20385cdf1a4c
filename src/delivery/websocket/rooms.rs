//! The rooms that one connection is in.

use std::sync::Arc;

use bytes::Bytes;
use serde_json::Value;
use smallvec::SmallVec;

use super::messages::Wrong;
use super::outbox::Outbox;
use crate::app::App;
use crate::circle::{Attendance, Circle, MemberKey, Telling, ViewerId};
use crate::room::{Keys, Position, ReaderName, ReaderGuard, RoomName, Site, Visitor};

/// In how many rooms one connection may be.
const MOST: usize = 32;

/// The rooms, and as who the connection is in them.
pub(super) struct Rooms {
    id: ViewerId,
    site: Site,
    /// Who it is by address and browser; none for one who isn't to be told apart.
    visitor: Option<Visitor>,
    /// Who the page says that it is.
    session: Option<Box<Visitor>>,
    counted: bool,
    /// A place keeps its number while it is held: circles know the connection by it.
    /// Most are in one room; that is kept here, without memory of its own.
    places: SmallVec<[Option<Place>; 1]>,
}

/// A room that is heard of.
struct Place {
    /// Where in it the reader is, if they say so. Goes before the leave is told.
    reading: Option<Box<ReaderGuard>>,
    attendance: Attendance,
    member: MemberKey,
}

impl Rooms {
    pub(super) fn new(id: ViewerId, site: Site, visitor: Option<Visitor>, counted: bool) -> Self {
        Self { id, site, visitor, session: None, counted, places: SmallVec::new() }
    }

    /// Joins the room of that name.
    ///
    /// # Errors
    /// [`Wrong`], if that can't be.
    pub(super) fn join(&mut self, name: &str, app: &App, outbox: &Arc<Outbox>) -> Result<(), Wrong> {
        let name = self.name(name)?;
        if *name.of_site() != self.site || !app.settings().counts(&name) {
            return Err(Wrong::NotAllowed);
        }
        if self.find(&name).is_some() {
            return Ok(());
        }
        if self.places.iter().flatten().count() >= MOST {
            return Err(Wrong::TooManyRooms);
        }
        let attendance = app.attend(&name, Telling::Counts, self.id, self.counted.then_some(self.who()));
        let slot = self.places.iter().position(Option::is_none).unwrap_or(self.places.len());
        self.enter(slot, attendance.map_err(|_| Wrong::Full)?, outbox);
        Ok(())
    }

    /// Leaves it.
    ///
    /// # Errors
    /// [`Wrong`], if the connection isn't in it.
    pub(super) fn leave(&mut self, name: &str) -> Result<(), Wrong> {
        let place = self.find(&self.name(name)?).ok_or(Wrong::NotThere)?;
        self.places[place] = None;
        Ok(())
    }

    /// From now on the connection counts as that of the visitor whom the page knows by `session`, wherever it is; or of
    /// nobody in particular. Who isn't to be told apart isn't by this either.
    pub(super) fn identify(&mut self, session: Option<&str>, keys: &Keys) {
        if self.visitor.is_none() {
            return;
        }
        self.session = session.map(|id| Box::new(keys.session(&self.site, id)));
        let who = self.session.as_deref().or(self.visitor.as_ref());
        let presences = self.places.iter_mut().flatten().filter_map(|place| place.attendance.presence());
        presences.for_each(|presence| presence.identify(who));
    }

    fn who(&self) -> Option<&Visitor> {
        self.session.as_deref().or(self.visitor.as_ref())
    }

    /// Enters the first rooms; how the last of them is the page is told first.
    pub(super) fn begin(&mut self, attends: Vec<Attendance>, outbox: &Arc<Outbox>) {
        for (slot, attendance) in attends.into_iter().enumerate().rev() {
            self.enter(slot, attendance, outbox);
        }
    }

    /// Enters a room: the connection is told how it is, and hears from now on what is told there.
    fn enter(&mut self, slot: usize, attendance: Attendance, outbox: &Arc<Outbox>) {
        // Never more than a byte holds: places are bounded.
        let member = attendance.circle().admit(self.id, Arc::clone(outbox), slot as u8);
        if slot >= self.places.len() {
            self.places.resize_with(slot + 1, || None);
        }
        self.places[slot] = Some(Place { reading: None, attendance, member });
    }

    /// What the newest is that place `slot` can be told.
    pub(super) fn newest(&self, slot: u8) -> Option<Bytes> {
        let place = self.places.get(usize::from(slot))?.as_ref()?;
        Some(place.attendance.circle().newest(self.id))
    }

    /// The site whose rooms they are.
    pub(super) fn site(&self) -> &Site {
        &self.site
    }

    /// Notes where in a room its reader is, and has the others told.
    ///
    /// # Errors
    /// [`Wrong`], if they aren't in it, or only look.
    pub(super) fn place(
        &mut self,
        room: Option<&str>,
        at: Position,
        name: Option<ReaderName>,
    ) -> Result<(), Wrong> {
        let id = self.id;
        let Place { reading, attendance, .. } = self.named(room)?;
        attendance.presence().ok_or(Wrong::OnlyLooking)?;
        let circle = attendance.circle();
        let begin = || Box::new(ReaderGuard::new(Arc::clone(circle.room()), id));
        reading.get_or_insert_with(begin).at(at, name);
        Circle::moved(circle, id);
        Ok(())
    }

    /// Says something to all others in a room.
    ///
    /// # Errors
    /// [`Wrong`], if they aren't in it, or it can't be passed on.
    pub(super) fn say(&mut self, room: Option<&str>, data: &Value) -> Result<(), Wrong> {
        let id = self.id;
        Circle::say(self.named(room)?.attendance.circle(), id, data).map_err(Wrong::NotSaid)
    }

    /// The place in that room; in the first, if none is named.
    fn named(&mut self, room: Option<&str>) -> Result<&mut Place, Wrong> {
        let place = match room {
            Some(name) => self.find(&self.name(name)?),
            None => Some(0),
        };
        place.and_then(|place| self.places.get_mut(place)?.as_mut()).ok_or(Wrong::NotThere)
    }

    /// A room's name: `example.com/posts/1`, or the page alone, `/posts/1`.
    fn name(&self, name: &str) -> Result<RoomName, Wrong> {
        let whole = if name.starts_with('/') { &format!("{}{name}", self.site) } else { name };
        whole.parse().map_err(|_| Wrong::BadRoom)
    }

    fn find(&self, name: &RoomName) -> Option<usize> {
        let is_there = |place: &Option<Place>| {
            place.as_ref().is_some_and(|place| place.attendance.circle().is_of(name, Telling::Counts))
        };
        self.places.iter().position(is_there)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.attendance.circle().part(self.member);
    }
}

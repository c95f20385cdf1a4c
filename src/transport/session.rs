//! The session of a WebSocket: the rooms that it is in, and as whom it is counted there.

use std::sync::Arc;

use onlookers_rooms::{Position, ReaderGuard, ReaderName, RoomName, RoomRef, Site, ViewerId, Visitor};
use smallvec::SmallVec;

use crate::app::App;
use crate::feeds::{self, FeedId, Membership, Published, Topic};
use crate::net::address::ClientNetwork;
use crate::wire::protocol::{ClientError, ClientMessage, Data, SessionId};
pub(super) use record::SessionRecord;

mod record;

/// In how many rooms one connection may be.
const MAX_ROOMS: usize = 32;

/// The rooms of one connection, and as whom it is counted in them.
pub(crate) struct Session {
    /// The id by which the other viewers know it.
    pub(super) id: ViewerId,
    /// The client, which is charged for its places in rooms.
    client: ClientNetwork,
    /// The site whose rooms it may join.
    site: Site,
    /// The visitor by address and browser; none for one who isn't to be told apart.
    visitor: Option<Visitor>,
    /// The visitor by the id that the page gave.
    named: Option<Box<Visitor>>,
    is_counted: bool,
    /// Each keeps its slot while it is there: subscriptions know it by that. Nearly all connections are in one room, which
    /// is kept here.
    rooms: SmallVec<[Option<JoinedRoom>; 1]>,
}

/// A room that is received.
pub(super) struct JoinedRoom {
    /// The reader's position, if the page sends it. Dropped before the membership, which announces the leave.
    reader: Option<Box<ReaderGuard>>,
    pub(super) membership: Membership,
    /// Its place among the group's subscribers on this loop.
    pub(super) place: u32,
    /// The number of the last batch that needn't be sent.
    pub(super) since: u32,
}

/// The event loop's part in obeying a message.
pub(super) enum Action {
    /// Nothing more.
    None,
    /// Subscribe to the group of a room that was joined.
    Enter(Membership),
    /// Unsubscribe from the group of a room that was left.
    Leave(JoinedRoom),
    /// Answer a ping.
    Pong,
    /// Answer with the counts of this room.
    Count(RoomRef),
}

impl Session {
    /// A viewer without rooms, of a site whose rooms it may join.
    pub(crate) fn new(
        id: ViewerId,
        client: ClientNetwork,
        site: Site,
        visitor: Option<Visitor>,
        is_counted: bool,
    ) -> Self {
        Self { id, client, site, visitor, named: None, is_counted, rooms: SmallVec::new() }
    }

    /// The same viewer, whom the page knows as `named`.
    pub(crate) fn named(self, named: Option<Visitor>) -> Self {
        Self { named: named.map(Box::new), ..self }
    }

    /// Obeys a message of the page.
    ///
    /// # Errors
    /// [`ClientError`], if it can't be obeyed.
    pub(super) fn on_message(&mut self, message: ClientMessage, app: &App) -> Result<Action, ClientError> {
        match message {
            ClientMessage::Join { room } => return self.join(&room, app),
            ClientMessage::Leave { room } => return self.leave(&room, app).map(Action::Leave),
            ClientMessage::Session { id } => self.identify(id.as_ref().map(SessionId::as_str), app),
            ClientMessage::Presence { position, name, room } => {
                if !app.settings().presence(&self.site) {
                    return Err(ClientError::NotEnabled("presence is off for this site"));
                }
                self.move_reader(room.as_deref(), position, name, app)?;
            }
            ClientMessage::Message { data, room } => {
                if !app.settings().messages(&self.site) {
                    return Err(ClientError::NotEnabled("messages are off for this site"));
                }
                self.post(room.as_deref(), data, app)?;
            }
            ClientMessage::Ping => return Ok(Action::Pong),
            ClientMessage::Increment | ClientMessage::Decrement => {
                let room = &self.named_room(None, app)?.membership.group().room;
                return Ok(Action::Count(Arc::clone(room)));
            }
        }
        Ok(Action::None)
    }

    fn join(&mut self, name: &str, app: &App) -> Result<Action, ClientError> {
        let name = self.parse_name(name, app)?;
        if *name.of_site() != app.settings().gate.canonical(&self.site) || !app.settings().counts(&name) {
            return Err(ClientError::NotAllowed);
        }
        if self.find(&name).is_some() {
            return Ok(Action::None);
        }
        if self.rooms.iter().flatten().count() >= MAX_ROOMS {
            return Err(ClientError::TooManyRooms);
        }
        let visitor = self.is_counted.then(|| self.visitor());
        let page_of = if self.is_counted { app.page_of(&name, self.client) } else { None };
        let place = app.capacity.place(self.client, page_of).map_err(|_| ClientError::Full)?;
        let joined = app.join_group(&name, Topic::Counts, self.id, visitor).map_err(|_| ClientError::Full)?;
        Ok(Action::Enter(joined.with_place(place)))
    }

    fn leave(&mut self, name: &str, app: &App) -> Result<JoinedRoom, ClientError> {
        let slot = self.find(&self.parse_name(name, app)?);
        slot.and_then(|slot| self.rooms[slot].take()).ok_or(ClientError::NotThere)
    }

    /// From now on the connection counts as that of the visitor whom the page knows by `id`, in every room; or again by
    /// address and browser. A visitor who isn't to be told apart isn't by this either.
    fn identify(&mut self, id: Option<&str>, app: &App) {
        if self.visitor.is_none() {
            return;
        }
        self.named = id.map(|id| Box::new(app.keys.session(&self.site, id)));
        let visitor = self.named.as_deref().or(self.visitor.as_ref());
        let guards = self.rooms.iter_mut().flatten().filter_map(|room| room.membership.guard());
        guards.for_each(|guard| guard.identify(visitor));
    }

    fn visitor(&self) -> Option<&Visitor> {
        self.named.as_deref().or(self.visitor.as_ref())
    }

    fn move_reader(
        &mut self,
        room: Option<&str>,
        position: Position,
        name: Option<ReaderName>,
        app: &App,
    ) -> Result<(), ClientError> {
        let id = self.id;
        let JoinedRoom { reader, membership, .. } = self.named_room(room, app)?;
        membership.guard().ok_or(ClientError::OnlyLooking)?;
        let group = membership.group();
        let start = || Box::new(ReaderGuard::new(Arc::clone(&group.room), id));
        reader.get_or_insert_with(start).at(position, name);
        feeds::moved(group, id);
        Ok(())
    }

    fn post(&mut self, room: Option<&str>, data: Data, app: &App) -> Result<(), ClientError> {
        let id = self.id;
        feeds::post(self.named_room(room, app)?.membership.group(), id, data)
    }

    /// The client, as it is known wherever clients are counted.
    pub(super) fn client(&self) -> ClientNetwork {
        self.client
    }

    /// The site whose rooms it may join.
    pub(super) fn site(&self) -> &Site {
        &self.site
    }

    /// The slot for one room more.
    pub(super) fn free_slot(&self) -> u8 {
        // Never more than a byte holds: rooms are bounded.
        self.rooms.iter().position(Option::is_none).unwrap_or(self.rooms.len()) as u8
    }

    /// Puts a room into a slot that is free.
    pub(super) fn insert(&mut self, slot: u8, membership: Membership, place: u32, since: u32) {
        let slot = usize::from(slot);
        if slot >= self.rooms.len() {
            self.rooms.resize_with(slot + 1, || None);
        }
        self.rooms[slot] = Some(JoinedRoom { reader: None, membership, place, since });
    }

    pub(super) fn room(&self, slot: u8) -> Option<&JoinedRoom> {
        self.rooms.get(usize::from(slot))?.as_ref()
    }

    pub(super) fn room_mut(&mut self, slot: u8) -> Option<&mut JoinedRoom> {
        self.rooms.get_mut(usize::from(slot))?.as_mut()
    }

    /// All rooms, with their slots.
    pub(super) fn rooms(&self) -> impl Iterator<Item = (u8, &JoinedRoom)> {
        self.rooms.iter().enumerate().filter_map(|(slot, room)| Some((slot as u8, room.as_ref()?)))
    }

    /// Leaves all rooms, and returns what it was subscribed to.
    pub(super) fn leave_all(&mut self) -> Vec<JoinedRoom> {
        self.rooms.drain(..).flatten().collect()
    }

    /// The room with that name, or the first one if no name is given.
    fn named_room(&mut self, name: Option<&str>, app: &App) -> Result<&mut JoinedRoom, ClientError> {
        let slot = match name {
            Some(name) => self.find(&self.parse_name(name, app)?),
            None => Some(0),
        };
        slot.and_then(|slot| self.rooms.get_mut(slot)?.as_mut()).ok_or(ClientError::NotThere)
    }

    /// `example.com/posts/1`, or the page alone: `/posts/1`.
    fn parse_name(&self, name: &str, app: &App) -> Result<RoomName, ClientError> {
        let whole = if name.starts_with('/') { &format!("{}{name}", self.site) } else { name };
        app.settings().room_named(whole).map_err(|_| ClientError::BadRoom)
    }

    fn find(&self, name: &RoomName) -> Option<usize> {
        let is_it = |room: &JoinedRoom| room.membership.group().is_of(name, Topic::Counts);
        self.rooms.iter().position(|room| room.as_ref().is_some_and(is_it))
    }
}

impl JoinedRoom {
    pub(super) fn feed(&self) -> FeedId {
        self.membership.group().channel().id()
    }
}

//! A session, as it is written down for another process.

use std::net::IpAddr;

use onlookers_rooms::{Identity, Reader, ReaderGuard, RoomName, Site, ViewerId, Visitor};
use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use super::{JoinedRoom, MAX_ROOMS, Session};
use crate::app::App;
use crate::feeds::{Membership, Topic};
use crate::net::address::ClientNetwork;
use crate::net::capacity::PlaceRecord;

/// The rooms of one connection, and as whom it is counted in them.
#[derive(Serialize, Deserialize, Debug)]
pub(in crate::transport) struct SessionRecord {
    id: u64,
    client: IpAddr,
    site: Site,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    visitor: Option<Visitor>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    named: Option<Visitor>,
    counted: bool,
    rooms: Vec<RoomRecord>,
}

#[derive(Serialize, Deserialize, Debug)]
struct RoomRecord {
    /// By which number the connection knows it.
    slot: u8,
    room: RoomName,
    topic: Topic,
    /// As whom it is counted there, if it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    identity: Option<Identity>,
    #[serde(default)]
    place: PlaceRecord,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reader: Option<Reader>,
}

impl RoomRecord {
    fn of(slot: u8, JoinedRoom { reader, membership, .. }: &JoinedRoom) -> Self {
        let group = membership.group();
        Self {
            slot,
            room: group.room.name(),
            topic: group.topic,
            identity: membership.identity(),
            place: membership.place().map(|place| place.record()).unwrap_or_default(),
            reader: reader.as_ref().and_then(|reader| reader.reader()),
        }
    }

    fn join(self, id: ViewerId, app: &App) -> JoinedRoom {
        let group = app.feeds.open_group(&app.rooms.open(&self.room), self.topic);
        let guard = self.identity.map(|identity| app.rooms.rejoin(&self.room, identity));
        let again = |reader| Box::new(ReaderGuard::again(group.room.clone(), id, reader));
        let reader = self.reader.map(again);
        let place = app.capacity.place_again(self.place);
        JoinedRoom {
            reader,
            membership: Membership::moved(group, id, guard).with_place(place),
            place: 0,
            since: 0,
        }
    }
}

impl Session {
    pub(in crate::transport) fn record(&self) -> SessionRecord {
        SessionRecord {
            id: self.id.number(),
            client: self.client.first_address(),
            site: self.site.clone(),
            visitor: self.visitor.clone(),
            named: self.named.as_deref().cloned(),
            counted: self.is_counted,
            rooms: self.rooms().map(|(slot, room)| RoomRecord::of(slot, room)).collect(),
        }
    }

    /// The same session, whose rooms it is in. What they have is still to be sent.
    pub(in crate::transport) fn from_record(record: SessionRecord, app: &App) -> Self {
        let id = ViewerId::new(record.id);
        let mut rooms: SmallVec<[Option<JoinedRoom>; 1]> = SmallVec::new();
        for room in record.rooms {
            let slot = usize::from(room.slot);
            if slot > 2 * MAX_ROOMS {
                continue;
            }
            if slot >= rooms.len() {
                rooms.resize_with(slot + 1, || None);
            }
            rooms[slot] = Some(room.join(id, app));
        }
        Self {
            id,
            client: ClientNetwork::of(record.client),
            site: record.site,
            visitor: record.visitor,
            named: record.named.map(Box::new),
            is_counted: record.counted,
            rooms,
        }
    }
}

//! The readers of a room, and where in its page they say they are.

use std::collections::HashMap;
use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::name::ReaderName;
use crate::position::Position;
use crate::room::RoomRef;

/// The public id of one connection: it tells viewers apart, and says nothing else of them. As text, 16 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ViewerId(u64);

/// A viewer who says where they are.
#[derive(Serialize, Deserialize, Clone, PartialEq, Debug)]
pub struct Reader {
    /// Where that is.
    pub position: Position,
    /// The name they have given, if any.
    pub name: Option<ReaderName>,
    /// When they first said it, in milliseconds since 1970.
    pub joined_at: u64,
    /// When they last said it, in milliseconds since 1970.
    pub updated_at: u64,
}

/// The readers of one room.
#[derive(Default, Debug)]
pub(crate) struct Readers(HashMap<ViewerId, Reader>);

/// Being a reader of a room; dropping it takes the reader out.
#[derive(Debug)]
#[must_use = "dropping it takes the reader out"]
pub struct ReaderGuard {
    room: RoomRef,
    id: ViewerId,
}

impl ReaderGuard {
    /// A viewer in `room` who may say where they are. Nobody else there may have the same `id`.
    pub fn new(room: RoomRef, id: ViewerId) -> Self {
        Self { room, id }
    }

    /// The same viewer, who has said where they are in another process.
    pub fn again(room: RoomRef, id: ViewerId, reader: Reader) -> Self {
        room.change_reader(id, |Readers(readers)| _ = readers.insert(id, reader));
        Self { room, id }
    }

    /// Where they are, if they have said it.
    pub fn reader(&self) -> Option<Reader> {
        self.room.reader(self.id)
    }

    /// Notes where they are now, and tells the room's observers. Without a name they keep the one they have.
    pub fn at(&self, position: Position, name: Option<ReaderName>) {
        let now = now();
        self.room.change_reader(self.id, |Readers(readers)| {
            let new = Reader { position, name: None, joined_at: now, updated_at: now };
            let reader = readers.entry(self.id).or_insert(new);
            (reader.position, reader.updated_at) = (position, now);
            reader.name = name.or(reader.name.take());
        });
    }
}

impl Drop for ReaderGuard {
    fn drop(&mut self) {
        self.room.remove_reader(self.id);
    }
}

impl Readers {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn remove(&mut self, id: ViewerId) {
        self.0.remove(&id);
    }

    pub(crate) fn reader(&self, id: ViewerId) -> Option<&Reader> {
        self.0.get(&id)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (ViewerId, &Reader)> {
        self.0.iter().map(|(id, reader)| (*id, reader))
    }

    pub(crate) fn positions(&self) -> impl Iterator<Item = Position> {
        self.0.values().map(|reader| reader.position)
    }
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
}

impl ViewerId {
    /// The id of that number.
    pub const fn new(id: u64) -> Self {
        Self(id)
    }

    /// Its number.
    pub const fn number(self) -> u64 {
        self.0
    }
}

impl fmt::Display for ViewerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl Serialize for ViewerId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ViewerId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        u64::from_str_radix(&text, 16).map(Self).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sync::Arc;
    use crate::tests::{site, until};
    use crate::{Limits, Rooms};

    fn at(position: f32) -> Position {
        position.try_into().unwrap()
    }

    fn named(name: &str) -> Option<ReaderName> {
        Some(name.to_owned().try_into().unwrap())
    }

    #[test]
    fn a_room_has_its_readers_until_they_go() {
        let rooms = Rooms::new(Limits::default());
        let room = rooms.open(&site("example.com"));
        assert!(room.positions().is_empty());
        let [one, other] = [1, 2].map(|id| ReaderGuard::new(Arc::clone(&room), ViewerId::new(id)));
        one.at(at(0.25), named("Ann"));
        one.at(at(0.5), None);
        other.at(at(1.0), None);
        let mut positions = room.positions();
        positions.sort_by(|a, b| a.get().total_cmp(&b.get()));
        assert_eq!(positions, [at(0.5), at(1.0)]);
        let reader = room.reader(ViewerId::new(1)).unwrap();
        assert_eq!((reader.position, reader.name), (at(0.5), named("Ann")));
        assert!(reader.joined_at <= reader.updated_at);
        assert_eq!(room.readers(1).len(), 1);
        drop((one, other));
        assert!(room.positions().is_empty() && room.readers(9).is_empty());
    }

    #[test]
    fn observers_are_told_of_readers() {
        let rooms = Rooms::new(Limits::default());
        let room = rooms.open(&site("example.com"));
        let guard = ReaderGuard::new(Arc::clone(&room), ViewerId::new(1));
        let observed = Arc::clone(&room);
        let told = std::thread::spawn(move || until(&observed, |room| room.positions() == [at(0.75)]));
        guard.at(at(0.75), None);
        told.join().unwrap();
        drop(guard);
        until(&room, |room| room.positions().is_empty());
    }

    #[test]
    fn an_id_is_sixteen_hexadecimal_digits() {
        assert_eq!(ViewerId::new(0x1f).to_string(), "000000000000001f");
    }
}

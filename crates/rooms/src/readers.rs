//! Where in a page its readers are, as far as they say.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize, Serializer};

use super::RoomRef;

/// The longest name, in characters.
const LONGEST_NAME: usize = 32;

/// Characters that show nothing and turn the direction of what is around them (Unicode, Bidi_Control).
const TURNING: [char; 12] = [
    '\u{61c}', '\u{200e}', '\u{200f}', '\u{202a}', '\u{202b}', '\u{202c}', '\u{202d}', '\u{202e}',
    '\u{2066}', '\u{2067}', '\u{2068}', '\u{2069}',
];

/// How far down a page somebody is: 0 at its top, 1 at its end.
#[derive(Serialize, Deserialize, Clone, Copy, PartialEq, PartialOrd, Debug)]
#[serde(try_from = "f32")]
pub struct Position(f32);

/// What a reader is to be called: 1 to 32 characters, none of them a control character. Text, never markup.
#[derive(Serialize, Deserialize, Clone, PartialEq, Eq, Debug)]
#[serde(try_from = "String", into = "String")]
pub struct ReaderName(Arc<str>);

/// A number that cannot be a position.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PositionError;

/// A text that cannot be a name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NameError {
    /// None, or more than 32 characters.
    Length,
    /// A character that isn't to be seen.
    Control,
}

/// The public id of one connection: it tells viewers apart, and says nothing of them. As text, 16 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ViewerId(u64);

/// Somebody who says where they are.
#[derive(Clone, PartialEq, Debug)]
pub struct Reader {
    /// Where that is.
    pub position: Position,
    /// What they are to be called, if they say that.
    pub name: Option<ReaderName>,
    /// Since when it is known where they are, in milliseconds since 1970.
    pub joined_at: u64,
    /// When they said it last, likewise.
    pub updated_at: u64,
}

/// The readers of one room. A room has none of these until somebody says where they are.
#[derive(Default, Debug)]
pub(super) struct Readers(HashMap<ViewerId, Reader>);

/// Being somewhere in a page; dropping it takes the reader out of the room.
#[derive(Debug)]
#[must_use = "dropping it takes the reader out"]
pub struct ReaderGuard {
    room: RoomRef,
    id: ViewerId,
}

impl ReaderGuard {
    /// Somebody is in `room` who may say where. Nobody else there may have the same `id`.
    pub fn new(room: RoomRef, id: ViewerId) -> Self {
        Self { room, id }
    }

    /// Notes where they are now, and tells those who listen to the room. Without a name they keep the one they have.
    pub fn at(&self, position: Position, name: Option<ReaderName>) {
        self.room.change_readers(|readers| {
            let now = now();
            let reader = readers.0.entry(self.id).or_insert(Reader {
                position,
                name: None,
                joined_at: now,
                updated_at: now,
            });
            (reader.position, reader.updated_at) = (position, now);
            reader.name = name.or(reader.name.take());
        });
    }
}

impl Drop for ReaderGuard {
    fn drop(&mut self) {
        self.room.change_readers(|readers| drop(readers.0.remove(&self.id)));
    }
}

impl Readers {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn get(&self, id: ViewerId) -> Option<&Reader> {
        self.0.get(&id)
    }

    /// Those who said it last, at most so many.
    pub(super) fn newest(&self, most: usize) -> Vec<(ViewerId, Reader)> {
        let mut readers: Vec<_> = self.0.iter().collect();
        readers.sort_unstable_by_key(|(id, reader)| (Reverse(reader.updated_at), **id));
        readers.truncate(most);
        readers.into_iter().map(|(id, reader)| (*id, reader.clone())).collect()
    }

    pub(super) fn positions(&self) -> Vec<Position> {
        self.0.values().map(|reader| reader.position).collect()
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

impl Position {
    /// The number itself, 0 to 1.
    pub fn get(self) -> f32 {
        self.0
    }
}

impl TryFrom<f32> for Position {
    type Error = PositionError;

    fn try_from(position: f32) -> Result<Self, PositionError> {
        if (0.0..=1.0).contains(&position) { Ok(Self(position)) } else { Err(PositionError) }
    }
}

impl TryFrom<String> for ReaderName {
    type Error = NameError;

    fn try_from(name: String) -> Result<Self, NameError> {
        if !(1..=LONGEST_NAME).contains(&name.chars().count()) {
            Err(NameError::Length)
        } else if name.chars().any(|c| c.is_control() || TURNING.contains(&c)) {
            Err(NameError::Control)
        } else {
            Ok(Self(name.into()))
        }
    }
}

impl From<ReaderName> for String {
    fn from(ReaderName(name): ReaderName) -> Self {
        name.as_ref().into()
    }
}

impl fmt::Display for PositionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a position is a number from 0 to 1")
    }
}

impl fmt::Display for NameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Length => "a name has 1 to 32 characters",
            Self::Control => "a name has no control characters",
        })
    }
}

impl std::error::Error for PositionError {}
impl std::error::Error for NameError {}

#[cfg(test)]
mod tests {
    use super::super::tests::until;
    use super::super::{Limits, RoomName, Rooms};
    use super::*;

    fn at(position: f32) -> Position {
        position.try_into().unwrap()
    }

    fn named(name: &str) -> Option<ReaderName> {
        Some(name.to_owned().try_into().unwrap())
    }

    #[test]
    fn a_room_has_its_readers_and_nothing_else_for_them() {
        let rooms = Rooms::new(Limits::default());
        let room = rooms.open(&RoomName::site("example.com".parse().unwrap()));
        assert!(room.positions().is_empty() && room.look(|state| state.readers.is_none()));
        let (one, other) = (
            ReaderGuard::new(Arc::clone(&room), ViewerId(1)),
            ReaderGuard::new(Arc::clone(&room), ViewerId(2)),
        );
        one.at(at(0.25), named("Ann"));
        one.at(at(0.5), None);
        other.at(at(1.0), None);
        let mut positions = room.positions();
        positions.sort_by(|a, b| a.get().total_cmp(&b.get()));
        assert_eq!(positions, [at(0.5), at(1.0)]);
        let reader = room.reader(ViewerId(1)).unwrap();
        assert_eq!((reader.position, reader.name), (at(0.5), named("Ann")));
        assert!(reader.joined_at <= reader.updated_at);
        assert_eq!(room.readers(1).len(), 1);
        drop((one, other));
        assert!(room.look(|state| state.readers.is_none()));
    }

    #[test]
    fn who_listens_to_the_room_hears_of_them() {
        let rooms = Rooms::new(Limits::default());
        let room = rooms.open(&RoomName::site("example.com".parse().unwrap()));
        let reading = ReaderGuard::new(Arc::clone(&room), ViewerId(1));
        let listening = Arc::clone(&room);
        let hears = std::thread::spawn(move || until(&listening, |room| room.positions() == [at(0.75)]));
        reading.at(at(0.75), None);
        hears.join().unwrap();
        drop(reading);
        until(&room, |room| room.positions().is_empty());
    }

    #[test]
    fn what_is_no_position_or_name_is_refused() {
        for position in [-0.1, 1.01, f32::NAN, f32::INFINITY] {
            assert_eq!(Position::try_from(position), Err(PositionError));
        }
        for (name, why) in [
            (String::new(), NameError::Length),
            ("ü".repeat(33), NameError::Length),
            ("a\nb".to_owned(), NameError::Control),
            ("a\u{202e}b".to_owned(), NameError::Control),
        ] {
            assert_eq!(ReaderName::try_from(name), Err(why));
        }
        assert!(ReaderName::try_from("ü".repeat(32)).is_ok());
        assert!(ReaderName::try_from("<b>Ann</b>".to_owned()).is_ok(), "text, whatever it looks like");
    }
}

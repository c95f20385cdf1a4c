//! Presences in a room, as words.

use onlookers_rooms::{Position, Presence, PresentId, Reader, ReaderName, ViewerId};
use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, utf8_percent_encode};

/// Begins the number of a visitor, where that of a viewer begins with nothing.
const VISITOR: char = '~';

/// Instead of a position: it isn't known.
const HERE: &str = "-";

/// Characters of names that mean something else here.
const ESCAPED: &AsciiSet = &CONTROLS.add(b' ').add(b':').add(b'%');

/// `00000000000000ab`, or `~00000000000000ab` of a visitor.
pub(super) fn of_id(id: PresentId) -> String {
    match id {
        PresentId::Viewer(viewer) => format!("{viewer}"),
        PresentId::Visitor(visitor) => format!("{VISITOR}{visitor:016x}"),
    }
}

/// `-`; or of a mark `position`; or of a reader `position:joined:updated` or `position:joined:updated:name`, times in
/// milliseconds since 1970.
pub(super) fn of_presence(presence: &Presence) -> String {
    match presence {
        Presence::Here => HERE.to_owned(),
        Presence::Mark(position) => position.get().to_string(),
        Presence::Reader(Reader { position, name, joined_at, updated_at }) => {
            let mut text = format!("{}:{joined_at}:{updated_at}", position.get());
            if let Some(name) = name {
                text.extend([":"].into_iter().chain(utf8_percent_encode(name.as_str(), ESCAPED)));
            }
            text
        }
    }
}

pub(super) fn id(text: &str) -> Option<PresentId> {
    let (number, is_visitor) = match text.strip_prefix(VISITOR) {
        Some(number) => (number, true),
        None => (text, false),
    };
    let is_number = number.len() == 16 && !number.starts_with('+');
    let number = u64::from_str_radix(number, 16).ok().filter(|_| is_number)?;
    Some(if is_visitor { PresentId::Visitor(number) } else { PresentId::Viewer(ViewerId::new(number)) })
}

pub(super) fn presence(text: &str) -> Option<Presence> {
    if text == HERE {
        return Some(Presence::Here);
    }
    let mut words = text.split(':');
    let position = position(words.next()?)?;
    let Some(joined_at) = words.next() else { return Some(Presence::Mark(position)) };
    let (joined_at, updated_at) = (joined_at.parse().ok()?, words.next()?.parse().ok()?);
    let name = words
        .next()
        .map(|name| ReaderName::try_from(percent_decode_str(name).decode_utf8().ok()?.into_owned()).ok());
    let name = match name {
        Some(name) => Some(name?),
        None => None,
    };
    words.next().is_none().then_some(Presence::Reader(Reader { position, name, joined_at, updated_at }))
}

/// A number from 0 to 1.
pub(super) fn position(text: &str) -> Option<Position> {
    text.parse::<f32>().ok()?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(position: f32) -> Position {
        position.try_into().unwrap()
    }

    #[test]
    fn words_read_well() {
        let name = |name: &str| ReaderName::try_from(name.to_owned()).ok();
        let reader = Reader { position: at(0.5), name: name("Ann: 100 %"), joined_at: 1, updated_at: 2 };
        assert_eq!(of_presence(&Presence::Reader(reader)), "0.5:1:2:Ann%3A%20100%20%25");
        assert_eq!(of_presence(&Presence::Mark(at(1.0))), "1");
        assert_eq!(of_id(PresentId::Visitor(0xab)), "~00000000000000ab");
    }

    #[test]
    fn other_words_are_refused() {
        for text in [
            "",
            "x",
            "2",
            "nan",
            "0.5:",
            "0.5:1",
            "0.5:1:",
            "0.5:1:2:",
            "0.5:1:2:a:b",
            "0.5:-1:2",
            "0.5:1:2:%ff",
        ] {
            assert_eq!(presence(text), None, "{text:?}");
        }
        for text in
            ["", "~", "1", "+0000000000000ab", "000000000000000g", "~~0000000000000a", "00000000000000abc"]
        {
            assert_eq!(id(text), None, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn words_are_read_as_they_were_written(
            number: u64, is_visitor: bool, place in 0_f32..=1.0, times: [u64; 2], name in prop::option::of("\\PC{1,32}"),
        ) {
            let written = if is_visitor { PresentId::Visitor(number) } else { PresentId::Viewer(ViewerId::new(number)) };
            prop_assert_eq!(id(&of_id(written)), Some(written));
            let name = name.and_then(|name| ReaderName::try_from(name).ok());
            let [joined_at, updated_at] = times;
            let reader = Reader { position: at(place), name, joined_at, updated_at };
            for written in [Presence::Here, Presence::Mark(reader.position), Presence::Reader(reader)] {
                let text = of_presence(&written);
                prop_assert!(!text.contains(' '), "{}", text);
                prop_assert_eq!(presence(&text), Some(written));
            }
        }
    }
}

//! Counts and hints as text, words with single spaces between them, so that `redis-cli` shows what nodes store and say.

use std::fmt::Write;

use onlookers_rooms::{Counts, Presence, PresentId, RoomName};

use super::present;
use crate::nodes::store::{Change, NodeId, RoomCounts, VisitorHash, Visitors};

/// The first word of each hint. A node that says more than this one understands says another.
const VERSION: &str = "1";

/// The first word of another hint, which versions before didn't know.
const SPLIT: &str = "split";

/// Instead of counts: the node counts nobody.
const NOBODY: &str = "-";

/// Instead of visitors: they have to be read.
const READ_AGAIN: &str = "=";

/// The most visitors that one hint names. It is cheaper to read more than these once than to send them to every node.
pub(super) const MOST_VISITORS: usize = 256;

/// The most who are present, or no longer, likewise.
const MOST_PRESENT: usize = 256;

/// The longest hint, in bytes: thousands of them may wait. Of what is longer, all is read.
const LONGEST_HINT: usize = 8 * 1024;

/// Those who are present, or no longer.
type Present = Vec<(PresentId, Option<Presence>)>;

/// `version tabs anonymous level peak_tabs peak_visitors present`, in decimal.
pub(super) fn of_counts(counts: &RoomCounts) -> String {
    let RoomCounts { version, tabs, anonymous, level, peak, present } = counts;
    format!("{version} {tabs} {anonymous} {level} {} {} {present}", peak.tabs, peak.visitors)
}

/// The counts that some words are, unless they aren't. What a newer version has after them is left.
pub(super) fn counts<'a>(words: &mut impl Iterator<Item = &'a str>) -> Option<RoomCounts> {
    let mut number = || words.next()?.parse::<u64>().ok();
    Some(RoomCounts {
        version: number()?,
        tabs: number()?,
        anonymous: number()?,
        level: u8::try_from(number()?).ok().filter(|level| *level < 64)?,
        peak: Counts { tabs: number()?, visitors: number()? },
        present: number()?,
    })
}

/// The hint of a change: `1 node previous counts visitors… present…`, where `+` and `-` begin the visitors that come and go, `@` those
/// who are present, and `!` those who were.
pub(super) fn of_hint(node: NodeId, change: &Change) -> String {
    let counts = change.counts.as_ref().map_or_else(|| NOBODY.to_owned(), of_counts);
    let mut hint = format!("{VERSION} {node} {} {counts}", change.previous);
    let start = hint.len();
    if !put_changes(&mut hint, change) || hint.len() > LONGEST_HINT {
        hint.truncate(start);
        hint.extend([" ", READ_AGAIN]);
    }
    hint
}

/// False if they are too many.
fn put_changes(hint: &mut String, change: &Change) -> bool {
    let Visitors::Change { come, gone } = &change.visitors else { return false };
    if come.len() + gone.len() > MOST_VISITORS || change.present.len() > MOST_PRESENT {
        return false;
    }
    let come = come.iter().map(|hash| ('+', hash));
    for (sign, hash) in come.chain(gone.iter().map(|hash| ('-', hash))) {
        // Writing to a String can't fail.
        let _ = write!(hint, " {sign}{hash:x}");
    }
    for (id, presence) in &change.present {
        let id = present::of_id(*id);
        let _ = match presence {
            Some(presence) => write!(hint, " @{id}:{}", present::of_presence(presence)),
            None => write!(hint, " !{id}"),
        };
    }
    true
}

/// What a hint of that room says, unless it is none that this version understands.
pub(super) fn hint(room: &RoomName, text: &[u8]) -> Option<(NodeId, Change)> {
    let text = std::str::from_utf8(text).ok().filter(|text| text.len() <= LONGEST_HINT)?;
    let mut words = text.strip_prefix(VERSION)?.strip_prefix(' ')?.split(' ').peekable();
    let node = words.next()?.parse().ok()?;
    let previous = words.next()?.parse().ok()?;
    let is_nobody = words.next_if_eq(&NOBODY).is_some();
    let counts = if is_nobody { None } else { Some(counts(&mut words)?) };
    let is_read_again = words.next_if_eq(&READ_AGAIN).is_some();
    let (visitors, present) =
        if is_read_again { (Visitors::Replace(Vec::new()), Vec::new()) } else { changes(&mut words)? };
    words.next().is_none().then(|| (node, Change { room: room.clone(), previous, counts, visitors, present }))
}

/// `split node new`: what the node has counted in the room, both count now.
pub(super) fn of_split([node, new]: [NodeId; 2]) -> String {
    format!("{SPLIT} {node} {new}")
}

/// What was said so, if it was.
pub(super) fn split(text: &[u8]) -> Option<[NodeId; 2]> {
    let (word, nodes) = std::str::from_utf8(text).ok()?.split_once(' ')?;
    let (node, new) = nodes.split_once(' ').filter(|_| word == SPLIT)?;
    Some([node.parse().ok()?, new.parse().ok()?])
}

/// The change that the rest of a hint's words are.
fn changes<'a>(words: &mut impl Iterator<Item = &'a str>) -> Option<(Visitors, Present)> {
    let (mut come, mut gone, mut present) = (Vec::new(), Vec::new(), Vec::new());
    for word in words {
        let mut letters = word.chars();
        let (sign, rest) = (letters.next()?, letters.as_str());
        match sign {
            '+' => come.push(visitor(rest)?),
            '-' => gone.push(visitor(rest)?),
            '!' => present.push((present::id(rest)?, None)),
            '@' => {
                let (id, presence) = rest.split_once(':')?;
                present.push((present::id(id)?, Some(present::presence(presence)?)));
            }
            _ => return None,
        }
    }
    let fits = come.len() + gone.len() <= MOST_VISITORS && present.len() <= MOST_PRESENT;
    fits.then_some((Visitors::Change { come, gone }, present))
}

fn visitor(hash: &str) -> Option<VisitorHash> {
    VisitorHash::from_str_radix(hash, 16).ok().filter(|_| !hash.starts_with('+'))
}

#[cfg(test)]
mod tests {
    use onlookers_rooms::{Reader, ViewerId};
    use proptest::prelude::*;

    use super::*;

    fn room() -> RoomName {
        "example.com/1".parse().unwrap()
    }

    fn change(numbers: [u64; 5], level: u8, come: Vec<u64>, gone: Vec<u64>) -> Change {
        let [version, tabs, anonymous, peak_tabs, peak_visitors] = numbers;
        let peak = Counts { tabs: peak_tabs, visitors: peak_visitors };
        let counts = Some(RoomCounts { version, tabs, anonymous, level, peak, present: tabs / 2 });
        let (visitors, present) = (Visitors::Change { come, gone }, Vec::new());
        Change { room: room(), previous: version / 2, counts, visitors, present }
    }

    #[test]
    fn a_hint_reads_well() {
        let mut said = change([5, 3, 1, 4, 2], 0, vec![0xab, 0xcd], vec![0xef]);
        assert_eq!(of_hint(NodeId(0x12), &said), "1 0000000000000012 2 5 3 1 0 4 2 1 +ab +cd -ef");
        let at = |place: f32| place.try_into().unwrap();
        said.present =
            vec![(PresentId::Viewer(ViewerId::new(1)), Some(Presence::Here)), (PresentId::Visitor(2), None)];
        said.present.push((PresentId::Visitor(3), Some(Presence::Mark(at(0.5)))));
        let text = of_hint(NodeId(0x12), &said);
        let present = "@0000000000000001:- !~0000000000000002 @~0000000000000003:0.5";
        assert_eq!(text, format!("1 0000000000000012 2 5 3 1 0 4 2 1 +ab +cd -ef {present}"));
        assert_eq!(hint(&room(), text.as_bytes()), Some((NodeId(0x12), said.clone())));
        said.present = Vec::new();
        said.counts = None;
        said.visitors = Visitors::Replace(vec![1, 2, 3]);
        assert_eq!(of_hint(NodeId(0x12), &said), "1 0000000000000012 2 - =");
        said.visitors = Visitors::Replace(Vec::new());
        assert_eq!(hint(&room(), b"1 0000000000000012 2 - ="), Some((NodeId(0x12), said)));
    }

    #[test]
    fn a_change_of_too_many_visitors_is_to_be_read() {
        let most = change([u64::MAX; 5], 63, vec![u64::MAX; 200], vec![u64::MAX; 56]);
        assert_eq!(
            hint(&room(), of_hint(NodeId(u64::MAX), &most).as_bytes()),
            Some((NodeId(u64::MAX), most))
        );
        let more = change([1; 5], 0, vec![1; 200], vec![2; 57]);
        assert_eq!(of_hint(NodeId(1), &more), "1 0000000000000001 0 1 1 1 0 1 1 0 =");
    }

    #[test]
    fn a_hint_that_would_be_too_long_is_to_be_read() {
        let mut said = change([1; 5], 0, vec![], vec![]);
        let name = "\u{1f642}".repeat(32).try_into().ok();
        let position = f32::MIN_POSITIVE.try_into().unwrap();
        let reader = Reader { position, name, joined_at: u64::MAX, updated_at: u64::MAX };
        let one = |id| (PresentId::Viewer(ViewerId::new(id)), Some(Presence::Reader(reader.clone())));
        said.present = (0..10).map(one).collect();
        assert_eq!(hint(&room(), of_hint(NodeId(1), &said).as_bytes()), Some((NodeId(1), said.clone())));
        said.present = (0..100).map(one).collect();
        assert_eq!(of_hint(NodeId(1), &said), "1 0000000000000001 0 1 1 1 0 1 1 0 =");
    }

    #[test]
    fn a_split_reads_well() {
        let said = of_split([NodeId(1), NodeId(0x12)]);
        assert_eq!(said, "split 0000000000000001 0000000000000012");
        assert_eq!(split(said.as_bytes()), Some([NodeId(1), NodeId(0x12)]));
        let refused = ["", "split", "split 1", "split 1 x", "split 1 2 3", "1 1 1", "split  1"];
        assert!(refused.iter().all(|text| split(text.as_bytes()).is_none()));
        assert_eq!(hint(&room(), said.as_bytes()), None);
    }

    #[test]
    fn what_is_no_hint_is_refused() {
        let more = format!("1 1 1 -{}", " +1".repeat(257));
        let refused = [
            "",
            "1",
            "1 ",
            "2 1 1 -",
            "11 1 1 -",
            "1 1",
            "1 1 1",
            "1 1 -",
            "1 x 1 -",
            "1 1 x -",
            "1 1 1 1 2 3",
            "1 1 1 1 2 3 64 5 6",
            "1 1 1 1 2 3 4 5 6 7 8",
            "1 1 1 1 2 3 4 5 6 7 +",
            "1 1 1 - @0000000000000001",
            "1 1 1 - !1",
            "1 1 1 - ++1",
            "1 1 1 - 1",
            "1 1 1 - = +1",
            "1 1 1 - +10000000000000000",
            "1 1 1  -",
            "1 1 1 - ",
            &more,
        ];
        for text in refused {
            assert_eq!(hint(&room(), text.as_bytes()), None, "{text:?}");
        }
    }

    #[test]
    fn counts_of_a_newer_version_are_read() {
        let words = |text: &'static str| counts(&mut text.split(' '));
        assert_eq!(words("1 2 3 4 5 6 7 more"), words("1 2 3 4 5 6 7"));
        assert!(words("1 2 3 4 5 6 7").is_some());
        assert_eq!((words("1 2 3 4 5 6"), words("1 2 3 4 5 6 -7")), (None, None));
    }

    proptest! {
        #[test]
        fn a_hint_is_heard_as_it_was_said(
            numbers: [u64; 5],
            level in 0..64_u8,
            node: u64,
            come in prop::collection::vec(any::<u64>(), 0..128),
            gone in prop::collection::vec(any::<u64>(), 0..128),
        ) {
            let said = change(numbers, level, come, gone);
            prop_assert_eq!(hint(&room(), of_hint(NodeId(node), &said).as_bytes()), Some((NodeId(node), said)));
        }

        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>, words in "1 [0-9a-f]{1,17} [0-9]( [-+=]?[0-9a-f]{0,18}){0,9}") {
            hint(&room(), &bytes);
            hint(&room(), words.as_bytes());
        }
    }
}

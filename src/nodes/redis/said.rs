//! Posts about rooms, as text.

use onlookers_rooms::{Page, PageQuery, Post, RoomName, ViewerId};

use super::{keys, present};
use crate::nodes::store::NodeId;

/// The first words. A node that says something else doesn't understand it.
const MESSAGE: &str = "message";
const MARK: &str = "mark";

/// Instead of a visitor's hash: there is none.
const NONE: &str = "-";

/// The longest text that is understood, in bytes: a message of a page has 4,096 at most, and a page's path less.
const LONGEST: usize = 8 * 1024;

/// `message node from text`, or `mark node today yesterday position path`: hashes of the visitor by the keys of both days, and
/// the page, which is left out for a whole site.
pub(super) fn of_post(node: NodeId, room: &RoomName, post: &Post) -> String {
    match post {
        Post::Message { from, text } => format!("{MESSAGE} {node} {from} {text}"),
        Post::Mark { visitor, position } => {
            let [today, yesterday] =
                visitor.map(|hash| hash.map_or_else(|| NONE.to_owned(), |hash| format!("{hash:016x}")));
            format!("{MARK} {node} {today} {yesterday} {} {}", position.get(), keys::field(room))
        }
    }
}

/// The channels on which it is said: a visitor may have a picture of the page, or of the site.
pub(super) fn channels(room: &RoomName, post: &Post) -> Vec<String> {
    let site = room.whole_site().filter(|_| matches!(post, Post::Mark { .. }));
    [room.clone()].iter().chain(&site).map(keys::channel).collect()
}

/// The post that was heard on that room's channel, with its node and its own room; none if this version doesn't understand it.
pub(super) fn parse(heard: &RoomName, text: &[u8]) -> Option<(NodeId, RoomName, Post)> {
    let text = std::str::from_utf8(text).ok().filter(|text| text.len() <= LONGEST)?;
    let (what, rest) = text.split_once(' ')?;
    let (node, rest) = rest.split_once(' ')?;
    let node = node.parse().ok()?;
    match what {
        MESSAGE => {
            let (from, text) = rest.split_once(' ')?;
            let from = ViewerId::new(u64::from_str_radix(from, 16).ok()?);
            Some((node, heard.clone(), Post::Message { from, text: text.to_owned() }))
        }
        MARK => {
            let mut words = rest.splitn(4, ' ');
            let mut hash = || words.next().map(|word| u64::from_str_radix(word, 16).ok());
            let visitor = [hash()?, hash()?];
            let position = present::position(words.next()?)?;
            Some((node, room(heard, words.next()?)?, Post::Mark { visitor, position }))
        }
        _ => None,
    }
}

fn room(heard: &RoomName, path: &str) -> Option<RoomName> {
    let site = heard.of_site().clone();
    if path.is_empty() {
        return Some(RoomName::site(site));
    }
    let page = Page::new(path.as_bytes(), PageQuery::Keep).ok().filter(|page| page.as_str() == path)?;
    Some(RoomName::page(site, page))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn rooms() -> [RoomName; 2] {
        ["example.com", "example.com/a%20b?c=d"].map(|name| name.parse().unwrap())
    }

    #[test]
    fn all_is_heard_as_it_was_said() {
        let from = ViewerId::new(7);
        let texts = ["1", "\"a b\"", "{\"a\": [1, 2]}"];
        let messages = texts.map(|text| Post::Message { from, text: text.to_owned() });
        let marks = [None, Some(9)].map(|yesterday| Post::Mark {
            visitor: [Some(8), yesterday],
            position: 0.25.try_into().unwrap(),
        });
        for room in rooms() {
            for post in messages.iter().chain(&marks) {
                let text = of_post(NodeId(3), &room, post);
                assert_eq!(parse(&room, text.as_bytes()), Some((NodeId(3), room.clone(), post.clone())));
            }
            let text = of_post(NodeId(3), &room, &marks[0]);
            let heard = parse(&rooms()[0], text.as_bytes());
            assert_eq!(heard, Some((NodeId(3), room.clone(), marks[0].clone())), "on the site's channel");
            assert_eq!(channels(&room, &messages[0]).len(), 1);
            assert_eq!(channels(&room, &marks[0]).len(), if room.as_page().is_some() { 2 } else { 1 });
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>, words in "(mark|message) [0-9a-f]{1,17}( [-+~/%]?[0-9a-f.]{0,18}){0,6}") {
            parse(&rooms()[0], &bytes);
            parse(&rooms()[1], words.as_bytes());
        }
    }
}

//! What scripts are told, as JSON.

use serde::Serialize;

use crate::room::{Counts, RoomName};

#[derive(Serialize)]
#[serde(tag = "type")]
enum Message<'a> {
    #[serde(rename = "update/count")]
    Count { room: &'a str, count: u64, visitors: u64 },
}

/// `{"type":"update/count","room":"example.com/posts/1","count":12,"visitors":9}`, in one line.
pub(crate) fn count(room: &RoomName, Counts { tabs, visitors }: Counts) -> String {
    let message = Message::Count { room: &room.to_string(), count: tabs, visitors };
    // Strings and numbers can't fail to be written.
    serde_json::to_string(&message).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::room::{Page, PageQuery};

    #[test]
    fn a_count_is_one_line_of_json() {
        let room = RoomName::page("a.example".parse().unwrap(), Page::new("/\"x", PageQuery::Drop).unwrap());
        assert_eq!(
            count(&room, Counts { tabs: 12, visitors: 9 }),
            r#"{"type":"update/count","room":"a.example/%22x","count":12,"visitors":9}"#
        );
    }
}

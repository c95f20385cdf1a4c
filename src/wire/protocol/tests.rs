use onlookers_rooms::PageQuery;

use super::*;

fn data(text: &str) -> Data {
    serde_json::from_str(text).unwrap()
}

#[test]
fn messages_are_parsed_or_refused() {
    let room = || "example.com/a".to_owned();
    for (text, wanted) in [
        (r#"{"type":"join","room":"example.com/a"}"#, ClientMessage::Join { room: room() }),
        (r#"{"room":"example.com/a","type":"leave","more":[1]}"#, ClientMessage::Leave { room: room() }),
        (r#" {"type":"ping"} "#, ClientMessage::Ping),
        (r#"{"type":"increment"}"#, ClientMessage::Increment),
        (r#"{"type":"decrement","by":1}"#, ClientMessage::Decrement),
        (
            r#"{"type":"session","id":"ann"}"#,
            ClientMessage::Session { id: Some(SessionId("ann".to_owned())) },
        ),
        (r#"{"type":"session","id":null}"#, ClientMessage::Session { id: None }),
        (
            r#"{"type":"presence","position":1}"#,
            ClientMessage::Presence { position: 1.0.try_into().unwrap(), name: None, room: None },
        ),
        (r#"{"type":"message","data":null}"#, ClientMessage::Message { data: data("null"), room: None }),
        (
            r#"{"room":"example.com/a","data": 1e400 ,"type":"\u006dessage"}"#,
            ClientMessage::Message { data: data("1e400"), room: Some(room()) },
        ),
    ] {
        assert_eq!(ClientMessage::parse(text), Ok(wanted), "{text}");
    }
    for text in [
        "",
        "{",
        "null",
        "[]",
        r#"{"type":"x"}"#,
        r#"{"type":"join"}"#,
        r#"{"type":"join","room":1}"#,
        r#"{"type":"session","id":""}"#,
        r#"{"type":"message"}"#,
        r#"{"type":"message","data":[1,]}"#,
        r#"{"type":"message","data":1,"data":2}"#,
        r#"{"type":"message","data":1,"room":1}"#,
        r#"{"type":"message","data":1} 2"#,
    ] {
        let refused = ClientMessage::parse(text);
        assert!(matches!(refused, Err(ClientError::BadMessage(why)) if !why.is_empty()), "{text}");
    }
}

#[test]
fn a_long_reason_is_cut() {
    let text = format!(r#"{{"type":"{}"}}"#, "ü".repeat(1000));
    let Err(ClientError::BadMessage(why)) = ClientMessage::parse(&text) else { panic!("parsed") };
    assert!(why.len() <= MAX_REASON);
}

#[test]
fn a_count_is_one_line_of_json() {
    let room = RoomName::page("a.example".parse().unwrap(), Page::new("/\"x", PageQuery::Drop).unwrap());
    assert_eq!(
        count(&room, Counts { tabs: 12, visitors: 9 }),
        r#"{"type":"update/count","room":"a.example/%22x","count":12,"visitors":9}"#
    );
}

//! The messages of the WebSocket protocol are the same in the code, in `docs/websocket.md` and in `js/onlookers.d.ts`: each
//! type of message has the same fields in all three, and the errors have the same codes.

use std::collections::{BTreeMap, BTreeSet};

use onlookers::wire::protocol::{ClientError, ClientMessage, Data, ServerMessage, TopPage};
use onlookers_rooms::{Page, PageQuery, Position, ReaderName, ViewerId};
use serde_json::Value;

const DOCS: &str = include_str!("../../docs/websocket.md");
const TYPES: &str = include_str!("../../js/onlookers.d.ts");

/// The fields of each type of message, nested ones included.
type Messages = BTreeMap<String, BTreeSet<String>>;

#[test]
fn the_servers_messages_are_documented_and_typed() {
    let sent: Messages = server_messages().into_iter().map(|message| fields_of(&message)).collect();
    assert_eq!(documented("What the page is told"), sent);
    let typed: Messages = blocks(TYPES, "export interface ").into_iter().filter_map(typed).collect();
    // The element passes on everything except for the answer to its own pings.
    let passed_on = sent.into_iter().filter(|(name, _)| name != "pong");
    assert_eq!(typed, passed_on.collect());
}

#[test]
fn a_pages_messages_are_documented_and_typed() {
    let documented = documented("What the page may say");
    let union = TYPES.split_once("export type Said =").unwrap().1.split_once("\n\n").unwrap().0;
    let mut typed_messages = Messages::new();
    for alternative in union.split("\n  | ").skip(1) {
        let names = alternative.split_once(';').unwrap_or((alternative, "")).0;
        let (_, fields) = typed(alternative.to_owned()).unwrap();
        typed_messages.extend(quoted(names, '\'').map(|name| (name.to_owned(), fields.clone())));
    }
    let names = |messages: &Messages| messages.keys().cloned().collect::<BTreeSet<_>>();
    assert_eq!(names(&documented), client_types());
    assert_eq!(names(&typed_messages), client_types());
    for (name, fields) in typed_messages {
        let optional = ["name", "room"].map(str::to_owned);
        let missing: Vec<_> =
            fields.difference(&documented[&name]).filter(|it| !optional.contains(it)).collect();
        assert!(missing.is_empty() && documented[&name].is_subset(&fields), "{name}: {missing:?}");
    }
}

#[test]
fn each_message_of_a_page_is_parsed_as_documented() {
    for text in [
        r#"{"type":"join","room":"example.com/posts/2"}"#,
        r#"{"type":"leave","room":"/posts/2"}"#,
        r#"{"type":"session","id":"ann"}"#,
        r#"{"type":"presence","position":0.4,"name":"Ann","room":"/posts/2"}"#,
        r#"{"type":"message","data":[1],"room":"/posts/2"}"#,
        r#"{"type":"ping"}"#,
        r#"{"type":"increment"}"#,
        r#"{"type":"decrement"}"#,
    ] {
        let message = ClientMessage::parse(text).unwrap();
        let name = serde_json::from_str::<Value>(text).unwrap()["type"].as_str().unwrap().to_owned();
        assert_eq!(client_type(&message), name);
        assert!(client_types().contains(&name));
    }
}

#[test]
fn every_code_of_an_error_is_documented() {
    for error in client_errors() {
        let code = match ServerMessage::from(&error) {
            ServerMessage::Error { code, .. } => code,
            message => panic!("no error: {message:?}"),
        };
        assert!(DOCS.contains(&format!("`{code}`")), "{code} is not in docs/websocket.md");
    }
}

/// One message of each type. A new one fails to compile in `server_type`.
fn server_messages() -> Vec<Value> {
    let (room, id) = ("example.com/posts/1", ViewerId::new(1));
    let data: Data = serde_json::from_str("\"data\"").unwrap();
    let name: ReaderName = String::from("Ann").try_into().unwrap();
    let position: Position = 0.4.try_into().unwrap();
    let page = Page::new("/posts/1", PageQuery::Drop).unwrap();
    [
        ServerMessage::Count { room, count: 1, visitors: 1 },
        ServerMessage::Join { room, id, name: Some(&name) },
        ServerMessage::Leave { room, id },
        ServerMessage::Presence { room, id, name: Some(&name), position, joined_at: 1, updated_at: 1 },
        ServerMessage::Message { room, from: id, data: &data },
        ServerMessage::Top { pages: vec![TopPage { page, count: 1, title: Some("Hello") }] },
        ServerMessage::Error { code: "full", reason: "why" },
        ServerMessage::Pong,
    ]
    .iter()
    .map(|message| {
        let json: Value = serde_json::from_str(&message.to_json()).unwrap();
        assert_eq!(json["type"], server_type(message));
        json
    })
    .collect()
}

fn server_type(message: &ServerMessage<'_>) -> &'static str {
    match message {
        ServerMessage::Count { .. } => "update/count",
        ServerMessage::Join { .. } => "join",
        ServerMessage::Leave { .. } => "leave",
        ServerMessage::Presence { .. } => "presence",
        ServerMessage::Message { .. } => "message",
        ServerMessage::Top { .. } => "top",
        ServerMessage::Error { .. } => "error",
        ServerMessage::Pong => "pong",
    }
}

fn client_type(message: &ClientMessage) -> &'static str {
    match message {
        ClientMessage::Join { .. } => "join",
        ClientMessage::Leave { .. } => "leave",
        ClientMessage::Session { .. } => "session",
        ClientMessage::Presence { .. } => "presence",
        ClientMessage::Message { .. } => "message",
        ClientMessage::Ping => "ping",
        ClientMessage::Increment => "increment",
        ClientMessage::Decrement => "decrement",
    }
}

fn client_types() -> BTreeSet<String> {
    ["join", "leave", "session", "presence", "message", "ping", "increment", "decrement"]
        .map(str::to_owned)
        .into()
}

fn client_errors() -> Vec<ClientError> {
    vec![
        ClientError::BadMessage("why".to_owned()),
        ClientError::BadRoom,
        ClientError::NotAllowed,
        ClientError::TooManyRooms,
        ClientError::Full,
        ClientError::NotThere,
        ClientError::NotEnabled("why"),
        ClientError::OnlyLooking,
        ClientError::Busy,
        ClientError::TooFast,
    ]
}

/// The type and the fields of a message, nested ones included.
fn fields_of(message: &Value) -> (String, BTreeSet<String>) {
    let mut fields = BTreeSet::new();
    collect(message, &mut fields);
    (message["type"].as_str().unwrap().to_owned(), fields)
}

fn collect(value: &Value, fields: &mut BTreeSet<String>) {
    match value {
        Value::Object(object) => {
            for (name, value) in object {
                fields.insert(name.clone());
                collect(value, fields);
            }
        }
        Value::Array(values) => values.iter().for_each(|value| collect(value, fields)),
        _ => {}
    }
}

/// The messages in the table of a section of the page. A field may stand without its value.
fn documented(section: &str) -> Messages {
    let section = DOCS.split_once(&format!("## {section}")).unwrap().1.split("\n## ").next().unwrap();
    let cells = section.lines().filter_map(|line| line.strip_prefix("| `{")?.split_once("}` |"));
    cells.map(|(message, _)| documented_fields(message)).collect()
}

fn documented_fields(message: &str) -> (String, BTreeSet<String>) {
    let name = message.split_once(r#""type":""#).unwrap().1.split_once('"').unwrap().0;
    let mut fields = BTreeSet::new();
    let mut before = "{";
    for (at, piece) in message.split('"').enumerate() {
        // A string after a colon is a value.
        if at % 2 == 1 && !before.ends_with(':') {
            fields.insert(piece.to_owned());
        }
        before = piece;
    }
    (name.to_owned(), fields)
}

/// The bodies of the declarations that begin so.
fn blocks(text: &str, start: &str) -> Vec<String> {
    let declarations = text.split(start).skip(1);
    declarations.filter_map(|it| Some(it.split_once('{')?.1.split_once("\n}")?.0.to_owned())).collect()
}

/// The type and the fields of a declared message; none if it has no type.
fn typed(declaration: String) -> Option<(String, BTreeSet<String>)> {
    let code: Vec<_> =
        declaration.lines().filter(|line| !line.trim_start().starts_with(['/', '*'])).collect();
    let code = code.join(" ");
    let name = quoted(code.split_once("type: ")?.1, '\'').next()?.to_owned();
    let fields = code.split(['{', ';', '}']).filter_map(|field| field.split_once(':'));
    Some((name, fields.map(|(field, _)| field.trim().trim_end_matches('?').to_owned()).collect()))
}

/// The texts in quotes.
fn quoted(text: &str, quote: char) -> impl Iterator<Item = &str> {
    text.split(quote).skip(1).step_by(2)
}

//! The bytes of a stream of server-sent events (HTML Living Standard, section 9.2).

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use bytes::Bytes;

use super::head::{Fields, STATUS};

/// The response's head, except for which pages may read it. With HTTP/1.1, without a Content-Length and chunking, the end of the
/// connection ends the response. A proxy or middleware that compresses would hold events back until it has enough of them, and must
/// not (`no-transform`; RFC 9111, section 5.2.2.6). Browsers look at the type alone: unlike a multipart stream, this one needs no padding.
const FIELDS: Fields = &[
    ("Content-Type", "text/event-stream"),
    ("Cache-Control", "no-store, no-transform"),
    ("X-Content-Type-Options", "nosniff"),
    ("X-Accel-Buffering", "no"),
    ("Connection", "close"),
    ("vary", "Origin"),
];

/// A client waits for a random time between these two before it reconnects: an outage isn't followed by everybody at once.
const RETRY: (Duration, Duration) = (Duration::from_secs(2), Duration::from_secs(6));

/// The last line of a stream, for people who read it. Clients reconnect when it has ended.
pub const CLOSING: Bytes = Bytes::from_static(b": the server stops\n\n");

/// A comment, which clients drop. It keeps proxies from cutting the stream, and finds clients that have gone.
pub static HEARTBEAT: Bytes = Bytes::from_static(b":\n\n");

/// The fields of the response's head, which let pages of `origin` read the stream (Fetch Living Standard, CORS protocol): those
/// pages alone, with the cookie that keeps a site's owner from being counted; never `*`.
pub(super) fn fields(origin: Option<&[u8]>) -> impl Iterator<Item = (&'static str, &[u8])> {
    let readable = origin.into_iter().flat_map(|origin| {
        [
            ("access-control-allow-origin", origin),
            ("access-control-allow-credentials", b"true"),
            ("access-control-expose-headers", b"Retry-After"),
        ]
    });
    FIELDS.iter().map(|(name, value)| (*name, value.as_bytes())).chain(readable)
}

/// Appends the response's head, as HTTP/1.1 has it.
pub(super) fn write_head(buffer: &mut Vec<u8>, origin: Option<&[u8]>) {
    buffer.extend_from_slice(STATUS.as_bytes());
    for (name, value) in fields(origin) {
        buffer.extend_from_slice(name.as_bytes());
        buffer.extend_from_slice(b": ");
        buffer.extend_from_slice(value);
        buffer.extend_from_slice(b"\r\n");
    }
    buffer.extend_from_slice(b"\r\n");
}

/// Appends what follows the head before the first event.
pub(super) fn write_start(buffer: &mut Vec<u8>) {
    buffer.extend_from_slice(format!("retry: {}\n\n", retry()).as_bytes());
}

/// What a stream ends with, not the same for any two: how long after the end its client reconnects, and [`CLOSING`].
pub fn closing() -> Bytes {
    [format!("retry: {}\n\n", retry()).as_bytes(), &CLOSING].concat().into()
}

/// A time to reconnect after, in milliseconds.
fn retry() -> u64 {
    let (least, most) = RETRY;
    least.as_millis() as u64 + RandomState::new().hash_one(()) % (most - least).as_millis() as u64
}

/// An event; `data` has to be one line.
pub fn event(name: &str, id: u64, data: &str) -> Bytes {
    format!("id: {id}\nevent: {name}\ndata: {data}\n\n").into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_begins_with_when_to_reconnect() {
        let mut start = Vec::new();
        write_start(&mut start);
        let start = String::from_utf8(start).unwrap();
        let time: u64 = start.strip_prefix("retry: ").unwrap().trim_end().parse().unwrap();
        assert!((2000..6000).contains(&time) && start.ends_with("\n\n"), "{start}");
    }

    #[test]
    fn each_stream_ends_with_another_time_to_reconnect() {
        let time = |()| -> u64 {
            let closing = String::from_utf8(closing().to_vec()).unwrap();
            closing
                .strip_prefix("retry: ")
                .unwrap()
                .strip_suffix("\n\n: the server stops\n\n")
                .unwrap()
                .parse()
                .unwrap()
        };
        let times = [(); 1000].map(time);
        assert!(times.iter().all(|time| (2000..6000).contains(time)), "{times:?}");
        // Half a second has an eighth of them, if they are spread evenly.
        for half in 4..12 {
            let within = times.iter().filter(|time| **time / 500 == half).count();
            assert!((75..175).contains(&within), "{within} from {} ms on", half * 500);
        }
    }

    #[test]
    fn a_head_lets_the_pages_of_its_origin_read() {
        let (mut none, mut one) = (Vec::new(), Vec::new());
        write_head(&mut none, None);
        write_head(&mut one, Some(b"https://a.example"));
        let (none, one) = (String::from_utf8(none).unwrap(), String::from_utf8(one).unwrap());
        assert!(none.starts_with("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"), "{none}");
        assert!(none.ends_with("\r\nConnection: close\r\nvary: Origin\r\n\r\n"), "{none}");
        let readable = one.strip_prefix(none.trim_end()).unwrap();
        assert!(readable.starts_with("\r\naccess-control-allow-origin: https://a.example\r\n"), "{one}");
    }

    #[test]
    fn an_event_is_a_block_of_lines() {
        assert_eq!(event("count", 7, "{}"), "id: 7\nevent: count\ndata: {}\n\n");
    }
}

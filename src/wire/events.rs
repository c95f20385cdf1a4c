//! The bytes of a stream of server-sent events (HTML Living Standard, section 9.2).

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use bytes::Bytes;

/// The response's head, except for which pages may read it. Without a Content-Length and chunking, the end of the
/// connection ends the response. A proxy or middleware that compresses would hold events back until it has enough of them, and must
/// not (`no-transform`; RFC 9111, section 5.2.2.6). Browsers look at the type alone: unlike a multipart stream, this one needs no padding.
const HEAD: &str = "HTTP/1.1 200 OK\r\n\
    Content-Type: text/event-stream\r\n\
    Cache-Control: no-store, no-transform\r\n\
    X-Content-Type-Options: nosniff\r\n\
    X-Accel-Buffering: no\r\n\
    Connection: close\r\n\
    vary: Origin\r\n";

/// A client waits for a random time between these two before it reconnects: an outage isn't followed by everybody at once.
const RETRY: (Duration, Duration) = (Duration::from_secs(2), Duration::from_secs(6));

/// A comment, which clients drop. It keeps proxies from cutting the stream, and finds clients that have gone.
pub static HEARTBEAT: Bytes = Bytes::from_static(b":\n\n");

/// The last line of a stream, for people who read it. Clients reconnect when it has ended.
pub const CLOSING: Bytes = Bytes::from_static(b": the server stops\n\n");

/// The response's head alone, for HEAD.
pub fn head(origin: Option<&[u8]>) -> Bytes {
    let mut head = Vec::new();
    write_head(&mut head, origin);
    head.into()
}

/// Appends the response's head, which lets pages of `origin` read the stream (Fetch Living Standard, CORS protocol): those
/// pages alone, with the cookie that keeps a site's owner from being counted; never `*`.
fn write_head(buffer: &mut Vec<u8>, origin: Option<&[u8]>) {
    buffer.extend_from_slice(HEAD.as_bytes());
    if let Some(origin) = origin {
        buffer.extend_from_slice(b"access-control-allow-origin: ");
        buffer.extend_from_slice(origin);
        buffer.extend_from_slice(
            b"\r\naccess-control-allow-credentials: true\r\naccess-control-expose-headers: Retry-After\r\n",
        );
    }
    buffer.extend_from_slice(b"\r\n");
}

/// Appends what goes out before the first event.
pub(super) fn write_opening(buffer: &mut Vec<u8>, origin: Option<&[u8]>) {
    write_head(buffer, origin);
    let (least, most) = RETRY;
    let spread = RandomState::new().hash_one(()) % (most - least).as_millis() as u64;
    buffer.extend_from_slice(format!("retry: {}\n\n", least.as_millis() as u64 + spread).as_bytes());
}

/// An event; `data` has to be one line.
pub fn event(name: &str, id: u64, data: &str) -> Bytes {
    format!("id: {id}\nevent: {name}\ndata: {data}\n\n").into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_opening_is_the_head_and_when_to_reconnect() {
        let mut opening = Vec::new();
        write_opening(&mut opening, Some(b"https://a.example"));
        let opening = String::from_utf8(opening).unwrap();
        let (head, retry) = opening.split_once("\r\n\r\n").unwrap();
        assert!(head.contains("\r\naccess-control-allow-origin: https://a.example\r\n"), "{head}");
        let time: u64 = retry.strip_prefix("retry: ").unwrap().trim_end().parse().unwrap();
        assert!((2000..6000).contains(&time) && retry.ends_with("\n\n"), "{retry}");
    }

    #[test]
    fn a_head_without_an_origin_lets_no_page_read() {
        let mut head = Vec::new();
        write_head(&mut head, None);
        assert_eq!(head, [HEAD.as_bytes(), b"\r\n"].concat());
    }

    #[test]
    fn an_event_is_a_block_of_lines() {
        assert_eq!(event("count", 7, "{}"), "id: 7\nevent: count\ndata: {}\n\n");
    }
}

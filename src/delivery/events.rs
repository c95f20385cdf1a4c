//! The bytes of a stream of server-sent events (HTML Living Standard, section 9.2).

use std::time::Duration;

use bytes::Bytes;
use hyper::header::HeaderName;

/// The answer's head, but for who may read it. Without a Content-Length and chunking, the end of the connection ends the
/// answer. A browser looks at the type alone: unlike a multipart stream, this one needs no padding.
const HEAD: &str = "HTTP/1.1 200 OK\r\n\
    Content-Type: text/event-stream\r\n\
    Cache-Control: no-store\r\n\
    X-Content-Type-Options: nosniff\r\n\
    X-Accel-Buffering: no\r\n\
    Connection: close\r\n";

/// A comment: clients drop it. It keeps proxies from cutting the stream, and finds those that have gone.
pub(crate) static REPAINT: Bytes = Bytes::from_static(b":\n\n");

/// The last line of a stream. Clients come back when it has ended; people who read it see why.
pub(crate) const CLOSING: Bytes = Bytes::from_static(b": the server stops\n\n");

/// Writes the answer's head, with these fields in it, behind what is in `buffer`.
pub(crate) fn write_head<'v>(buffer: &mut Vec<u8>, fields: impl Iterator<Item = (HeaderName, &'v [u8])>) {
    buffer.extend_from_slice(HEAD.as_bytes());
    for (name, value) in fields {
        for piece in [name.as_str().as_bytes(), b": ", value, b"\r\n"] {
            buffer.extend_from_slice(piece);
        }
    }
    buffer.extend_from_slice(b"\r\n");
}

/// Writes after what time the client is to come back when the stream has ended; what comes behind the head.
pub(crate) fn write_retry(buffer: &mut Vec<u8>, retry: Duration) {
    buffer.extend_from_slice(format!("retry: {}\n\n", retry.as_millis()).as_bytes());
}

/// An event; `data` has to be one line.
pub(crate) fn event(name: &str, id: u64, data: &str) -> Bytes {
    format!("id: {id}\nevent: {name}\ndata: {data}\n\n").into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::header::VARY;

    #[test]
    fn the_opening_is_the_head_and_one_block_more() {
        let mut opening = Vec::new();
        write_head(&mut opening, [(VARY, &b"Origin"[..])].into_iter());
        write_retry(&mut opening, Duration::from_millis(2500));
        let opening = String::from_utf8(opening).unwrap();
        assert_eq!(opening, format!("{HEAD}vary: Origin\r\n\r\nretry: 2500\n\n"));
    }

    #[test]
    fn each_event_is_a_block_of_lines() {
        assert_eq!(event("count", 7, "{}"), "id: 7\nevent: count\ndata: {}\n\n");
    }
}

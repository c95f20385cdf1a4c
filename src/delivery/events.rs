//! The bytes of a stream of server-sent events (HTML Living Standard, section 9.2).

use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use hyper::HeaderMap;

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

/// The answer's head with these fields in it, for HEAD.
pub(crate) fn head(fields: &HeaderMap) -> Bytes {
    written_head(fields).freeze()
}

/// What goes out before a viewer's first event: the head, and after what time the client is to come back when the stream has
/// ended.
pub(crate) fn opening(fields: &HeaderMap, retry: Duration) -> Bytes {
    let mut opening = written_head(fields);
    opening.put_slice(format!("retry: {}\n\n", retry.as_millis()).as_bytes());
    opening.freeze()
}

fn written_head(fields: &HeaderMap) -> BytesMut {
    let mut head = BytesMut::with_capacity(2 * HEAD.len());
    head.put_slice(HEAD.as_bytes());
    for (name, value) in fields {
        for piece in [name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"] {
            head.put_slice(piece);
        }
    }
    head.put_slice(b"\r\n");
    head
}

/// An event; `data` has to be one line.
pub(crate) fn event(name: &str, id: u64, data: &str) -> Bytes {
    format!("id: {id}\nevent: {name}\ndata: {data}\n\n").into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::header::{HeaderValue, VARY};

    #[test]
    fn the_opening_is_the_head_and_one_block_more() {
        let fields = HeaderMap::from_iter([(VARY, HeaderValue::from_static("Origin"))]);
        let (head, opening) = (head(&fields), opening(&fields, Duration::from_millis(2500)));
        assert!(head.ends_with(b"Connection: close\r\nvary: Origin\r\n\r\n"));
        assert_eq!(opening.strip_prefix(&head[..]), Some(&b"retry: 2500\n\n"[..]));
    }

    #[test]
    fn each_event_is_a_block_of_lines() {
        assert_eq!(event("count", 7, "{}"), "id: 7\nevent: count\ndata: {}\n\n");
    }
}

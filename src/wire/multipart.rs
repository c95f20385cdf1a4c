//! The bytes of a multipart/x-mixed-replace stream that Chromium, Firefox and WebKit paint at once.
//!
//! Each part's head goes out with the picture before it: Chromium and WebKit take a picture for complete only when
//! they have seen the next part's whole head, so without it every page would show the count before this one.

use bytes::{BufMut, Bytes, BytesMut};

use super::head::response;

/// The head of the next part. No Content-Length: it helps no engine, and the next part's isn't known yet.
const PART_HEAD: &[u8] = b"--frame\r\nContent-Type: image/png\r\n\r\n";

/// The same for a picture that a page's script may read. WebKit wants that said in each part's own head, or shows nothing
/// (WebKitGTK 2.50, `crossorigin=anonymous`).
const READABLE_PART_HEAD: &[u8] =
    b"--frame\r\nContent-Type: image/png\r\nAccess-Control-Allow-Origin: *\r\n\r\n";

/// How many bytes of a frame follow its picture.
pub const TAIL: usize = b"\r\n".len() + PART_HEAD.len();

const READABLE_TAIL: usize = b"\r\n".len() + READABLE_PART_HEAD.len();

/// Ends the last part, so that WebKit keeps its picture.
const END: &[u8] = b"\r\n--frame--\r\n";

response! {
    /// The head of the response and that of the first part: what goes out before the first picture.
    ///
    /// The part's head is padded: WebKit waits for 512 bytes before it sniffs their type. With HTTP/1.1, without a
    /// Content-Length and chunking, the end of the connection ends the response, for HTTP/1.0 clients too. `no-transform`
    /// keeps proxies from compressing the stream, and so from holding pictures back.
    OPENING, FIELDS = {
        "Content-Type": "multipart/x-mixed-replace; boundary=frame",
        "Cache-Control": "no-store, no-transform",
        "X-Content-Type-Options": "nosniff",
        "X-Accel-Buffering": "no",
        "Cross-Origin-Resource-Policy": "cross-origin",
        "Access-Control-Allow-Origin": "*",
        "Connection": "close",
    }
    "--frame\r\nContent-Type: image/png\r\nX-Pad: \
    ............................................................................................................\
    ............................................................................................................\
    ............................................................................................................\
    ............................................................................................................\
    ............................................................................................................\
    ............................\r\n\
    Access-Control-Allow-Origin: *\r\n\r\n"
}

/// Where the response's head ends in [`OPENING`], in bytes.
const HEAD_END: usize = head_end(OPENING);

const fn head_end(opening: &[u8]) -> usize {
    let mut at = 4;
    while !matches!(opening.split_at(at).0, [.., b'\r', b'\n', b'\r', b'\n']) {
        at += 1;
    }
    at
}

/// The response's head alone, as HTTP/1.1 has it.
pub(super) const HEAD: &[u8] = OPENING.split_at(HEAD_END).0;

/// What follows the head before the first picture.
pub(super) const START: &[u8] = OPENING.split_at(HEAD_END).1;

/// A frame: the PNG file, the delimiter, and the next part's head.
pub fn frame(png: &[u8]) -> Bytes {
    join(png, &[b"\r\n", PART_HEAD])
}

/// The same frame for pages whose scripts may read the picture.
pub fn readable(frame: &[u8]) -> Bytes {
    join(&frame[..frame.len().saturating_sub(TAIL)], &[b"\r\n", READABLE_PART_HEAD])
}

/// The last frame of a stream that has the picture of `frame`.
pub fn closing_of(frame: &[u8]) -> Bytes {
    let tail = if frame.ends_with(READABLE_PART_HEAD) { READABLE_TAIL } else { TAIL };
    closing(&frame[..frame.len().saturating_sub(tail)])
}

/// The last frame of a stream: the PNG file and the closing delimiter.
pub fn closing(png: &[u8]) -> Bytes {
    join(png, &[END])
}

fn join(png: &[u8], rest: &[&[u8]]) -> Bytes {
    let mut bytes = BytesMut::with_capacity(png.len() + rest.iter().map(|piece| piece.len()).sum::<usize>());
    bytes.put_slice(png);
    for piece in rest {
        bytes.put_slice(piece);
    }
    bytes.freeze()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_part_is_long_enough_for_webkit_to_sniff() {
        assert!(START.len() >= 512);
        assert!(HEAD.ends_with(b"Connection: close\r\n\r\n"));
    }

    #[test]
    fn each_part_of_a_readable_picture_says_so() {
        let frame = readable(&frame(b"one"));
        let stream = [START, &frame, &closing_of(&frame)].concat();
        let text = String::from_utf8(stream).unwrap();
        let parts: Vec<_> = text.split("--frame").collect();
        assert!(
            parts[1..3].iter().all(|part| part.contains("\r\nAccess-Control-Allow-Origin: *\r\n")),
            "{text}"
        );
        assert!(parts[2].ends_with("\r\n\r\none\r\n") && parts[3] == "--\r\n", "{text}");
        assert_eq!(closing_of(&super::frame(b"one")), closing(b"one"));
    }

    #[test]
    fn a_stream_is_made_of_whole_parts() {
        let stream = [START, &frame(b"one"), &frame(b"two"), &closing(b"three")].concat();
        let text = String::from_utf8(stream).unwrap();
        let mut parts = text.split("--frame");
        assert_eq!(parts.next(), Some(""));
        let bodies: Vec<_> =
            parts.map(|part| part.split_once("\r\n\r\n").map_or(part, |(_, body)| body)).collect();
        assert_eq!(bodies, ["one\r\n", "two\r\n", "three\r\n", "--\r\n"]);
    }
}

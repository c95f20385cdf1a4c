//! The parts of a picture stream, split by the lengths inside the PNGs and so independently of the boundary.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use onlookers_picture::{Style, Value, render};

use super::client::Client;

/// The bytes between two pictures.
pub(crate) const BETWEEN: &[u8] = b"\r\n--frame\r\nContent-Type: image/png\r\n\r\n";
/// The same for a page whose script may read the picture: its request has an Origin.
pub(crate) const BETWEEN_READABLE: &[u8] =
    b"\r\n--frame\r\nContent-Type: image/png\r\nAccess-Control-Allow-Origin: *\r\n\r\n";

/// The bytes after the last picture.
pub(crate) const CLOSING: &[u8] = b"\r\n--frame--\r\n";

pub(crate) const SIGNATURE: &[u8] = b"\x89PNG\r\n\x1a\n";

/// The PNG of the plain picture of `count`. Cached, because thousands of viewers wait for the same.
pub(crate) fn png_of(count: u64) -> Vec<u8> {
    static MADE: Mutex<BTreeMap<u64, Vec<u8>>> = Mutex::new(BTreeMap::new());
    let mut made = MADE.lock().unwrap_or_else(PoisonError::into_inner);
    let make = || render(&Style::default(), Value::Count(count)).encode().to_vec();
    made.entry(count).or_insert_with(make).clone()
}

/// The PNG of the plain picture at the end of a stream.
pub(crate) fn png_of_the_end() -> Vec<u8> {
    render(&Style::default(), Value::Ended).encode().to_vec()
}

/// Reads a PNG: signature, then chunks of length, type, data and checksum up to IEND.
pub(crate) fn read_png(client: &mut Client) -> Vec<u8> {
    let mut png = client.take(SIGNATURE.len());
    assert_eq!(png, SIGNATURE, "no picture begins here");
    while !png.ends_with(b"IEND\xaeB`\x82") {
        let head = client.take(8);
        let length = u32::from_be_bytes(head[..4].try_into().unwrap()) as usize;
        png.extend(head);
        png.extend(client.take(length + 4));
    }
    png
}

/// The count that a plain picture shows.
pub(crate) fn count_on(png: &[u8]) -> u64 {
    let found = (0..1000).find(|count| png_of(*count) == png);
    found.unwrap_or_else(|| panic!("no picture of a count: {} bytes", png.len()))
}

//! Parses any bytes of a WebSocket, in pieces of any length: nothing panics, memory is bounded, and how they are cut makes no
//! difference.
#![no_main]

use libfuzzer_sys::fuzz_target;
use onlookers::wire::frame::{CloseCode, Decoder, Incoming};
use onlookers::wire::protocol::ClientMessage;

fuzz_target!(|sent: (u8, &[u8])| {
    let (size, bytes) = sent;
    let pieces = decode(bytes.chunks(usize::from(size) + 1));
    assert_eq!(pieces, decode(std::iter::once(bytes)));
    for incoming in pieces.0 {
        if let Incoming::Text(text) = incoming {
            let _ = ClientMessage::parse(&text);
        }
    }
    if let Ok(text) = std::str::from_utf8(bytes) {
        let _ = ClientMessage::parse(text);
    }
});

fn decode<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> (Vec<Incoming>, Option<CloseCode>) {
    let (mut decoder, mut all) = (Decoder::default(), Vec::new());
    for piece in pieces {
        decoder.feed(piece);
        loop {
            match decoder.next_message() {
                Ok(Some(incoming)) => all.push(incoming),
                Ok(None) => break,
                Err(code) => return (all, Some(code)),
            }
        }
    }
    (all, None)
}

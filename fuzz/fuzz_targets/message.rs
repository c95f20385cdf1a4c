//! Bytes as a page may send them over a WebSocket, in pieces of any length: nothing panics, what is kept is bounded, and how
//! they are cut makes no difference.
#![no_main]

use libfuzzer_sys::fuzz_target;
#[allow(unused_imports, reason = "messages.rs has positions and names")]
use onlookers::room;

#[allow(dead_code, reason = "the server writes frames, too")]
#[path = "../../src/delivery/websocket/frame.rs"]
mod frame;
#[allow(dead_code, reason = "the server answers, too")]
#[path = "../../src/delivery/websocket/messages.rs"]
mod messages;

/// Why a message isn't passed on, as messages.rs knows it.
mod circle {
    #[allow(dead_code, reason = "nothing is passed on here")]
    #[derive(Clone, PartialEq, Eq, Debug)]
    pub(crate) enum NotSaid {
        TooLong,
        Busy,
    }
}

use frame::{Closing, Decoder, Received};

fuzz_target!(|sent: (u8, &[u8])| {
    let (size, bytes) = sent;
    let pieces = hear(bytes.chunks(usize::from(size) + 1));
    assert_eq!(pieces, hear(std::iter::once(bytes)));
    for received in pieces.0 {
        if let Received::Text(text) = received {
            let _ = messages::Asked::parse(&text);
        }
    }
    if let Ok(text) = std::str::from_utf8(bytes) {
        let _ = messages::Asked::parse(text);
    }
});

fn hear<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> (Vec<Received>, Option<Closing>) {
    let (mut decoder, mut all) = (Decoder::default(), Vec::new());
    for piece in pieces {
        decoder.feed(piece);
        loop {
            match decoder.next() {
                Ok(Some(received)) => all.push(received),
                Ok(None) => break,
                Err(closing) => return (all, Some(closing)),
            }
        }
    }
    (all, None)
}

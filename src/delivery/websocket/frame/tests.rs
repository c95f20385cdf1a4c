//! Frames against what was sent, and against another implementation: tokio-websockets.

use super::*;
use futures_util::StreamExt;
use proptest::prelude::*;
use tokio::io::AsyncWriteExt;
use tokio_websockets::{Limits, ServerBuilder};

/// A frame as a page may send it, or as it may not.
#[derive(Clone, Debug)]
struct Sent {
    first: u8,
    mask: Option<[u8; 4]>,
    payload: Vec<u8>,
    /// Says its length in more bytes than it has to.
    long_winded: bool,
}

impl Sent {
    fn bytes(&self) -> Vec<u8> {
        let masked = if self.mask.is_some() { 0x80 } else { 0 };
        let mut bytes = vec![self.first];
        match self.payload.len() {
            short if short <= 125 && !self.long_winded => bytes.push(masked | short as u8),
            medium if !self.long_winded => {
                bytes.push(masked | 126);
                bytes.extend((medium as u16).to_be_bytes());
            }
            long => {
                bytes.push(masked | 127);
                bytes.extend((long as u64).to_be_bytes());
            }
        }
        bytes.extend(self.mask.iter().flatten());
        bytes.extend(unmask(&self.payload, self.mask.unwrap_or_default()));
        bytes
    }
}

fn text(payload: &str, last: bool, first: bool) -> Sent {
    let first = if last { 0x80 } else { 0 } | if first { TEXT } else { CONTINUATION };
    Sent { first, mask: Some([1, 2, 3, 4]), payload: payload.into(), long_winded: false }
}

/// Mostly as it may: the rest is what an attacker would try.
fn sent() -> impl Strategy<Value = Sent> {
    let first = prop_oneof![
        8 => prop::sample::select(vec![0x81, 0x01, 0x00, 0x80, 0x89, 0x8a, 0x88]),
        1 => any::<u8>().prop_filter("binary is refused by us alone", |first| first & 0x0f != BINARY),
    ];
    let payload = prop_oneof![
        6 => prop::collection::vec(0x20..0x7f_u8, 0..130),
        1 => prop::collection::vec(0x20..0x7f_u8, 2000..4200),
        1 => (0..5000_u16).prop_map(|code| code.to_be_bytes().to_vec()),
    ];
    let mask = prop_oneof![20 => any::<[u8; 4]>().prop_map(Some), 1 => Just(None)];
    (first, mask, payload, prop::bool::weighted(0.03)).prop_map(|(first, mask, mut payload, long_winded)| {
        // They refuse text that can't become UTF-8 as soon as that can be seen, we when it is whole.
        if matches!(first & 0x0f, TEXT | CONTINUATION) {
            payload.retain(u8::is_ascii);
        }
        Sent { first, mask, payload, long_winded }
    })
}

/// What we make of `bytes`, cut into such pieces, up to a close or an error; and that error.
fn ours(bytes: &[u8], size: usize) -> (Vec<Received>, Option<Closing>) {
    let (mut decoder, mut all) = (Decoder::default(), Vec::new());
    for piece in bytes.chunks(size) {
        decoder.feed(piece);
        loop {
            match decoder.next() {
                Ok(Some(received)) => all.push(received),
                Ok(None) => break,
                Err(closing) => return (all, Some(closing)),
            }
            if matches!(all.last(), Some(Received::Close(_))) {
                return (all, None);
            }
        }
    }
    (all, None)
}

/// What tokio-websockets makes of them, and whether it ends in an error.
async fn theirs(bytes: &[u8]) -> (Vec<Received>, bool) {
    let (mut page, server) = tokio::io::duplex(1 << 20);
    page.write_all(bytes).await.unwrap();
    page.shutdown().await.unwrap();
    let limits = Limits::default().max_payload_len(Some(LONGEST));
    let mut socket = ServerBuilder::new().limits(limits).serve(server);
    let mut all = Vec::new();
    while let Some(message) = socket.next().await {
        let Ok(message) = message else { return (all, true) };
        all.push(if let Some(text) = message.as_text() {
            Received::Text(text.to_owned())
        } else if message.is_ping() {
            Received::Ping(message.as_payload().to_vec())
        } else if message.is_pong() {
            Received::Pong
        } else {
            let code = message.as_close().map(|(code, _)| u16::from(code));
            Received::Close(code.filter(|code| *code != 1005))
        });
    }
    (all, false)
}

proptest! {
    #[test]
    fn a_message_comes_whole_however_it_is_cut(
        pieces in prop::collection::vec("\\PC{0,40}", 1..6), size in 1..200_usize,
    ) {
        let last = pieces.len() - 1;
        let frames = pieces.iter().enumerate().map(|(at, piece)| text(piece, at == last, at == 0).bytes());
        let (all, error) = ours(&frames.collect::<Vec<_>>().concat(), size);
        prop_assert_eq!((all, error), (vec![Received::Text(pieces.concat())], None));
    }

    #[test]
    fn we_understand_what_tokio_websockets_does(frames in prop::collection::vec(sent(), 0..8), size in 1..5000_usize) {
        let bytes = frames.iter().flat_map(Sent::bytes).collect::<Vec<_>>();
        let (all, error) = ours(&bytes, size);
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let (they_all, they_fail) = runtime.block_on(theirs(&bytes));
        prop_assert_eq!((all, error.is_some()), (they_all, they_fail), "{:?}", error);
    }

    #[test]
    fn no_bytes_panic_and_what_is_kept_is_bounded(bytes in prop::collection::vec(any::<u8>(), 0..20_000), size in 1..5000_usize) {
        let mut decoder = Decoder::default();
        for piece in bytes.chunks(size) {
            decoder.feed(piece);
            while let Ok(Some(_)) = decoder.next() {}
            if decoder.next().is_err() {
                break;
            }
            prop_assert!(decoder.kept.len() < LONGEST + 14);
            prop_assert!(decoder.message.as_ref().is_none_or(|message| message.len() <= LONGEST));
        }
    }
}

#[test]
fn an_idle_connection_keeps_nothing() {
    let mut decoder = Decoder::default();
    let bytes = text("hej", true, true).bytes();
    decoder.feed(&bytes[..4]);
    assert_eq!((decoder.next(), decoder.is_empty()), (Ok(None), false));
    decoder.feed(&bytes[4..]);
    assert_eq!(decoder.next(), Ok(Some(Received::Text("hej".to_owned()))));
    assert!(decoder.is_empty());
}

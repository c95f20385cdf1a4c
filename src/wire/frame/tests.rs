//! The codec compared with the frames sent, and with another implementation: tokio-websockets.

use super::*;
use futures_util::StreamExt;
use proptest::prelude::*;
use tokio::io::AsyncWriteExt;
use tokio_websockets::{Limits, ServerBuilder};

/// A frame as a client may send it, or as it may not.
#[derive(Clone, Debug)]
struct Sent {
    first: u8,
    mask: Option<[u8; 4]>,
    payload: Vec<u8>,
    /// Encodes its length in more bytes than necessary.
    overlong: bool,
}

impl Sent {
    fn bytes(&self) -> Vec<u8> {
        let masked = if self.mask.is_some() { 0x80 } else { 0 };
        let mut bytes = vec![self.first];
        match self.payload.len() {
            short if short <= 125 && !self.overlong => bytes.push(masked | short as u8),
            medium if !self.overlong => {
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
    Sent { first, mask: Some([1, 2, 3, 4]), payload: payload.into(), overlong: false }
}

/// Mostly valid; the rest is what an attacker would try.
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
    (first, mask, payload, prop::bool::weighted(0.03)).prop_map(|(first, mask, mut payload, overlong)| {
        // tokio-websockets refuses invalid UTF-8 as soon as it can be seen, this codec when the message is complete.
        if matches!(first & 0x0f, TEXT | CONTINUATION) {
            payload.retain(u8::is_ascii);
        }
        Sent { first, mask, payload, overlong }
    })
}

/// The result of this codec for `bytes`, cut into pieces of `size`, up to a close or an error; and that error.
fn ours(bytes: &[u8], size: usize) -> (Vec<Incoming>, Option<CloseCode>) {
    let (mut decoder, mut all) = (Decoder::default(), Vec::new());
    for piece in bytes.chunks(size) {
        decoder.feed(piece);
        loop {
            match decoder.next_message() {
                Ok(Some(received)) => all.push(received),
                Ok(None) => break,
                Err(closing) => return (all, Some(closing)),
            }
            if matches!(all.last(), Some(Incoming::Close(_))) {
                return (all, None);
            }
        }
    }
    (all, None)
}

/// The result of tokio-websockets for them, and whether it ends in an error.
async fn theirs(bytes: &[u8]) -> (Vec<Incoming>, bool) {
    let (mut page, server) = tokio::io::duplex(1 << 20);
    page.write_all(bytes).await.unwrap();
    page.shutdown().await.unwrap();
    let limits = Limits::default().max_payload_len(Some(MAX_MESSAGE));
    let mut socket = ServerBuilder::new().limits(limits).serve(server);
    let mut all = Vec::new();
    while let Some(message) = socket.next().await {
        let Ok(message) = message else { return (all, true) };
        all.push(if let Some(text) = message.as_text() {
            Incoming::Text(text.to_owned())
        } else if message.is_ping() {
            Incoming::Ping(message.as_payload().to_vec())
        } else if message.is_pong() {
            Incoming::Pong
        } else {
            let code = message.as_close().map(|(code, _)| u16::from(code));
            Incoming::Close(code.filter(|code| *code != 1005))
        });
    }
    (all, false)
}

proptest! {
    #[test]
    fn a_message_is_the_same_however_it_is_cut(
        pieces in prop::collection::vec("\\PC{0,40}", 1..6), size in 1..200_usize,
    ) {
        let last = pieces.len() - 1;
        let frames = pieces.iter().enumerate().map(|(at, piece)| text(piece, at == last, at == 0).bytes());
        let (all, error) = ours(&frames.collect::<Vec<_>>().concat(), size);
        prop_assert_eq!((all, error), (vec![Incoming::Text(pieces.concat())], None));
    }

    #[test]
    fn the_codec_agrees_with_tokio_websockets(frames in prop::collection::vec(sent(), 0..8), size in 1..5000_usize) {
        let bytes = frames.iter().flat_map(Sent::bytes).collect::<Vec<_>>();
        let (all, error) = ours(&bytes, size);
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let (they_all, they_fail) = runtime.block_on(theirs(&bytes));
        prop_assert_eq!((all, error.is_some()), (they_all, they_fail), "{:?}", error);
    }

    #[test]
    fn no_bytes_panic_and_memory_is_bounded(bytes in prop::collection::vec(any::<u8>(), 0..20_000), size in 1..5000_usize) {
        let mut decoder = Decoder::default();
        for piece in bytes.chunks(size) {
            decoder.feed(piece);
            while let Ok(Some(_)) = decoder.next_message() {}
            if decoder.next_message().is_err() {
                break;
            }
            prop_assert!(decoder.kept.len() < MAX_MESSAGE + 14);
            prop_assert!(decoder.message.as_ref().is_none_or(|message| message.len() <= MAX_MESSAGE));
        }
    }
}

#[test]
fn an_idle_connection_keeps_nothing() {
    let mut decoder = Decoder::default();
    let bytes = text("hej", true, true).bytes();
    decoder.feed(&bytes[..4]);
    assert_eq!((decoder.next_message(), decoder.is_empty()), (Ok(None), false));
    decoder.feed(&bytes[4..]);
    assert_eq!(decoder.next_message(), Ok(Some(Incoming::Text("hej".to_owned()))));
    assert!(decoder.is_empty());
}

//! Frames as a client reads and writes them, for `onlookers doctor`.

use super::{CLOSE, CloseCode, MAX_CONTROL, PING, PONG, TEXT, length};

/// The longest payload that a client reads, in bytes.
const MAX_PAYLOAD: u64 = 1 << 20;

/// What a server has sent, in one frame.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum FromServer {
    /// A message.
    Text(String),
    /// To be answered by a pong of the same payload.
    Ping(Vec<u8>),
    /// The server closes the connection, with its code if it gave one.
    Close(Option<u16>),
    /// Something else.
    Other,
}

/// Takes the first frame off `bytes`, if it is complete. Fragments are taken for messages: this server sends none.
///
/// # Errors
/// [`CloseCode`], if the bytes break the protocol, or the frame is too long.
pub fn take_from_server(bytes: &mut Vec<u8>) -> Result<Option<FromServer>, CloseCode> {
    let [first, second, rest @ ..] = &bytes[..] else { return Ok(None) };
    // No extension was negotiated, so no reserved bit has a meaning; a server masks nothing.
    if first & 0x70 != 0 || second & 0x80 != 0 {
        return Err(CloseCode::Protocol);
    }
    let (opcode, Some((length, extended))) = (first & 0x0f, length(*second, rest)?) else { return Ok(None) };
    if length > MAX_PAYLOAD || opcode & 0x08 != 0 && length > MAX_CONTROL as u64 {
        return Err(CloseCode::TooBig);
    }
    let Some(payload) = rest.get(extended..extended + length as usize) else { return Ok(None) };
    let frame = match opcode {
        TEXT => FromServer::Text(String::from_utf8(payload.to_vec()).map_err(|_| CloseCode::NotUtf8)?),
        PING => FromServer::Ping(payload.to_vec()),
        CLOSE => FromServer::Close(payload.first_chunk().map(|code| u16::from_be_bytes(*code))),
        _ => FromServer::Other,
    };
    bytes.drain(..2 + extended + length as usize);
    Ok(Some(frame))
}

/// A message of at most 125 bytes, masked.
pub fn masked_text(text: &str, mask: [u8; 4]) -> Vec<u8> {
    masked(TEXT, text.as_bytes(), mask)
}

/// The answer to a ping, masked.
pub fn masked_pong(payload: &[u8], mask: [u8; 4]) -> Vec<u8> {
    masked(PONG, payload, mask)
}

fn masked(opcode: u8, payload: &[u8], mask: [u8; 4]) -> Vec<u8> {
    let payload = &payload[..payload.len().min(MAX_CONTROL)];
    let mut frame = vec![0x80 | opcode, 0x80 | payload.len() as u8];
    frame.extend(mask);
    frame.extend(super::unmask(payload, mask));
    frame
}

#[cfg(test)]
mod tests {
    use super::super::{Decoder, Incoming, close, ping, text};
    use super::*;

    #[test]
    fn a_client_reads_what_the_server_writes_in_any_pieces() {
        let long = "x".repeat(70_000);
        let stream = [text("one"), ping(), text(&long), close(1001)].concat();
        for size in [1, 3, 1000, stream.len()] {
            let (mut kept, mut found) = (Vec::new(), Vec::new());
            for piece in stream.chunks(size) {
                kept.extend_from_slice(piece);
                while let Some(frame) = take_from_server(&mut kept).unwrap() {
                    found.push(frame);
                }
            }
            let texts = [FromServer::Text("one".to_owned()), FromServer::Text(long.clone())];
            let [one, two] = texts;
            assert_eq!(found, [one, FromServer::Ping(vec![]), two, FromServer::Close(Some(1001))]);
        }
        for bad in
            [&[0xc1_u8, 0][..], &[0x81, 0x80], &[0x89, 126, 0, 200], &[0x81, 127, 0, 0, 0, 1, 0, 0, 0, 0]]
        {
            assert!(take_from_server(&mut bad.to_vec()).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn the_server_reads_what_a_client_writes() {
        let mut decoder = Decoder::default();
        decoder.feed(&masked_text("{}", [1, 2, 3, 4]));
        assert_eq!(decoder.next_message(), Ok(Some(Incoming::Text("{}".to_owned()))));
        decoder.feed(&masked_pong(b"x", [9, 8, 7, 6]));
        assert_eq!(decoder.next_message(), Ok(Some(Incoming::Pong)));
    }
}

//! Frames of the WebSocket protocol (RFC 6455), as a server reads and writes them.
//!
//! This codec is our own because of what an idle connection keeps: the libraries' streams own a read buffer each
//! (docs/decisions has the figures). Here nothing is kept between messages, and one frame is written to all. The tests
//! compare it with tokio-websockets, Python's websockets and npm's ws.

pub mod client;

/// The longest message, in bytes; all of its fragments together.
pub const MAX_MESSAGE: usize = 4 * 1024;

/// The longest payload of a control frame, in bytes (section 5.5).
const MAX_CONTROL: usize = 125;

/// Something that a client has sent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Incoming {
    /// A complete message.
    Text(String),
    /// To be answered with a pong of the same payload.
    Ping(Vec<u8>),
    /// The answer to a ping.
    Pong,
    /// The client closes the connection, with its code if it gave one.
    Close(Option<u16>),
}

/// Why a connection is closed (section 7.4.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CloseCode {
    /// The client has closed it.
    Normal = 1000,
    /// The server stops.
    GoingAway = 1001,
    /// The protocol was broken.
    Protocol = 1002,
    /// A binary message.
    NotText = 1003,
    /// Text that isn't UTF-8.
    NotUtf8 = 1007,
    /// More messages than a page may send.
    Policy = 1008,
    /// A message that is too long.
    TooBig = 1009,
}

/// Turns bytes, in whatever pieces they come, into messages.
#[derive(Default, Debug)]
pub struct Decoder {
    /// Bytes of a frame that isn't complete yet.
    kept: Vec<u8>,
    /// The fragments so far of a message that isn't complete yet.
    message: Option<Vec<u8>>,
}

const CONTINUATION: u8 = 0;
const TEXT: u8 = 1;
const BINARY: u8 = 2;
const CLOSE: u8 = 8;
const PING: u8 = 9;
const PONG: u8 = 10;

struct Head {
    last: bool,
    opcode: u8,
    /// Where the payload begins and ends in the frame.
    start: usize,
    end: usize,
    mask: [u8; 4],
}

impl Decoder {
    /// A decoder in the middle of a message: the bytes of a frame that isn't complete, and the fragments of the message so far.
    pub fn begun(kept: Vec<u8>, message: Option<Vec<u8>>) -> Self {
        Self { kept, message }
    }

    /// The same two.
    pub fn parts(&self) -> (&[u8], Option<&[u8]>) {
        (&self.kept, self.message.as_deref())
    }

    /// Adds bytes as they were read.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.kept.extend_from_slice(bytes);
    }

    /// Whether nothing is kept: every frame and message was complete.
    pub fn is_empty(&self) -> bool {
        self.kept.is_empty() && self.message.is_none()
    }

    /// The next message, if it is complete.
    ///
    /// # Errors
    /// [`CloseCode`], if the bytes break the protocol or a bound of ours. Nothing can be read after that.
    pub fn next_message(&mut self) -> Result<Option<Incoming>, CloseCode> {
        loop {
            let Some(head) = head(&self.kept)?.filter(|head| head.end <= self.kept.len()) else {
                return Ok(None);
            };
            let payload = unmask(&self.kept[head.start..head.end], head.mask);
            self.kept.drain(..head.end);
            if let Some(incoming) = self.incoming(&head, payload)? {
                return Ok(Some(incoming));
            }
        }
    }

    fn incoming(&mut self, head: &Head, payload: Vec<u8>) -> Result<Option<Incoming>, CloseCode> {
        match head.opcode {
            PING => Ok(Some(Incoming::Ping(payload))),
            PONG => Ok(Some(Incoming::Pong)),
            CLOSE => close_code(&payload).map(|code| Some(Incoming::Close(code))),
            BINARY => Err(CloseCode::NotText),
            _ => self.fragment(head, payload),
        }
    }

    fn fragment(&mut self, head: &Head, payload: Vec<u8>) -> Result<Option<Incoming>, CloseCode> {
        let mut message = match (head.opcode, self.message.take()) {
            (TEXT, None) => payload,
            (CONTINUATION, Some(begun)) => [begun, payload].concat(),
            _ => return Err(CloseCode::Protocol),
        };
        if message.len() > MAX_MESSAGE {
            return Err(CloseCode::TooBig);
        }
        if !head.last {
            message.shrink_to_fit();
            self.message = Some(message);
            return Ok(None);
        }
        String::from_utf8(message).map(|text| Some(Incoming::Text(text))).map_err(|_| CloseCode::NotUtf8)
    }
}

/// The head of the frame that `bytes` begin with, once it is complete (section 5.2).
fn head(bytes: &[u8]) -> Result<Option<Head>, CloseCode> {
    let [first, second, rest @ ..] = bytes else { return Ok(None) };
    let (last, opcode) = (first & 0x80 != 0, first & 0x0f);
    let control = opcode & 0x08 != 0;
    let known = matches!(opcode, CONTINUATION | TEXT | BINARY | CLOSE | PING | PONG);
    // No extension was negotiated, so no reserved bit has a meaning; a client has to mask what it sends.
    if !known || first & 0x70 != 0 || second & 0x80 == 0 || (control && !last) {
        return Err(CloseCode::Protocol);
    }
    let Some((length, extended)) = length(second & 0x7f, rest)? else { return Ok(None) };
    if control && length > MAX_CONTROL as u64 {
        return Err(CloseCode::Protocol);
    }
    if length > MAX_MESSAGE as u64 {
        return Err(CloseCode::TooBig);
    }
    let Some(&mask) = rest[extended..].first_chunk() else { return Ok(None) };
    let start = 2 + extended + mask.len();
    Ok(Some(Head { last, opcode, start, end: start + length as usize, mask }))
}

/// The payload's length, and how many bytes after the first two encode it. The shortest encoding is required.
fn length(short: u8, rest: &[u8]) -> Result<Option<(u64, usize)>, CloseCode> {
    let (length, bytes, least) = match short {
        126 => (rest.first_chunk().map(|bytes| u64::from(u16::from_be_bytes(*bytes))), 2, 126),
        127 => (rest.first_chunk().map(|bytes| u64::from_be_bytes(*bytes)), 8, 1 << 16),
        short => (Some(u64::from(short)), 0, 0),
    };
    match length {
        Some(length) if length < least => Err(CloseCode::Protocol),
        length => Ok(length.map(|length| (length, bytes))),
    }
}

fn unmask(payload: &[u8], mask: [u8; 4]) -> Vec<u8> {
    payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask).collect()
}

/// The code that a close frame gives (sections 5.5.1 and 7.4): none, or one that may be sent, and a reason in UTF-8.
fn close_code(payload: &[u8]) -> Result<Option<u16>, CloseCode> {
    let Some((code, reason)) = payload.split_first_chunk() else {
        return if payload.is_empty() { Ok(None) } else { Err(CloseCode::Protocol) };
    };
    let code = u16::from_be_bytes(*code);
    match code {
        1000..=1003 | 1007..=1014 | 3000..=4999 => {
            std::str::from_utf8(reason).map(|_| Some(code)).map_err(|_| CloseCode::NotUtf8)
        }
        _ => Err(CloseCode::Protocol),
    }
}

/// Appends a message in one frame. A server doesn't mask, so the same bytes serve every receiver.
pub fn put_text(frames: &mut Vec<u8>, text: &str) {
    put(frames, TEXT, text.as_bytes());
}

/// A message in one frame.
pub fn text(text: &str) -> Vec<u8> {
    let mut frame = Vec::with_capacity(text.len() + 4);
    put_text(&mut frame, text);
    frame
}

/// A ping without a payload.
pub fn ping() -> Vec<u8> {
    control(PING, &[])
}

/// The answer to a ping.
pub fn pong(payload: &[u8]) -> Vec<u8> {
    control(PONG, payload)
}

/// A close frame.
pub fn close(code: u16) -> Vec<u8> {
    control(CLOSE, &code.to_be_bytes())
}

fn control(opcode: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = Vec::with_capacity(payload.len() + 2);
    put(&mut frame, opcode, payload);
    frame
}

fn put(frames: &mut Vec<u8>, opcode: u8, payload: &[u8]) {
    frames.push(0x80 | opcode);
    match payload.len() {
        short @ 0..=125 => frames.push(short as u8),
        medium @ 126..=0xffff => {
            frames.push(126);
            frames.extend((medium as u16).to_be_bytes());
        }
        long => {
            frames.push(127);
            frames.extend((long as u64).to_be_bytes());
        }
    }
    frames.extend(payload);
}

#[cfg(test)]
mod tests;

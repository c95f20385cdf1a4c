//! Frames of the WebSocket protocol (RFC 6455), as a server reads and writes them.
//!
//! By hand, since what an idle connection keeps is what ten thousand of them cost: the libraries' streams own a read
//! buffer each (tokio-websockets 0.13 by way of tokio-util 8 KiB, tungstenite 128 KiB unless told less). Here nothing is
//! kept between messages, and one frame is written to all. The tests hold this against tokio-websockets, Python's
//! websockets and npm's ws.

/// The longest message, in bytes; all of its fragments together.
pub(crate) const LONGEST: usize = 4 * 1024;

/// The longest payload of a control frame, in bytes (section 5.5).
const LONGEST_CONTROL: usize = 125;

/// What a page has sent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Received {
    /// A whole message.
    Text(String),
    /// To be answered with a pong of the same payload.
    Ping(Vec<u8>),
    Pong,
    /// The page's own end of the connection, with its code if it gave one.
    Close(Option<u16>),
}

/// Why a connection is closed, as the protocol numbers it (section 7.4.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Closing {
    Normal = 1000,
    GoingAway = 1001,
    Protocol = 1002,
    NotText = 1003,
    NotUtf8 = 1007,
    Policy = 1008,
    TooBig = 1009,
}

/// Makes messages of bytes, in whatever pieces they come.
#[derive(Default, Debug)]
pub(crate) struct Decoder {
    /// What has come and isn't a whole frame yet.
    kept: Vec<u8>,
    /// The fragments so far of a message that isn't whole yet.
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
    pub(crate) fn feed(&mut self, bytes: &[u8]) {
        self.kept.extend_from_slice(bytes);
    }

    /// Whether nothing is kept: all that has come was whole.
    pub(crate) fn is_empty(&self) -> bool {
        self.kept.is_empty() && self.message.is_none()
    }

    /// The next message, if it has come whole.
    ///
    /// # Errors
    /// [`Closing`], if what has come breaks the protocol or a bound of ours. Nothing can be read behind that.
    pub(crate) fn next(&mut self) -> Result<Option<Received>, Closing> {
        loop {
            let Some(head) = head(&self.kept)?.filter(|head| head.end <= self.kept.len()) else {
                return Ok(None);
            };
            let payload = unmask(&self.kept[head.start..head.end], head.mask);
            self.kept.drain(..head.end);
            if let Some(received) = self.received(&head, payload)? {
                return Ok(Some(received));
            }
        }
    }

    fn received(&mut self, head: &Head, payload: Vec<u8>) -> Result<Option<Received>, Closing> {
        match head.opcode {
            PING => Ok(Some(Received::Ping(payload))),
            PONG => Ok(Some(Received::Pong)),
            CLOSE => close_code(&payload).map(|code| Some(Received::Close(code))),
            BINARY => Err(Closing::NotText),
            _ => self.fragment(head, payload),
        }
    }

    fn fragment(&mut self, head: &Head, payload: Vec<u8>) -> Result<Option<Received>, Closing> {
        let mut message = match (head.opcode, self.message.take()) {
            (TEXT, None) => payload,
            (CONTINUATION, Some(begun)) => [begun, payload].concat(),
            _ => return Err(Closing::Protocol),
        };
        if message.len() > LONGEST {
            return Err(Closing::TooBig);
        }
        if !head.last {
            message.shrink_to_fit();
            self.message = Some(message);
            return Ok(None);
        }
        String::from_utf8(message).map(|text| Some(Received::Text(text))).map_err(|_| Closing::NotUtf8)
    }
}

/// The head of the frame that `bytes` begin with, once it has come whole (section 5.2).
fn head(bytes: &[u8]) -> Result<Option<Head>, Closing> {
    let [first, second, rest @ ..] = bytes else { return Ok(None) };
    let (last, opcode) = (first & 0x80 != 0, first & 0x0f);
    let control = opcode & 0x08 != 0;
    let known = matches!(opcode, CONTINUATION | TEXT | BINARY | CLOSE | PING | PONG);
    // No extension was agreed on, so no reserved bit has a meaning; what a page sends has to be masked.
    if !known || first & 0x70 != 0 || second & 0x80 == 0 || (control && !last) {
        return Err(Closing::Protocol);
    }
    let Some((length, extended)) = length(second & 0x7f, rest)? else { return Ok(None) };
    if control && length > LONGEST_CONTROL as u64 {
        return Err(Closing::Protocol);
    }
    if length > LONGEST as u64 {
        return Err(Closing::TooBig);
    }
    let Some(&mask) = rest[extended..].first_chunk() else { return Ok(None) };
    let start = 2 + extended + mask.len();
    Ok(Some(Head { last, opcode, start, end: start + length as usize, mask }))
}

/// The payload's length, and how many bytes behind the first two it took to say so. It has to be as few as will do.
fn length(short: u8, rest: &[u8]) -> Result<Option<(u64, usize)>, Closing> {
    let (length, bytes, least) = match short {
        126 => (rest.first_chunk().map(|bytes| u64::from(u16::from_be_bytes(*bytes))), 2, 126),
        127 => (rest.first_chunk().map(|bytes| u64::from_be_bytes(*bytes)), 8, 1 << 16),
        short => (Some(u64::from(short)), 0, 0),
    };
    match length {
        Some(length) if length < least => Err(Closing::Protocol),
        length => Ok(length.map(|length| (length, bytes))),
    }
}

fn unmask(payload: &[u8], mask: [u8; 4]) -> Vec<u8> {
    payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask).collect()
}

/// The code that a close frame gives (sections 5.5.1 and 7.4): none, or one that may be sent, and a reason in UTF-8.
fn close_code(payload: &[u8]) -> Result<Option<u16>, Closing> {
    let Some((code, reason)) = payload.split_first_chunk() else {
        return if payload.is_empty() { Ok(None) } else { Err(Closing::Protocol) };
    };
    let code = u16::from_be_bytes(*code);
    match code {
        1000..=1003 | 1007..=1014 | 3000..=4999 => {
            std::str::from_utf8(reason).map(|_| Some(code)).map_err(|_| Closing::NotUtf8)
        }
        _ => Err(Closing::Protocol),
    }
}

/// Appends a message in one frame. What a server sends is not masked; so the same bytes serve all who are to get them.
pub(crate) fn put_text(frames: &mut Vec<u8>, text: &str) {
    put(frames, TEXT, text.as_bytes());
}

/// A message in one frame.
pub(crate) fn text(text: &str) -> Vec<u8> {
    let mut frame = Vec::with_capacity(text.len() + 4);
    put_text(&mut frame, text);
    frame
}

pub(crate) fn ping() -> Vec<u8> {
    control(PING, &[])
}

pub(crate) fn pong(payload: &[u8]) -> Vec<u8> {
    control(PONG, payload)
}

pub(crate) fn close(code: u16) -> Vec<u8> {
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

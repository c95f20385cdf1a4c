//! The header in which a proxy names its client, read as bytes: its text may be a stranger's.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use hyper::HeaderMap;
use hyper::header::{HeaderName, HeaderValue};

const X_FORWARDED_FOR: &str = "x-forwarded-for";

/// The header in which trusted proxies name the visitor's address.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ClientHeader {
    name: HeaderName,
    form: Form,
}

/// How a header names addresses.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Form {
    /// A list, to which each proxy appends its client: X-Forwarded-For.
    List,
    /// Such a list of elements with parameters (RFC 7239).
    Forwarded,
    /// One address, which the proxy sets: CF-Connecting-IP, X-Real-IP, and all others.
    Single,
}

/// Text that is no header's name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ClientHeaderError;

/// The address of one hop; none for an entry that isn't an address.
type Hop = Option<IpAddr>;

impl ClientHeader {
    /// The hops that the header names, nearest first.
    pub(super) fn hops<'h>(&self, headers: &'h HeaderMap) -> Box<dyn Iterator<Item = Hop> + 'h> {
        let lines = headers.get_all(&self.name).into_iter().rev().map(HeaderValue::as_bytes);
        match self.form {
            Form::List => Box::new(lines.flat_map(|line| line.rsplit(|byte| *byte == b',')).map(address)),
            Form::Forwarded => Box::new(lines.flat_map(|line| forwarded(line).into_iter().rev())),
            Form::Single => Box::new(lines.take(1).map(address)),
        }
    }
}

/// The hops of a line of Forwarded; one that can't be read for a line that breaks the grammar, since there is no telling
/// then which part of it is a proxy's.
fn forwarded(line: &[u8]) -> Vec<Hop> {
    let elements = split(line, b',').unwrap_or_default();
    let hops = elements.into_iter().map(|element| unquoted(parameter(element, b"for")?).and_then(address));
    let hops: Vec<_> = hops.collect();
    if hops.is_empty() { vec![None] } else { hops }
}

/// The value of a parameter of one element. An element that has it twice has none.
fn parameter<'l>(element: &'l [u8], name: &[u8]) -> Option<&'l [u8]> {
    let mut values = split(element, b';')?.into_iter().filter_map(|pair| {
        let equals = pair.iter().position(|byte| *byte == b'=')?;
        let is_it = pair[..equals].trim_ascii().eq_ignore_ascii_case(name);
        is_it.then(|| pair[equals + 1..].trim_ascii())
    });
    values.next().filter(|_| values.next().is_none())
}

/// The parts of `text` between separators outside of quoted strings. None if quotation marks stand elsewhere than around
/// a whole value.
fn split(text: &[u8], separator: u8) -> Option<Vec<&[u8]>> {
    let (mut parts, mut start, mut at) = (Vec::new(), 0, 0);
    while let Some(byte) = text.get(at) {
        match byte {
            b'"' => at = quoted_end(text, at)?,
            _ if *byte == separator => {
                parts.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
        at += 1;
    }
    parts.push(&text[start..]);
    Some(parts)
}

/// Where the quoted string ends that begins at `start` (RFC 9110, section 5.6.4): after an equals sign, and before the end of
/// its value.
fn quoted_end(text: &[u8], start: usize) -> Option<usize> {
    let mut at = start + 1;
    while *text.get(at)? != b'"' {
        at += if text[at] == b'\\' { 2 } else { 1 };
    }
    let follows = text[at + 1..].trim_ascii_start().first();
    let is_whole = text[..start].ends_with(b"=") && matches!(follows, None | Some(b',' | b';'));
    is_whole.then_some(at)
}

/// The content of a quoted string, or the token itself. An address has nothing to escape.
fn unquoted(value: &[u8]) -> Option<&[u8]> {
    value.strip_prefix(b"\"").map_or(Some(value), |rest| rest.strip_suffix(b"\""))
}

/// An address, with or without a port: `192.0.2.1`, `192.0.2.1:80`, `[2001:db8::1]`, `[2001:db8::1]:80`.
fn address(bytes: &[u8]) -> Hop {
    let text = std::str::from_utf8(bytes.trim_ascii()).ok()?;
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    let with_port = || text.parse::<SocketAddr>().ok().map(|socket| socket.ip());
    bare.parse::<IpAddr>().ok().or_else(with_port).map(|address| address.to_canonical())
}

/// Proxies append to X-Forwarded-For by default.
impl Default for ClientHeader {
    fn default() -> Self {
        Self { name: HeaderName::from_static(X_FORWARDED_FOR), form: Form::List }
    }
}

impl FromStr for ClientHeader {
    type Err = ClientHeaderError;

    fn from_str(text: &str) -> Result<Self, ClientHeaderError> {
        let name: HeaderName = text.parse().map_err(|_| ClientHeaderError)?;
        let form = match name.as_str() {
            X_FORWARDED_FOR => Form::List,
            "forwarded" => Form::Forwarded,
            _ => Form::Single,
        };
        Ok(Self { name, form })
    }
}

impl fmt::Display for ClientHeaderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "not the name of a header; write x-forwarded-for, forwarded, cf-connecting-ip or x-real-ip",
        )
    }
}

impl std::error::Error for ClientHeaderError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_that_names_no_header_is_refused() {
        for text in ["", "x forwarded", "x-forwarded-for:", "ü"] {
            assert_eq!(text.parse::<ClientHeader>(), Err(ClientHeaderError), "{text}");
        }
        assert_eq!("X-Forwarded-For".parse(), Ok(ClientHeader::default()));
    }
}

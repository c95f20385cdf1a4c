//! A request as it arrived, told to `onlookers doctor`: an answer has this in a header if the request has the same header.
//!
//! It holds what the client itself has sent, and nothing of the network behind a proxy: an address in a private network, or
//! that of a proxy, isn't named.

use std::net::IpAddr;

use form_urlencoded::Serializer;

/// The header of the request, and that of the answer.
pub const HEADER: &str = "onlookers-doctor";

/// The longest value that is repeated, in bytes. Longer ones are cut.
const MAX_VALUE: usize = 300;

/// A request as it arrived.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Received {
    /// `Host`, or what a trusted proxy says in its place.
    pub host: String,
    /// Whether it came by https, to the first of the proxies if there are any.
    pub is_https: bool,
    /// Whether it came to the server itself by TLS.
    pub is_tls: bool,
    /// Whether a trusted proxy has sent it on.
    pub is_by_trusted: bool,
    /// Whether a proxy has left a header in it.
    pub is_forwarded: bool,
    /// The visitor's address, if it is a public one.
    pub address: Option<IpAddr>,
    /// `Referer`.
    pub referer: String,
    /// `Origin`.
    pub origin: String,
}

impl Received {
    /// The header's value.
    pub fn to_header(&self) -> String {
        let yes_or_no = |is| if is { "1" } else { "0" };
        let address = self.address.map(|address| address.to_string()).unwrap_or_default();
        Serializer::new(String::new())
            .append_pair("host", cut(&self.host))
            .append_pair("https", yes_or_no(self.is_https))
            .append_pair("tls", yes_or_no(self.is_tls))
            .append_pair("trusted", yes_or_no(self.is_by_trusted))
            .append_pair("forwarded", yes_or_no(self.is_forwarded))
            .append_pair("address", &address)
            .append_pair("referer", cut(&self.referer))
            .append_pair("origin", cut(&self.origin))
            .finish()
    }

    /// Parses the header's value. What is missing is empty.
    pub fn of_header(value: &[u8]) -> Self {
        let mut received = Self::default();
        for (name, value) in form_urlencoded::parse(value) {
            match &*name {
                "host" => received.host = value.into_owned(),
                "https" => received.is_https = value == "1",
                "tls" => received.is_tls = value == "1",
                "trusted" => received.is_by_trusted = value == "1",
                "forwarded" => received.is_forwarded = value == "1",
                "address" => received.address = value.parse().ok(),
                "referer" => received.referer = value.into_owned(),
                "origin" => received.origin = value.into_owned(),
                _ => {}
            }
        }
        received
    }
}

fn cut(value: &str) -> &str {
    &value[..value.floor_char_boundary(MAX_VALUE)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_read_as_it_was_written() {
        let received = Received {
            host: "count.example:8080".to_owned(),
            is_https: true,
            is_tls: true,
            is_by_trusted: true,
            is_forwarded: false,
            address: Some("2001:db8::1".parse().unwrap()),
            referer: "https://example.com/?a=1&b=é\u{fffd}".to_owned(),
            origin: "null\r\nx: y".to_owned(),
        };
        let header = received.to_header();
        assert!(header.bytes().all(|byte| byte.is_ascii_graphic()), "{header}");
        assert_eq!(Received::of_header(header.as_bytes()), received);
        assert_eq!(Received::of_header(b"nonsense&=%zz\xff"), Received::default());
    }

    #[test]
    fn a_long_value_is_cut() {
        let received = Received { referer: "é".repeat(1000), ..Received::default() };
        assert_eq!(Received::of_header(received.to_header().as_bytes()).referer, "é".repeat(150));
    }
}

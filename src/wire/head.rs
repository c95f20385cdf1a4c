//! The heads of responses that a stream follows. The fields of each are written down once, and sent as either version of HTTP
//! has them.

/// Names and values, in their order.
pub(super) type Fields = &'static [(&'static str, &'static str)];

/// Status and version, as HTTP/1.1 begins a response.
pub(super) const STATUS: &str = "HTTP/1.1 200 OK\r\n";

/// Whether a field is of HTTP/1.1's connection alone, and malformed with HTTP/2 (RFC 9113, section 8.2.2).
pub(super) fn is_of_connection(name: &str) -> bool {
    name.eq_ignore_ascii_case("connection")
}

/// Two constants: a response's head as HTTP/1.1 has it, with the bytes that follow it, and the fields of the head.
macro_rules! response {
    ($(#[$attribute:meta])* $bytes:ident, $fields:ident = { $($name:literal: $value:literal,)* } $rest:literal) => {
        $(#[$attribute])*
        pub(super) const $bytes: &[u8] =
            concat!("HTTP/1.1 200 OK\r\n", $($name, ": ", $value, "\r\n",)* "\r\n", $rest).as_bytes();

        /// The fields of the response's head.
        pub(super) const $fields: $crate::wire::head::Fields = &[$(($name, $value)),*];
    };
}

pub(super) use response;

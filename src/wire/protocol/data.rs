//! The value that a page sends to the others: checked, and passed on byte for byte.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// How deep the arrays and objects of a value may be nested. Parsers that recurse have a limit; Python's is about 1,000.
const MAX_DEPTH: usize = 128;

/// Any JSON value, as its page has written it: to parse its numbers would lose digits.
#[derive(Serialize, Deserialize, Debug)]
#[serde(try_from = "Box<RawValue>")]
pub struct Data(Box<RawValue>);

impl Data {
    /// As its page has written it, without spaces around it.
    pub fn as_json(&self) -> &str {
        self.0.get()
    }
}

impl TryFrom<Box<RawValue>> for Data {
    type Error = &'static str;

    fn try_from(value: Box<RawValue>) -> Result<Self, Self::Error> {
        if depth(value.get()) > MAX_DEPTH {
            Err("data is nested more than 128 levels deep")
        } else {
            Ok(Self(value))
        }
    }
}

/// How deep a value is nested, which is JSON.
fn depth(json: &str) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0);
    let (mut in_string, mut is_escaped) = (false, false);
    for byte in json.bytes() {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = true,
            b'"' => in_string = !in_string,
            b'[' | b'{' if !in_string => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b']' | b'}' if !in_string => depth -= 1,
            _ => {}
        }
    }
    deepest
}

impl PartialEq for Data {
    fn eq(&self, other: &Self) -> bool {
        self.0.get() == other.0.get()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Data, serde_json::Error> {
        serde_json::from_str(text)
    }

    #[test]
    fn data_is_the_same_bytes_again() {
        for text in [
            "12345678901234567890.5",
            "1e400",
            "-0",
            "1E+2",
            r#"{"b":1,"a":[1.10, null ],"a":"\u00fc\/ü"}"#,
            "{\n\"a\" : 1}",
        ] {
            assert_eq!(serde_json::to_string(&parse(text).unwrap()).unwrap(), text);
        }
    }

    #[test]
    fn text_that_is_no_json_is_no_data() {
        for text in ["", "[", "01", "1.", "nan", "'a'", "\"\u{1}\"", "\"\\x\"", "[1,]", "1 2", "{\"a\":}"] {
            assert!(parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn nesting_is_bounded_outside_of_strings() {
        let nested = |levels| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        assert!(parse(&nested(128)).is_ok());
        assert!(parse(&nested(129)).unwrap_err().to_string().contains("128 levels"));
        assert!(parse(&format!(r#"{{"a":{}}}"#, nested(128))).is_err());
        assert!(parse(&format!(r#"["\"{}", []]"#, "[{".repeat(500))).is_ok());
        assert!(parse(&format!("[{}[]]", "[],".repeat(500))).is_ok());
    }
}

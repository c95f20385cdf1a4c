//! Names of readers.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// The longest name, in characters.
const LONGEST_NAME: usize = 32;

/// Characters that show nothing and turn the direction of what is around them (Unicode, Bidi_Control).
const BIDI_CONTROLS: [char; 12] = [
    '\u{61c}', '\u{200e}', '\u{200f}', '\u{202a}', '\u{202b}', '\u{202c}', '\u{202d}', '\u{202e}',
    '\u{2066}', '\u{2067}', '\u{2068}', '\u{2069}',
];

/// The name of a reader: 1 to 32 characters, none of them a control character. Text, never markup.
#[derive(Serialize, Deserialize, Clone, PartialEq, Eq, Debug)]
#[serde(try_from = "String", into = "String")]
pub struct ReaderName(Arc<str>);

/// A text that is no name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NameError {
    /// Empty, or more than 32 characters.
    Length,
    /// A character that shows nothing.
    Control,
}

impl TryFrom<String> for ReaderName {
    type Error = NameError;

    fn try_from(name: String) -> Result<Self, NameError> {
        if !(1..=LONGEST_NAME).contains(&name.chars().count()) {
            Err(NameError::Length)
        } else if name.chars().any(|c| c.is_control() || BIDI_CONTROLS.contains(&c)) {
            Err(NameError::Control)
        } else {
            Ok(Self(name.into()))
        }
    }
}

impl From<ReaderName> for String {
    fn from(ReaderName(name): ReaderName) -> Self {
        name.as_ref().into()
    }
}

impl fmt::Display for NameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Length => "a name has 1 to 32 characters",
            Self::Control => "a name has no control characters",
        })
    }
}

impl std::error::Error for NameError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_that_is_no_name_is_refused() {
        for (name, why) in [
            (String::new(), NameError::Length),
            ("ü".repeat(33), NameError::Length),
            ("a\nb".to_owned(), NameError::Control),
            ("a\u{202e}b".to_owned(), NameError::Control),
        ] {
            assert_eq!(ReaderName::try_from(name), Err(why));
        }
        assert!(ReaderName::try_from("ü".repeat(32)).is_ok());
        assert!(ReaderName::try_from("<b>Ann</b>".to_owned()).is_ok(), "text, whatever it looks like");
    }
}

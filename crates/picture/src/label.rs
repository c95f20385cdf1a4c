//! The text beside a number.

use std::fmt;
use std::sync::Arc;

use unicode_normalization::UnicodeNormalization;

/// The text beside the number: at most [`Label::MAX_CHARS`] characters, none of them a control character. It may be
/// empty. Cheap to clone.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Label(Arc<str>);

impl Label {
    /// Characters (Unicode scalar values) in the longest label. A picture of 64 wide capitals is some 800 pixels wide.
    pub const MAX_CHARS: usize = 64;

    /// A label of this text.
    ///
    /// # Errors
    /// When the text is too long or holds a control character (a line break, say), which no picture can show.
    pub fn new(text: &str) -> Result<Self, LabelError> {
        if let Some(control) = text.chars().find(|c| c.is_control()) {
            return Err(LabelError::Control(control));
        }
        // Letters and marks of their own, as some keyboards and file systems write them, are one character where there is
        // one: they have its width, and the same URL's style.
        let composed: String = text.nfc().take(Self::MAX_CHARS + 1).collect();
        match composed.chars().nth(Self::MAX_CHARS) {
            Some(_) => Err(LabelError::TooLong),
            None => Ok(Self(composed.into())),
        }
    }

    /// Without spaces before and after.
    pub(crate) fn trimmed(&self) -> Self {
        Self(self.0.trim().into())
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::str::FromStr for Label {
    type Err = LabelError;

    fn from_str(text: &str) -> Result<Self, LabelError> {
        Self::new(text)
    }
}

impl Default for Label {
    fn default() -> Self {
        Self("Users online".into())
    }
}

/// Why a text can't be a label.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LabelError {
    /// More than [`Label::MAX_CHARS`] characters.
    TooLong,
    /// It contains this control character.
    Control(char),
}

impl fmt::Display for LabelError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong => write!(f, "a label has at most {} characters", Label::MAX_CHARS),
            Self::Control(c) => write!(f, "a label can't hold the control character U+{:04X}", u32::from(*c)),
        }
    }
}

impl std::error::Error for LabelError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_is_counted_in_characters_not_bytes() {
        assert!(Label::new(&"é".repeat(64)).is_ok());
        assert_eq!(Label::new(&"é".repeat(65)), Err(LabelError::TooLong));
        assert_eq!(Label::new("").unwrap().as_str(), "");
    }

    #[test]
    fn a_label_holds_no_control_character_and_the_refusal_names_it() {
        for (text, name) in
            [("a\nb", "U+000A"), ("\0", "U+0000"), ("\u{7f}", "U+007F"), ("x\u{85}", "U+0085")]
        {
            let refusal = Label::new(text).unwrap_err().to_string();
            assert!(refusal.contains(name), "{refusal}");
        }
    }
}

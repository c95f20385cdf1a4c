//! Names of readers.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use unicode_normalization::char::is_combining_mark;
use unicode_width::UnicodeWidthChar;

/// The longest name, in characters.
const LONGEST_NAME: usize = 32;

/// How many combining marks may follow one character. More than that grow over the lines around them. Names have fewer:
/// five in Burmese and in pointed Hebrew, three in Arabic, Thai and Devanagari.
const MAX_MARKS: usize = 6;

/// Characters that show nothing, though Unicode has them as visible: a filler of Hangul, the empty Braille pattern, the
/// marks of annotations, and a note without a head. All others are told by their width.
const BLANKS: [char; 6] = ['\u{115f}', '\u{2800}', '\u{fff9}', '\u{fffa}', '\u{fffb}', '\u{1d159}'];

/// Characters that show nothing and turn the direction of what is around them (Unicode, Bidi_Control).
const BIDI_CONTROLS: [char; 12] = [
    '\u{61c}', '\u{200e}', '\u{200f}', '\u{202a}', '\u{202b}', '\u{202c}', '\u{202d}', '\u{202e}',
    '\u{2066}', '\u{2067}', '\u{2068}', '\u{2069}',
];

/// The name of a reader: 1 to 32 characters, at least one of them visible, none a control character, and no piles of
/// combining marks. Text, never markup.
#[derive(Serialize, Deserialize, Clone, PartialEq, Eq, Debug)]
#[serde(try_from = "String", into = "String")]
pub struct ReaderName(Arc<str>);

/// A text that is no name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NameError {
    /// Empty, or more than 32 characters.
    Length,
    /// A control character.
    Control,
    /// No character that shows anything.
    Invisible,
    /// Too many combining marks on one character.
    Marks,
}

impl ReaderName {
    /// The name itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for ReaderName {
    type Error = NameError;

    fn try_from(name: String) -> Result<Self, NameError> {
        if !(1..=LONGEST_NAME).contains(&name.chars().count()) {
            Err(NameError::Length)
        } else if name.chars().any(|c| c.is_control() || BIDI_CONTROLS.contains(&c)) {
            Err(NameError::Control)
        } else if !name.chars().any(is_visible) {
            Err(NameError::Invisible)
        } else if most_marks(&name) > MAX_MARKS {
            Err(NameError::Marks)
        } else {
            Ok(Self(name.into()))
        }
    }
}

/// Whether a character shows something by itself. Those that programs are to ignore in display (Unicode,
/// Default_Ignorable_Code_Point) have no width.
fn is_visible(c: char) -> bool {
    let is_blank = c.is_whitespace() || is_combining_mark(c) || BLANKS.contains(&c);
    !is_blank && c.width().is_some_and(|width| width > 0)
}

/// The most combining marks on one visible character.
fn most_marks(name: &str) -> usize {
    let mut marks = 0;
    let counts = name.chars().map(|c| {
        marks = if is_visible(c) { 0 } else { marks + usize::from(is_combining_mark(c)) };
        marks
    });
    counts.max().unwrap_or_default()
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
            Self::Invisible => "a name has a character that can be seen",
            Self::Marks => "a name has at most 6 combining marks on a character",
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

    #[test]
    fn a_name_that_shows_nothing_is_refused() {
        for nothing in [
            " ",
            "\u{a0}",
            "\u{3000}",
            "\u{ad}",
            "\u{200b}",
            "\u{200d}",
            "\u{2060}",
            "\u{2800}",
            "\u{feff}",
            "\u{115f}",
            "\u{1160}",
            "\u{3164}",
            "\u{ffa0}",
            "\u{180e}",
            "\u{fe0f}",
            "\u{34f}",
            "\u{301}",
            "\u{fff9}",
            "\u{1d159}",
            "\u{e0001}",
            "\u{e0061}",
            "\u{e0100}",
        ] {
            for name in [nothing.to_owned(), nothing.repeat(32), format!(" {nothing}\u{200b}")] {
                let error = ReaderName::try_from(name.clone());
                assert_eq!(error, Err(NameError::Invisible), "{}", name.escape_unicode());
            }
            assert!(ReaderName::try_from(format!("Ann{nothing}")).is_ok());
        }
    }

    #[test]
    fn piles_of_combining_marks_are_refused() {
        for pile in ["\u{301}", "\u{20dd}", "\u{301}\u{200d}", "\u{34f}\u{321}"] {
            let name = |times| format!("Ann{}", pile.repeat(times));
            assert_eq!(ReaderName::try_from(name(7)), Err(NameError::Marks), "{}", pile.escape_unicode());
            assert!(ReaderName::try_from(name(3)).is_ok(), "{}", pile.escape_unicode());
        }
        assert_eq!(ReaderName::try_from(format!("a{}", "\u{301}".repeat(31))), Err(NameError::Marks));
        assert!(ReaderName::try_from("e\u{301}".repeat(16)).is_ok(), "each on a character of its own");
    }

    #[test]
    fn names_of_all_scripts_pass() {
        for name in [
            "Ann",
            "O’Neill-Smith",
            "प्रद्युम्न",
            "ज़ोया",
            "ณัฐพงษ์",
            "กิตติ์ธนา",
            "مُحَمَّدٌ",
            "علی\u{200c}رضا",
            "שָׁ֖לוֹם",
            "Nguye\u{302}\u{303}n Hu\u{31b}\u{323}u",
            "မျှော်လင့်",
            "ශ්\u{200d}රී",
            "བསྟན་འཛིན",
            "ស្រីម៉ៅ",
            "தமிழ்",
            "\u{1112}\u{1161}\u{11ab}\u{1100}\u{1173}\u{11af}",
            "한글",
            "さくら",
            "か\u{3099}",
            "ｶﾞ",
            "王小明",
            "አበበ",
            "ᓄᓇᕗᑦ",
            "👩\u{200d}👩\u{200d}👧\u{200d}👦",
            "❤\u{fe0f}\u{200d}🔥",
            "👍🏽",
            "1\u{fe0f}\u{20e3}",
            "🇳🇴",
            "🏴\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0067}\u{e007f}",
            "_",
            "⠁",
            "ː",
        ] {
            assert_eq!(ReaderName::try_from(name.to_owned()).map(String::from).as_deref(), Ok(name));
        }
    }
}

//! Colours, and the spellings that parameters can have.

mod css;

use std::fmt;

use css::CSS;

/// Red, green and blue, sRGB, opaque. Displayed as six hex digits without a #.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Rgb(pub [u8; 3]);

/// The named colours of badge services, from the npm package badge-maker 6.0.0 (`lib/color.js`).
const BADGE: [(&str, u32); 16] = [
    ("brightgreen", 0x44bb00),
    ("green", 0x67ac09),
    ("yellow", 0xd8b800),
    ("yellowgreen", 0x95991a),
    ("orange", 0xea7233),
    ("red", 0xdd4343),
    ("blue", 0x007ec6),
    ("grey", 0x555555),
    ("lightgrey", 0x939393),
    ("gray", 0x555555),
    ("lightgray", 0x939393),
    ("critical", 0xdd4343),
    ("important", 0xea7233),
    ("success", 0x44bb00),
    ("informational", 0x007ec6),
    ("inactive", 0x939393),
];

impl Rgb {
    pub(crate) const fn hex(rgb: u32) -> Self {
        let [_, red, green, blue] = rgb.to_be_bytes();
        Self([red, green, blue])
    }

    /// Perceived brightness, 0 to 1, rounded to hundredths as badge-maker does (`lib/color.js`).
    pub(crate) fn brightness(self) -> f32 {
        let [red, green, blue] = self.0.map(f32::from);
        ((red * 299.0 + green * 587.0 + blue * 114.0) / 2550.0).round() / 100.0
    }
}

impl fmt::Display for Rgb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [red, green, blue] = self.0;
        write!(f, "{red:02x}{green:02x}{blue:02x}")
    }
}

/// A parsed colour. Ten names stand for other colours in badge services than in CSS, so the look decides which is meant.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct ParsedColor {
    /// In a badge.
    pub(crate) badge: Rgb,
    /// Anywhere else.
    pub(crate) css: Rgb,
}

impl ParsedColor {
    /// Takes a name of badge services or CSS, or 3 or 6 hex digits with or without a #, in any case.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let text = text.trim().to_ascii_lowercase();
        if let Some(rgb) = hex(text.strip_prefix('#').unwrap_or(&text)) {
            return Some(Self { badge: rgb, css: rgb });
        }
        let badge = BADGE.iter().find(|named| named.0 == text).map(|named| Rgb::hex(named.1));
        let css = CSS.binary_search_by_key(&text.as_str(), |named| named.0).ok().map(|i| Rgb::hex(CSS[i].1));
        Some(Self { badge: badge.or(css)?, css: css.or(badge)? })
    }
}

fn hex(digits: &str) -> Option<Rgb> {
    let whole = match digits.len() {
        3 => digits.chars().flat_map(|digit| [digit, digit]).collect(),
        _ => digits.to_owned(),
    };
    // `from_str_radix` takes a sign too.
    let all_hex = whole.len() == 6 && whole.bytes().all(|b| b.is_ascii_hexdigit());
    all_hex.then(|| u32::from_str_radix(&whole, 16).ok().map(Rgb::hex)).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_colour_has_many_spellings() {
        for text in ["008800", "#008800", "080", "#080", " 080 "] {
            let green = Rgb([0, 0x88, 0]);
            assert_eq!(ParsedColor::parse(text), Some(ParsedColor { badge: green, css: green }), "{text}");
        }
        assert_eq!(
            ParsedColor::parse("Cornflower").or(ParsedColor::parse("CornflowerBlue")),
            ParsedColor::parse("6495ed")
        );
    }

    #[test]
    fn badges_have_the_named_colours_of_badge_services() {
        let green = ParsedColor::parse("green").unwrap();
        assert_eq!((green.badge.to_string(), green.css.to_string()), ("67ac09".into(), "008000".into()));
        let critical = ParsedColor::parse("critical").unwrap();
        assert_eq!(critical.badge, critical.css);
    }

    #[test]
    fn other_texts_are_no_colours() {
        for text in [
            "",
            "#",
            "12",
            "12345",
            "+12345",
            "0000000",
            "gréen",
            "éé",
            "日本",
            "rgb(0,0,0)",
            &"f".repeat(9999),
        ] {
            assert_eq!(ParsedColor::parse(text), None, "{text:.20}");
        }
    }

    #[test]
    fn the_names_are_sorted_for_the_binary_search() {
        assert!(CSS.is_sorted_by_key(|named| named.0));
        assert!(CSS.iter().all(|(name, rgb)| ParsedColor::parse(name).unwrap().css == Rgb::hex(*rgb)));
    }
}

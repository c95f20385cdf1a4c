//! The style of a picture.

use std::collections::BTreeSet;

use crate::appearance::fitting_scale;
use crate::badge::{self, Badge, Kind};
use crate::digits::{self, Digits};
use crate::drawing::{Drawing, Part};
use crate::number::Format;
use crate::plain::{self, Plain};
use crate::themes::Fallback;
use crate::{Label, Rgb, Value};

/// The most pixels that a file has because of its scale: the usual picture, 200×30, at scale 4. What is wider, because of
/// a long label, is sharp enough with less, and must not take a client's share of the painting time at once.
const MAX_PIXELS: u32 = 100_000;

/// Several layers take longer: a badge in capitals, 190×28, at scale 2.
const MAX_PIXELS_OF_LAYERS: u32 = 40_000;

/// And a blurred shadow longer still: the usual badge, 117×20, at scale 3.
const MAX_PIXELS_WITH_BLUR: u32 = 22_000;

/// With a gradient over letters and shadow longest: the usual badge, with twice as long a label, at scale 2.
const MAX_PIXELS_OF_PLASTIC: u32 = 15_000;

/// Of the number for which a file's size is reckoned: its scale must not depend on the count.
const TYPICAL_DIGITS: u32 = 4;

/// How a value is painted. Equal styles give equal pictures, so a style can be the key of a cache. Cheap to clone.
/// [`StyleBuilder`](crate::StyleBuilder) makes one from parameters.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Style {
    pub(crate) look: Look,
    pub(crate) label: Label,
    /// Pixels of the file per pixel of the page, in each direction.
    pub(crate) scale: u8,
    pub(crate) format: Format,
    pub(crate) peak: bool,
    pub(crate) fallback: Fallback,
}

/// The family of pictures that a style belongs to, with the parameters that only it has.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Look {
    Plain(Plain),
    Badge(Badge),
    Digits(Digits),
}

impl Style {
    /// Green letters on a transparent background, 200×30 pixels or wider: "Users online: 42".
    pub fn plain(label: Label) -> Self {
        let look = Look::Plain(Plain::default());
        Self { look, label, scale: 1, format: Format::default(), peak: false, fallback: Fallback::default() }
    }

    /// The same at that scale, or at the largest one at which it isn't too large.
    pub(crate) fn with_scale(self, wanted: u8) -> Self {
        if wanted == 1 {
            return self;
        }
        let max = match &self.look {
            Look::Plain(_) => MAX_PIXELS,
            Look::Badge(badge) if badge.kind == Kind::Plastic => MAX_PIXELS_OF_PLASTIC,
            Look::Badge(badge) if badge.kind.has_blur() => MAX_PIXELS_WITH_BLUR,
            Look::Badge(_) | Look::Digits(_) => MAX_PIXELS_OF_LAYERS,
        };
        let scale = fitting_scale(wanted, max, self.size(Value::largest(TYPICAL_DIGITS)));
        Self { scale, ..self }
    }

    /// The drawing of `value`, of which both PNG and SVG are made.
    pub(crate) fn draw(&self, value: Value) -> Drawing<'_> {
        match &self.look {
            Look::Plain(plain) => plain::draw(plain, self, value),
            Look::Badge(badge) => badge::draw(badge, self, value),
            Look::Digits(digits) => digits::draw(digits, value),
        }
    }

    /// Width and height of the picture on the page, in pixels. The file has [`Style::scale`] times as
    /// many in each direction.
    pub fn size(&self, value: Value) -> (u32, u32) {
        let drawing = self.draw(value);
        (drawing.width, drawing.height)
    }

    /// The family of the picture, as the parameter `style` names it.
    pub fn family(&self) -> &'static str {
        match &self.look {
            Look::Plain(_) => "plain",
            Look::Digits(_) => "digits",
            Look::Badge(badge) => match badge.kind {
                Kind::Flat => "flat",
                Kind::FlatSquare => "flat-square",
                Kind::Plastic => "plastic",
                Kind::ForTheBadge => "for-the-badge",
                Kind::Social => "social",
            },
        }
    }

    /// The text beside the number.
    pub fn label(&self) -> &Label {
        &self.label
    }

    /// The number as this style writes it: `1234`, `1.2k`, `42 (peak 97)`; an en dash at the end of a stream.
    pub fn message(&self, value: Value) -> String {
        self.format.message(value, self.peak)
    }

    /// The background colour of the number in a badge, else the colour of the number.
    pub fn color(&self) -> Rgb {
        match &self.look {
            Look::Plain(plain) => plain.ink,
            Look::Badge(badge) => badge.color,
            Look::Digits(digits) => digits.color,
        }
    }

    /// The characters of the label and the message that no font has a glyph for, in ascending order. Each is
    /// painted as the font's box, and is text in SVG.
    pub fn missing_glyphs(&self, value: Value) -> BTreeSet<char> {
        let mut missing = BTreeSet::new();
        for part in &self.draw(value).parts {
            if let Part::Text(text) = part {
                missing.extend(text.line.missing().iter().flat_map(|missing| missing.text.chars()));
            }
        }
        missing
    }

    /// Whether the picture shows a peak: then it needs a [`Value::Peak`].
    pub fn shows_peak(&self) -> bool {
        self.peak
    }

    /// Pixels of the file per pixel of the page, in each direction: 1 to 4.
    pub fn scale(&self) -> u8 {
        self.scale
    }
}

impl Default for Style {
    fn default() -> Self {
        Self::plain(Label::default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_without_a_glyph_are_named_once() {
        let style = Style::plain(Label::new("在线 viewers 在").unwrap());
        assert_eq!(style.missing_glyphs(Value::Count(7)), BTreeSet::from(['在', '线']));
        assert_eq!(Style::default().missing_glyphs(Value::Ended), BTreeSet::new());
    }
}

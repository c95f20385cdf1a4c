//! Text in badges: drawn in a free font, as wide as in the font that badge services measure with.

use super::Badge;
use super::widths::{FIRST, HELVETICA_BOLD, VERDANA, VERDANA_BOLD};
use crate::Style;
use crate::font::Face;
use crate::text::Line;
use crate::themes::AddedFonts;
use crate::typeface::Typeface;

/// A font to draw with, and one to measure with.
#[derive(Clone, Copy)]
pub(super) struct Lettering<'a> {
    face: Face<'a>,
    /// Hundredths of a pixel. An added font is measured with its own widths.
    widths: Option<&'static [u16]>,
    /// Factor of the widths.
    scale: f32,
    /// Pixels after each character.
    gap: f32,
}

/// The fonts that were added to the server.
#[derive(Clone, Copy)]
pub(super) struct Fonts<'a> {
    /// The one that the badge is to have.
    own: Option<&'a Typeface>,
    /// The fonts that have glyphs where this one has none.
    fallback: Option<&'a AddedFonts>,
}

impl<'a> Fonts<'a> {
    pub(super) fn of(badge: &'a Badge, style: &'a Style) -> Self {
        Self { own: badge.font.as_deref(), fallback: style.fallback.added() }
    }
}

impl<'a> Lettering<'a> {
    /// Verdana at 11 pixels.
    pub(super) fn normal(fonts: Fonts<'a>) -> Self {
        Self::new(Face::dejavu(11.0), &VERDANA, fonts)
    }

    /// Verdana at 10 pixels, widely spaced.
    pub(super) fn wide(fonts: Fonts<'a>) -> Self {
        Self { scale: 10.0 / 11.0, gap: GAP, ..Self::new(Face::dejavu(10.0), &VERDANA, fonts) }
    }

    /// Verdana Bold at 10 pixels, widely spaced.
    pub(super) fn wide_bold(fonts: Fonts<'a>) -> Self {
        Self { gap: GAP, ..Self::new(Face::bold(10.0), &VERDANA_BOLD, fonts) }
    }

    /// Helvetica Bold at 11 pixels. The letters of DejaVu Sans are larger: 10 pixels look the same.
    pub(super) fn social(fonts: Fonts<'a>) -> Self {
        Self::new(Face::condensed(10.0), &HELVETICA_BOLD, fonts)
    }

    fn new(face: Face<'a>, widths: &'static [u16], fonts: Fonts<'a>) -> Self {
        let added = |font| Face::with_capitals(font, face.px * 0.729);
        let widths = fonts.own.is_none().then_some(widths);
        Self { face: fonts.own.map_or(face, added).or(fonts.fallback), widths, scale: 1.0, gap: 0.0 }
    }

    fn width(&self, text: &str) -> f32 {
        if !self.face.is_simple(text) {
            return self.face.width(text);
        }
        text.chars().map(|c| self.width_of(c)).sum()
    }

    /// The gaps between the letters. Only those of the font itself are moved apart: in other scripts they may be joined.
    fn gaps(&self, text: &str) -> f32 {
        if self.face.is_simple(text) { self.gap * text.chars().count() as f32 } else { 0.0 }
    }

    fn width_of(&self, c: char) -> f32 {
        let known = || {
            let place = u32::from(c).checked_sub(u32::from(FIRST))?;
            self.widths?.get(place as usize).filter(|&&width| width > 0)
        };
        known().map_or_else(|| self.face.advance(c), |&width| f32::from(width) / 100.0 * self.scale)
    }

    /// An odd number of whole pixels, which is how badge services keep texts on the grid.
    pub(super) fn odd_width(&self, text: &str) -> u32 {
        self.width(text) as u32 | 1
    }

    /// Whole pixels, plus the gaps between the letters.
    pub(super) fn gapped_width(&self, text: &str) -> f32 {
        self.width(text).floor() + self.gaps(text)
    }

    /// `text` from `x` on, with its letters spaced so that it takes `width` pixels.
    pub(super) fn spread(&self, x: f32, text: &str, width: f32) -> Line<'a> {
        if !self.face.is_simple(text) {
            return Line::at(x, self.face).even(text);
        }
        let extra = (width - self.face.width(text)) / text.chars().count().max(1) as f32;
        Line::at(x, self.face).spaced(text, extra)
    }

    /// `text` in the middle of `room` pixels from `x` on.
    pub(super) fn centred(&self, x: f32, text: &str, space: f32) -> Line<'a> {
        let width = self.width(text) + self.gaps(text);
        self.spread(x + ((space - width) / 2.0).max(0.0), text, width)
    }
}

/// Pixels between the letters of for-the-badge.
const GAP: f32 = 1.25;

//! Lines of text: the position of each glyph.

use skrifa::GlyphId;
use tiny_skia::Mask;

use crate::font::{Face, Source};
use crate::glyph;
use crate::layers::Glyphs;
use crate::shaping::{self, Piece};
use crate::typeface::{Shaped, Typeface};

/// A line of text: glyphs and their positions.
#[derive(Clone)]
pub(crate) struct Line<'a> {
    face: Face<'a>,
    glyphs: Vec<Placed<'a>>,
    missing: Vec<Missing>,
    end: f32,
}

/// A glyph, and how many pixels from the left of the picture it starts.
#[derive(Clone, Copy)]
pub(crate) struct Placed<'a> {
    pub(crate) mark: Mark<'a>,
    pub(crate) x: f32,
}

#[derive(Clone, Copy)]
pub(crate) enum Mark<'a> {
    /// A character of the line's own font.
    Char(char),
    /// A glyph of any font, and the pixels that it is raised by.
    Glyph(&'a Typeface, GlyphId, f32),
    /// The line's own box for a character that no font has.
    Box,
}

/// Characters that no font has, and the pixels that their boxes take.
#[derive(Clone)]
pub(crate) struct Missing {
    pub(crate) text: String,
    pub(crate) x: f32,
    pub(crate) width: f32,
}

impl<'a> Line<'a> {
    /// An empty line that starts `x` pixels from the left.
    pub(crate) fn at(x: f32, face: Face<'a>) -> Self {
        Self { face, glyphs: Vec::new(), missing: Vec::new(), end: x }
    }

    /// Pixels from the left of the picture to where the next character would start.
    pub(crate) fn end(&self) -> f32 {
        self.end
    }

    /// The font and the glyphs.
    pub(crate) fn glyphs(&self) -> (Face<'a>, &[Placed<'a>]) {
        (self.face, &self.glyphs)
    }

    /// The parts of the text that no font has glyphs for, from left to right.
    pub(crate) fn missing(&self) -> &[Missing] {
        &self.missing
    }

    /// Adds `text` with the spacing of the font, for small letters.
    pub(crate) fn even(self, text: &str) -> Self {
        self.spaced(text, 0.0)
    }

    /// Adds `text` with the spacing of the font and `extra` pixels after each character. Only characters of the font itself
    /// are moved apart: in other scripts they may be joined.
    pub(crate) fn spaced(mut self, text: &str, extra: f32) -> Self {
        if !self.face.is_simple(text) {
            return self.pieces(text, |line, own| line.spaced(own, extra));
        }
        for c in text.chars() {
            self.put(Mark::Char(c), self.end);
            self.end += self.face.advance(c) + extra;
        }
        self
    }

    /// Adds `text` with the ink of each letter starting on a whole pixel, and ends on one. For large letters: stems are
    /// sharp, equal letters have equal pixels, which also compress better, and no gap is off by more than half a pixel.
    pub(crate) fn sharp(mut self, text: &str) -> Self {
        if !self.face.is_simple(text) {
            self = self.pieces(text, Self::sharp);
            self.end = self.end.round();
            return self;
        }
        for c in text.chars() {
            let bearing = self.face.bearing(c);
            let start = (self.end + bearing).round() - bearing;
            self.put(Mark::Char(c), start);
            self.end = start + self.face.advance(c);
        }
        self.end = self.end.round();
        self
    }

    /// Adds a number: each digit in the middle of a cell of its own, `cell` pixels wide, and sharp, so that none moves
    /// when another changes. Characters between digits have their own widths.
    pub(crate) fn number(mut self, cell: f32, text: &str) -> Self {
        // A dash takes the cell of a digit.
        let other = |c: char| !c.is_ascii_digit() && c != '–';
        for part in text.split_inclusive(other) {
            let digits = part.trim_end_matches(other);
            self = self.cells(cell, digits).sharp(&part[digits.len()..]);
        }
        self
    }

    /// Adds `text` with each character in the middle of a cell of its own, `cell` pixels wide, and sharp.
    pub(crate) fn cells(mut self, cell: f32, text: &str) -> Self {
        for c in text.chars() {
            let start = self.end;
            if self.face.has(c) {
                let bearing = self.face.bearing(c);
                let middle = start + (cell - self.face.advance(c)) / 2.0;
                self.put(Mark::Char(c), (middle + bearing).round() - bearing);
            } else {
                let text = c.to_string();
                self.end += (cell - self.face.width(&text)) / 2.0;
                self = self.even(&text);
            }
            self.end = start + cell;
        }
        self
    }

    /// Adds a text that isn't simple; `simple` adds the parts of it that are.
    fn pieces(mut self, text: &str, simple: impl Fn(Self, &str) -> Self) -> Self {
        for piece in &*shaping::pieces(text, self.face) {
            self = match piece {
                Piece::Simple(text) => simple(self, text),
                Piece::Shaped(source, glyphs) => self.shaped(*source, glyphs),
                Piece::Missing(text) => self.boxes(text),
            };
        }
        self
    }

    fn shaped(mut self, source: Source, glyphs: &[Shaped]) -> Self {
        let (typeface, px) = (self.face.typeface_of(source), self.face.px);
        for glyph in glyphs {
            self.put(Mark::Glyph(typeface, glyph.id, glyph.rise * px), self.end + glyph.x * px);
            self.end += glyph.advance * px;
        }
        self
    }

    /// Adds a box for each character, as wide as a browser's own font will have it where it is known.
    fn boxes(mut self, text: &str) -> Self {
        let x = self.end;
        for c in text.chars() {
            let own = self.face.advance(c);
            let width = self.face.box_width(c);
            self.put(Mark::Box, x.max(self.end + (width - own) / 2.0));
            self.end += width;
        }
        self.missing.push(Missing { text: text.to_owned(), x, width: self.end - x });
        self
    }

    fn put(&mut self, mark: Mark<'a>, x: f32) {
        self.glyphs.push(Placed { mark, x });
    }

    /// Adds the coverage of the line to `mask`; its baseline is the top edge of row `baseline`. Parts outside of the
    /// mask are left out.
    pub(crate) fn draw(&self, mask: &mut Mask, baseline: i32) {
        self.draw_scaled(mask, baseline, 1.0, None);
    }

    /// The same with each letter `scale` times as large, and as far from the left. Characters are taken from `kept`, which has
    /// some of this font in this size, or put there.
    pub(crate) fn draw_scaled(&self, mask: &mut Mask, baseline: i32, scale: f32, kept: Option<&Glyphs>) {
        let face = self.face.scaled(scale);
        let own = |id| face.typeface.rasterize(id, face.px);
        for &Placed { mark, x } in &self.glyphs {
            let x = x * scale;
            match mark {
                Mark::Char(c) => match kept.and_then(|kept| kept.slot(c)) {
                    Some(slot) => slot.get_or_init(|| own(face.glyph(c))).draw(mask, baseline, x),
                    None => own(face.glyph(c)).draw(mask, baseline, x),
                },
                Mark::Glyph(typeface, id, rise) => {
                    let (x, y) = ((x * 3.0).round() / 3.0, baseline as f32 - (rise * scale).round());
                    glyph::fill(mask, x, y, |pen| typeface.outline(id, face.px, pen));
                }
                Mark::Box => own(GlyphId::NOTDEF).draw(mask, baseline, x),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_glyph_is_drawn_as_a_box() {
        assert!(Face::anton(20.0).width("漢") > 1.0);
        assert!(coverage("漢", 5.0) > 1000);
    }

    #[test]
    fn ink_is_at_the_position_in_the_line() {
        for (c, x) in [('8', 5.0), ('8', 5.34), ('U', 5.67), ('j', 6.0), ('n', 6.25)] {
            let face = Face::anton(16.0);
            let (metrics, whole) = fontdue(face, c);
            let expected = x + metrics.xmin as f32 + middle(&whole, metrics.width);
            let found = middle(drawn(&c.to_string(), x).data(), 30);
            assert!((found - expected).abs() < 0.25, "{c} at {x}: {found}, not {expected}");
        }
    }

    #[test]
    fn the_stems_of_sharp_text_fill_whole_pixels() {
        let mut mask = Mask::new(60, 30).unwrap();
        Line::at(5.3, Face::anton(16.0)).sharp("IlIl").draw(&mut mask, 22);
        let row = &mask.data()[15 * 60..][..60];
        let begins = (1..60).filter(|&x| row[x - 1] == 0 && row[x] > 0);
        assert!(begins.clone().count() == 4 && begins.clone().all(|x| row[x] == 255), "{row:?}");
    }

    #[test]
    fn text_outside_of_the_mask_is_cut_off() {
        assert_eq!(coverage("8", -50.0), 0);
        assert_eq!(coverage("8", 50.0), 0);
        assert!(coverage("8", -5.0) > 0 && coverage("8", -5.0) < coverage("8", 5.0));
    }

    fn fontdue(face: Face, c: char) -> (fontdue::Metrics, Vec<u8>) {
        let file: &[u8] = include_bytes!("../fonts/Anton-subset.ttf");
        let settings = fontdue::FontSettings { scale: 40.0, ..Default::default() };
        fontdue::Font::from_bytes(file, settings).unwrap().rasterize(c, face.px)
    }

    fn coverage(text: &str, x: f32) -> u32 {
        drawn(text, x).data().iter().map(|&c| u32::from(c)).sum()
    }

    fn drawn(text: &str, x: f32) -> Mask {
        let mut mask = Mask::new(30, 30).unwrap();
        Line::at(x, Face::anton(16.0)).even(text).draw(&mut mask, 22);
        mask
    }

    /// The centre of the ink, in pixels from the left.
    fn middle(coverage: &[u8], width: usize) -> f32 {
        let weigh = |(i, &c): (usize, &u8)| ((i % width) as f32 * f32::from(c), f32::from(c));
        let (moment, ink) =
            coverage.iter().enumerate().map(weigh).fold((0.0, 0.0), |a, b| (a.0 + b.0, a.1 + b.1));
        moment / ink
    }
}

//! Lines of text: the position of each character, and its coverage of pixels.

use fontdue::Metrics;
use tiny_skia::Mask;

use crate::font::Face;
use crate::layers::Glyphs;

/// A line of text: characters and their positions.
#[derive(Clone)]
pub(crate) struct Line<'a> {
    face: Face<'a>,
    glyphs: Vec<(char, f32)>,
    end: f32,
}

impl<'a> Line<'a> {
    /// An empty line that starts `x` pixels from the left.
    pub(crate) fn at(x: f32, face: Face<'a>) -> Self {
        Self { face, glyphs: Vec::new(), end: x }
    }

    /// Pixels from the left of the picture to where the next character would start.
    pub(crate) fn end(&self) -> f32 {
        self.end
    }

    /// The font, the characters, and how many pixels from the left of the picture each starts.
    pub(crate) fn glyphs(&self) -> (Face<'a>, &[(char, f32)]) {
        (self.face, &self.glyphs)
    }

    /// The characters that the font has no glyph for.
    pub(crate) fn missing_glyphs(&self) -> impl Iterator<Item = char> {
        self.glyphs.iter().map(|glyph| glyph.0).filter(|&c| !self.face.has(c))
    }

    /// Adds `text` with the spacing of the font, for small letters.
    pub(crate) fn even(self, text: &str) -> Self {
        self.spaced(text, 0.0)
    }

    /// Adds `text` with the spacing of the font and `extra` pixels after each character.
    pub(crate) fn spaced(mut self, text: &str, extra: f32) -> Self {
        for c in text.chars() {
            self.glyphs.push((c, self.end));
            self.end += self.face.advance(c) + extra;
        }
        self
    }

    /// Adds `text` with the ink of each letter starting on a whole pixel, and ends on one. For large letters: stems are
    /// sharp, equal letters have equal pixels, which also compress better, and no gap is off by more than half a pixel.
    pub(crate) fn sharp(mut self, text: &str) -> Self {
        for c in text.chars() {
            let bearing = self.face.bearing(c);
            let start = (self.end + bearing).round() - bearing;
            self.glyphs.push((c, start));
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
            let bearing = self.face.bearing(c);
            let middle = self.end + (cell - self.face.advance(c)) / 2.0;
            self.glyphs.push((c, (middle + bearing).round() - bearing));
            self.end += cell;
        }
        self
    }

    /// Adds the coverage of the line to `mask`; its baseline is the top edge of row `baseline`. Parts outside of the
    /// mask are left out.
    pub(crate) fn draw(&self, mask: &mut Mask, baseline: i32) {
        self.draw_scaled(mask, baseline, 1.0, None);
    }

    /// The same with each letter `scale` times as large, and as far from the left. Digits are taken from `kept`, which has
    /// those of this font in this size, or put there.
    pub(crate) fn draw_scaled(&self, mask: &mut Mask, baseline: i32, scale: f32, kept: Option<&Glyphs>) {
        let face = self.face.scaled(scale);
        for &(c, x) in &self.glyphs {
            let glyph = || Glyph::rasterize(face, c);
            match kept.and_then(|kept| kept.slot(c)) {
                Some(slot) => draw_glyph(slot.get_or_init(glyph), mask, baseline, x * scale),
                None => draw_glyph(&glyph(), mask, baseline, x * scale),
            }
        }
    }
}

/// A character's coverage of pixels, wherever it stands.
pub(crate) struct Glyph {
    metrics: Metrics,
    /// Rows of samples, each a third of a pixel wide.
    thirds: Vec<u8>,
}

impl Glyph {
    fn rasterize(face: Face, c: char) -> Self {
        // fontdue places glyphs on whole pixels only, too coarse for the spacing of letters. Asked for the three
        // stripes of an LCD pixel it samples three times as densely, which places them to a third of a pixel.
        let (metrics, thirds) = face.typeface.font.rasterize_subpixel(c, face.px);
        Self { metrics, thirds }
    }

    /// Bytes of memory.
    pub(crate) fn bytes(&self) -> usize {
        self.thirds.capacity()
    }
}

fn draw_glyph(Glyph { metrics, thirds }: &Glyph, mask: &mut Mask, baseline: i32, x: f32) {
    if metrics.width == 0 {
        return;
    }
    // Its bitmap starts before the ink by the fraction of a pixel counted in thirds, not by three times that.
    let (ink, inset) = (x + metrics.bounds.xmin, metrics.bounds.xmin.rem_euclid(1.0));
    let left = (ink * 3.0 - inset).round() as i32;
    let top = baseline - metrics.ymin - metrics.height as i32;
    for (row, samples) in thirds.chunks_exact(metrics.width * 3).enumerate() {
        add_row(mask, left, top + row as i32, samples);
    }
}

/// Adds a row of samples, each a third of a pixel wide and starting `left` thirds from the edge, to row `y`.
fn add_row(mask: &mut Mask, left: i32, y: i32, samples: &[u8]) {
    let (width, height) = (mask.width() as i32, mask.height() as i32);
    if !(0..height).contains(&y) {
        return;
    }
    let row = &mut mask.data_mut()[(y * width) as usize..][..width as usize];
    let (first, last) = (left.div_euclid(3), (left + samples.len() as i32 - 1).div_euclid(3));
    for x in first.max(0)..=last.min(width - 1) {
        let third = |i: i32| usize::try_from(x * 3 + i - left).ok().and_then(|i| samples.get(i)).copied();
        let sum: u16 = (0..3).filter_map(third).map(u16::from).sum();
        let pixel = &mut row[x as usize];
        *pixel = pixel.saturating_add(level(sum / 3));
    }
}

/// Levels of coverage. More are not visible, and cost bytes: docs/png.md of the repository compares them.
const LEVELS: u16 = 8;
/// A sixth of a pixel, of 255: the overshoot of round letters over the baseline, and the most by which a sharp stem
/// misses its pixel. Without such fringes letters are crisper, and a digit stays in its cell.
const FRINGE: u16 = 43;

/// Rounds a coverage of 0 to 255 to one of the evenly spaced levels.
fn level(coverage: u16) -> u8 {
    let last = LEVELS - 1;
    match coverage {
        ..FRINGE => 0,
        c if c > 255 - FRINGE => 255,
        c => ((c * last + 127) / 255 * 255 / last) as u8,
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
            let (metrics, whole) = face.typeface.font.rasterize(c, face.px);
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

//! Fonts: how wide a text is, and which part of each pixel it covers.

use std::sync::LazyLock;

use fontdue::{Font, FontSettings};
use tiny_skia::Mask;

/// Anton, the free typeface nearest to Impact; made as fonts/README.md says.
static ANTON: LazyLock<Font> = LazyLock::new(|| parse(include_bytes!("../../fonts/Anton-subset.ttf")));

fn parse(file: &[u8]) -> Font {
    // fontdue parses every glyph here, once; `scale` only tunes how finely it flattens curves.
    let settings = FontSettings { scale: 40.0, ..FontSettings::default() };
    Font::from_bytes(file, settings).expect("an embedded font is whole: a test parses each")
}

/// A font at a size.
#[derive(Clone, Copy)]
pub(super) struct Face {
    font: &'static Font,
    /// Pixels to the em.
    px: f32,
}

/// Where a text starts: pixels from the left, and the row of pixels on which it stands (the baseline is that row's
/// top edge).
#[derive(Clone, Copy)]
pub(super) struct Origin {
    pub(super) x: f32,
    pub(super) y: i32,
}

impl Face {
    /// Anton with capitals `capitals` pixels high; in the font they are 1760 of the em's 2048 units.
    pub(super) fn anton(capitals: f32) -> Self {
        Self { font: &ANTON, px: capitals * 2048.0 / 1760.0 }
    }

    /// Pixels from where `text` starts to where a text after it would start.
    pub(super) fn width(self, text: &str) -> f32 {
        text.chars().map(|c| self.advance(c)).sum()
    }

    /// Adds `text` to what `mask` covers. What lies outside of the mask is left out.
    pub(super) fn draw(self, mask: &mut Mask, at: Origin, text: &str) {
        let mut pen = at;
        for c in text.chars() {
            self.glyph(mask, pen, c);
            pen.x += self.advance(c);
        }
    }

    /// The same with each character in the middle of a cell of its own, `cell` pixels wide.
    pub(super) fn draw_in_cells(self, mask: &mut Mask, at: Origin, cell: f32, text: &str) {
        let mut left = at.x;
        for c in text.chars() {
            self.glyph(mask, Origin { x: left + (cell - self.advance(c)) / 2.0, ..at }, c);
            left += cell;
        }
    }

    fn advance(self, c: char) -> f32 {
        self.font.metrics(c, self.px).advance_width
    }

    fn glyph(self, mask: &mut Mask, at: Origin, c: char) {
        // fontdue places glyphs on whole pixels only, too coarse for the spacing of letters. Asked for the three
        // stripes of an LCD pixel it samples three times as densely, which places them to a third of a pixel.
        let (metrics, thirds) = self.font.rasterize_subpixel(c, self.px);
        if metrics.width == 0 {
            return;
        }
        let left = (at.x * 3.0).round() as i32 + metrics.xmin * 3;
        let top = at.y - metrics.ymin - metrics.height as i32;
        for (row, samples) in thirds.chunks_exact(metrics.width * 3).enumerate() {
            add_row(mask, left, top + row as i32, samples);
        }
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
        *pixel = pixel.saturating_add((sum / 3) as u8);
    }
}

/// Rounds the coverage to 16 levels, evenly spaced from none to all. More can't be seen, and cost bytes
/// (docs/png.md).
pub(super) fn quantise(mask: &mut Mask) {
    for coverage in mask.data_mut() {
        *coverage = ((u16::from(*coverage) * 15 + 127) / 255 * 17) as u8;
    }
}

/// Parses the embedded fonts, which otherwise the first picture does. Some milliseconds, once.
pub(super) fn load() {
    LazyLock::force(&ANTON);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn anton_has_every_glyph_it_was_subset_for() {
        let latin = (' '..='~').chain('\u{a0}'..='\u{17f}').chain("–—…·‘’“”•€™−".chars());
        let missing: String = latin.filter(|c| ANTON.lookup_glyph_index(*c) == 0).collect();
        assert_eq!(missing, "");
    }

    #[test]
    fn a_missing_glyph_is_drawn_as_a_box() {
        assert!(Face::anton(20.0).width("漢") > 1.0);
        assert!(coverage("漢", 5.0) > 1000);
    }

    #[test]
    fn a_third_of_a_pixel_moves_ink_and_loses_none() {
        let whole = coverage("8", 5.0);
        for x in [5.0 + 1.0 / 3.0, 5.0 + 2.0 / 3.0, 6.0] {
            assert!(whole.abs_diff(coverage("8", x)) < whole / 50);
        }
    }

    #[test]
    fn text_outside_of_the_mask_is_cut_off() {
        assert_eq!(coverage("8", -50.0), 0);
        assert_eq!(coverage("8", 50.0), 0);
        assert!(coverage("8", -5.0) > 0 && coverage("8", -5.0) < coverage("8", 5.0));
    }

    fn coverage(text: &str, x: f32) -> u32 {
        let mut mask = Mask::new(30, 30).unwrap();
        Face::anton(20.0).draw(&mut mask, Origin { x, y: 22 }, text);
        mask.data().iter().map(|&c| u32::from(c)).sum()
    }
}

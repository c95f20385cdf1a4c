//! The embedded fonts, and what a font says about its characters.

use std::sync::LazyLock;

use fontdue::{Font, FontSettings};

/// Anton, the free typeface nearest to Impact. fonts/README.md says how each file was made.
static ANTON: LazyLock<Font> = LazyLock::new(|| embedded(include_bytes!("../../fonts/Anton-subset.ttf")));
/// DejaVu Sans, in which badge services' pictures are drawn wherever Verdana is not to be had.
static DEJAVU: LazyLock<Font> =
    LazyLock::new(|| embedded(include_bytes!("../../fonts/DejaVuSans-subset.ttf")));

fn embedded(file: &[u8]) -> Font {
    parse(file).expect("an embedded font is whole: a test parses each")
}

fn parse(file: &[u8]) -> Result<Font, &'static str> {
    // fontdue parses every glyph here, once; `scale` only tunes how finely it flattens curves.
    Font::from_bytes(file, FontSettings { scale: 40.0, ..FontSettings::default() })
}

/// Parses the embedded fonts, which otherwise the first picture does. Some milliseconds, once.
pub(super) fn load() {
    LazyLock::force(&ANTON);
    LazyLock::force(&DEJAVU);
}

/// A font at a size.
#[derive(Clone, Copy)]
pub(super) struct Face<'a> {
    pub(super) font: &'a Font,
    /// Pixels to the em.
    pub(super) px: f32,
}

impl Face<'static> {
    /// Anton with capitals `capitals` pixels high; in the font they are 1760 of the em's 2048 units.
    pub(super) fn anton(capitals: f32) -> Self {
        Self { font: &ANTON, px: capitals * 2048.0 / 1760.0 }
    }

    /// DejaVu Sans, `px` pixels to the em.
    pub(super) fn dejavu(px: f32) -> Self {
        Self { font: &DEJAVU, px }
    }
}

impl Face<'_> {
    /// Pixels from where `text` starts to where a text after it would start.
    pub(super) fn width(self, text: &str) -> f32 {
        text.chars().map(|c| self.advance(c)).sum()
    }

    pub(super) fn advance(self, c: char) -> f32 {
        self.font.metrics(c, self.px).advance_width
    }

    /// Pixels from where a character starts to its ink.
    pub(super) fn bearing(self, c: char) -> f32 {
        self.font.metrics(c, self.px).bounds.xmin
    }

    /// Whether the font has a glyph for `c`.
    pub(super) fn has(self, c: char) -> bool {
        self.font.lookup_glyph_index(c) != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_embedded_font_has_every_glyph_it_was_subset_for() {
        let latin = (' '..='~').chain('\u{a0}'..='\u{17f}').chain("–—…·‘’“”•€™−".chars());
        for font in [&ANTON, &DEJAVU] {
            let missing: String = latin.clone().filter(|c| font.lookup_glyph_index(*c) == 0).collect();
            assert_eq!(missing, "");
        }
        assert!("Кто здесь? Ποιος".chars().all(|c| Face::dejavu(11.0).has(c)));
    }
}

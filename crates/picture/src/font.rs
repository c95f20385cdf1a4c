//! Fonts, and the metrics of their characters.

use std::borrow::Cow;
use std::sync::LazyLock;

use fontdue::{Font, FontSettings};
use skrifa::FontRef;
use skrifa::raw::ReadError;

/// Anton, the free typeface nearest to Impact. fonts/README.md says how each file was made.
static ANTON: LazyLock<Typeface> =
    LazyLock::new(|| Typeface::embedded(include_bytes!("../fonts/Anton-subset.ttf")));
/// DejaVu Sans, in which browsers draw the badges of badge services where Verdana is missing.
static DEJAVU: LazyLock<Typeface> =
    LazyLock::new(|| Typeface::embedded(include_bytes!("../fonts/DejaVuSans-subset.ttf")));
/// In place of Verdana Bold.
static DEJAVU_BOLD: LazyLock<Typeface> =
    LazyLock::new(|| Typeface::embedded(include_bytes!("../fonts/DejaVuSans-Bold-subset.ttf")));
/// In place of Helvetica Bold, which is narrower.
static DEJAVU_CONDENSED: LazyLock<Typeface> =
    LazyLock::new(|| Typeface::embedded(include_bytes!("../fonts/DejaVuSansCondensed-Bold-subset.ttf")));

/// Parses the embedded fonts, which the first picture does otherwise. Takes some milliseconds, once.
pub fn load() {
    for font in [&ANTON, &DEJAVU, &DEJAVU_BOLD, &DEJAVU_CONDENSED] {
        LazyLock::force(font);
    }
}

/// A parsed font.
pub(crate) struct Typeface {
    /// Rasterizes glyphs.
    pub(crate) font: Font,
    /// The font's file, for outlines, which fontdue does not provide.
    file: Cow<'static, [u8]>,
}

impl Typeface {
    pub(crate) fn parse(file: Cow<'static, [u8]>) -> Result<Self, &'static str> {
        // fontdue parses every glyph here, once; `scale` only tunes how finely it flattens curves.
        let font = Font::from_bytes(&*file, FontSettings { scale: 40.0, ..FontSettings::default() })?;
        Ok(Self { font, file })
    }

    /// Reads outlines from the file. Never fails: fontdue has read the same tables before.
    pub(crate) fn outlines(&self) -> Result<FontRef<'_>, ReadError> {
        FontRef::from_index(&self.file, 0)
    }

    fn embedded(file: &'static [u8]) -> Self {
        Self::parse(file.into()).expect("embedded fonts can be parsed: a test does")
    }
}

/// A font at a size.
#[derive(Clone, Copy)]
pub(crate) struct Face<'a> {
    pub(crate) typeface: &'a Typeface,
    /// Pixels to the em.
    pub(crate) px: f32,
}

impl Face<'static> {
    /// Anton with capitals `capitals` pixels high; in the font they are 1760 of the em's 2048 units.
    pub(crate) fn anton(capitals: f32) -> Self {
        Self { typeface: &ANTON, px: capitals * 2048.0 / 1760.0 }
    }

    /// DejaVu Sans, `px` pixels to the em.
    pub(crate) fn dejavu(px: f32) -> Self {
        Self { typeface: &DEJAVU, px }
    }

    /// DejaVu Sans Bold.
    pub(crate) fn bold(px: f32) -> Self {
        Self { typeface: &DEJAVU_BOLD, px }
    }

    /// DejaVu Sans Condensed Bold.
    pub(crate) fn condensed(px: f32) -> Self {
        Self { typeface: &DEJAVU_CONDENSED, px }
    }
}

impl<'a> Face<'a> {
    /// Any font, with an H `capitals` pixels high. Of a font without H, the box for missing glyphs is measured.
    pub(crate) fn with_capitals(typeface: &'a Typeface, capitals: f32) -> Self {
        let height = typeface.font.metrics('H', 100.0).bounds.height.max(10.0);
        Self { typeface, px: capitals * 100.0 / height }
    }
}

impl Face<'_> {
    /// The same font, `scale` times as large.
    pub(crate) fn scaled(self, scale: f32) -> Self {
        Self { px: self.px * scale, ..self }
    }

    /// Pixels that `text` advances.
    pub(crate) fn width(self, text: &str) -> f32 {
        text.chars().map(|c| self.advance(c)).sum()
    }

    pub(crate) fn advance(self, c: char) -> f32 {
        self.typeface.font.metrics(c, self.px).advance_width
    }

    /// Pixels from the start of a character to its ink.
    pub(crate) fn bearing(self, c: char) -> f32 {
        self.typeface.font.metrics(c, self.px).bounds.xmin
    }

    /// Whether the font has a glyph for `c`.
    pub(crate) fn has(self, c: char) -> bool {
        self.typeface.font.lookup_glyph_index(c) != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_embedded_font_has_every_glyph_it_was_subset_for() {
        let latin = (' '..='~').chain('\u{a0}'..='\u{17f}').chain("–—…·‘’“”•€™−".chars());
        let faces = [Face::anton(16.0), Face::dejavu(11.0), Face::bold(10.0), Face::condensed(10.0)];
        for face in faces {
            let missing: String = latin.clone().filter(|&c| !face.has(c)).collect();
            assert_eq!(missing, "");
        }
        for face in &faces[1..] {
            assert!("Кто здесь? Ποιος".chars().all(|c| face.has(c)));
        }
    }
}

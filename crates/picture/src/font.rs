//! Fonts, and the metrics of their characters.

use std::sync::LazyLock;

use skrifa::GlyphId;

use crate::shaping;
use crate::shared::Shared;
use crate::text::Line;
use crate::themes::AddedFonts;
use crate::typeface::Typeface;

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

/// The font of a glyph, as seen from a face.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    /// The face's own font.
    Own,
    /// An added font, by its place in the order in which they are tried.
    Added(usize),
    /// The embedded font that is tried last.
    Last,
}

/// A font at a size, and the fonts that have glyphs where it has none.
#[derive(Clone, Copy)]
pub(crate) struct Face<'a> {
    pub(crate) typeface: &'a Typeface,
    /// Pixels to the em.
    pub(crate) px: f32,
    /// Added fonts.
    pub(crate) fallback: Option<&'a AddedFonts>,
    /// Embedded, and tried last.
    last: &'a Typeface,
}

impl Face<'static> {
    /// Anton with capitals `capitals` pixels high; in the font they are 1760 of the em's 2048 units.
    pub(crate) fn anton(capitals: f32) -> Self {
        Self::new(&ANTON, capitals * 2048.0 / 1760.0)
    }

    /// DejaVu Sans, `px` pixels to the em.
    pub(crate) fn dejavu(px: f32) -> Self {
        Self::new(&DEJAVU, px)
    }

    /// DejaVu Sans Bold.
    pub(crate) fn bold(px: f32) -> Self {
        Self::new(&DEJAVU_BOLD, px)
    }

    /// DejaVu Sans Condensed Bold.
    pub(crate) fn condensed(px: f32) -> Self {
        Self::new(&DEJAVU_CONDENSED, px)
    }
}

impl<'a> Face<'a> {
    fn new(typeface: &'a Typeface, px: f32) -> Self {
        Self { typeface, px, fallback: None, last: &DEJAVU_BOLD }
    }

    /// Any font, with an H `capitals` pixels high. Of a font without H, the box for missing glyphs is measured.
    pub(crate) fn with_capitals(typeface: &'a Typeface, capitals: f32) -> Self {
        let h = typeface.glyph('H').unwrap_or(GlyphId::NOTDEF);
        let height = typeface.ink(h, 100.0).1.max(10.0);
        Self::new(typeface, capitals * 100.0 / height)
    }

    /// The same, with glyphs of other fonts where it has none.
    pub(crate) fn or(self, fallback: Option<&'a AddedFonts>) -> Self {
        Self { fallback, ..self }
    }

    /// The same font, `scale` times as large.
    pub(crate) fn scaled(self, scale: f32) -> Self {
        Self { px: self.px * scale, ..self }
    }

    /// The first font for which `is_fine`. The font itself comes first.
    pub(crate) fn find(self, is_fine: impl Fn(&Typeface) -> bool) -> Option<Source> {
        let added = (0..self.added().len()).map(Source::Added);
        let mut sources = [Source::Own].into_iter().chain(added).chain([Source::Last]);
        sources.find(|&source| is_fine(self.typeface_of(source)))
    }

    pub(crate) fn typeface_of(self, source: Source) -> &'a Typeface {
        match source {
            Source::Own => self.typeface,
            Source::Added(place) => self.added().get(place).map_or(self.last, |font| font),
            Source::Last => self.last,
        }
    }

    fn added(self) -> &'a [Shared<Typeface>] {
        self.fallback.map_or(&[], |added| &added.fonts)
    }
}

impl Face<'_> {
    /// Pixels that `text` advances.
    pub(crate) fn width(self, text: &str) -> f32 {
        if self.is_simple(text) {
            text.chars().map(|c| self.advance(c)).sum()
        } else {
            Line::at(0.0, self).even(text).end()
        }
    }

    /// Whether the font's own glyphs stand one beside the other for the characters of `text`.
    pub(crate) fn is_simple(self, text: &str) -> bool {
        text.chars().all(|c| stands_alone(c) && self.has(c))
    }

    pub(crate) fn advance(self, c: char) -> f32 {
        self.typeface.advance(self.glyph(c), self.px)
    }

    /// Pixels from the start of a character to its ink.
    pub(crate) fn bearing(self, c: char) -> f32 {
        self.typeface.ink(self.glyph(c), self.px).0
    }

    /// Whether any font has a glyph for `c`, or it needs none.
    pub(crate) fn can_show(self, c: char) -> bool {
        shaping::is_invisible(c) || self.source(c).is_some()
    }

    /// Pixels that a character is likely to advance in a text of any script.
    pub(crate) fn likely_advance(self, c: char) -> f32 {
        match self.source(c) {
            _ if shaping::is_invisible(c) => 0.0,
            Some(source) => {
                let typeface = self.typeface_of(source);
                typeface.glyph(c).map_or(0.0, |id| typeface.advance(id, self.px))
            }
            None => self.box_width(c),
        }
    }

    /// Pixels that a box takes which stands for a character without a glyph: as many as the character would in a browser's
    /// own font, where that is known.
    pub(crate) fn box_width(self, c: char) -> f32 {
        let own = self.advance(c);
        if shaping::is_wide(c) { self.px.max(own) } else { own }
    }

    fn source(self, c: char) -> Option<Source> {
        self.find(|font| font.glyph(c).is_some())
    }

    /// Whether the font has a glyph for `c`.
    pub(crate) fn has(self, c: char) -> bool {
        self.typeface.glyph(c).is_some()
    }

    /// The glyph of `c`, or the font's box for missing ones.
    pub(crate) fn glyph(self, c: char) -> GlyphId {
        self.typeface.glyph(c).unwrap_or(GlyphId::NOTDEF)
    }
}

/// Whether a character looks the same whatever its neighbours are: those of Latin, Greek, Cyrillic, and signs.
fn stands_alone(c: char) -> bool {
    matches!(c, ' '..='\u{2ff}' | '\u{370}'..='\u{482}' | '\u{48a}'..='\u{52f}' | '\u{1e00}'..='\u{1fff}'
        | '\u{2010}'..='\u{2027}' | '\u{202f}'..='\u{205e}' | '\u{20a0}'..='\u{20bf}' | '\u{2100}'..='\u{23ff}')
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

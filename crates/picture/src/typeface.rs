//! A font's file: the glyphs of its characters, their outlines, and how it shapes a text.

use std::sync::OnceLock;

use fontdue::{Font, FontSettings};
use harfrust::font::Blob;
use harfrust::{
    Buffer, Direction, GlyphInfo, GlyphPosition, ShapeOptions, ShapePlan, ShapePlanKey, ShaperFont, shape,
};
use skrifa::instance::{LocationRef, Size};
use skrifa::outline::{DrawSettings, OutlinePen};
use skrifa::raw::TableProvider;
use skrifa::{FontRef, GlyphId, MetadataProvider};

use crate::glyph::{Glyph, PathPen};

/// A parsed font.
pub(crate) struct Typeface {
    /// Rasterizes the glyphs of an embedded font. fontdue parses every glyph of a font at load, which takes seconds for
    /// large ones: the glyphs of added fonts are read from the file when they are painted.
    raster: Option<Font>,
    file: Blob,
    /// The same file, and what was read of it for shaping.
    shaped: harfrust::Font,
    /// How a script is shaped in a direction. To find out takes longer than to shape a word.
    plans: [OnceLock<ShapePlan>; MAX_PLANS],
}

/// A font has few scripts. Where a text finds no place for its plan, the plan is made each time.
const MAX_PLANS: usize = 32;

impl Typeface {
    pub(crate) fn embedded(file: &'static [u8]) -> Self {
        let settings = FontSettings { scale: 40.0, ..FontSettings::default() };
        let font = Font::from_bytes(file, settings).expect("embedded fonts can be parsed: a test does");
        Self::parse(file.into(), Some(font)).expect("embedded fonts can be parsed: a test does")
    }

    /// TrueType or OpenType, or the first font of a collection.
    pub(crate) fn added(file: Vec<u8>) -> Result<Self, &'static str> {
        let typeface = Self::parse(file.into(), None)?;
        if typeface.is_complete() { Ok(typeface) } else { Err("it lacks a table, or is cut off") }
    }

    fn parse(file: Blob, raster: Option<Font>) -> Result<Self, &'static str> {
        let shaped = harfrust::Font::new(file.clone(), 0).ok_or("it is no TrueType or OpenType font")?;
        Ok(Self { raster, file, shaped, plans: [const { OnceLock::new() }; MAX_PLANS] })
    }

    /// Whether it has what every picture needs: sizes, characters, and outlines.
    fn is_complete(&self) -> bool {
        let Some(font) = self.tables() else { return false };
        let has_metrics = font.head().is_ok_and(|head| head.units_per_em() > 0) && font.hmtx().is_ok();
        has_metrics && font.charmap().has_map() && font.outline_glyphs().format().is_some()
    }

    /// The tables of the file. Never None: they were found when it was parsed.
    fn tables(&self) -> Option<FontRef<'_>> {
        FontRef::from_index(&self.file, 0).ok()
    }

    /// The glyph of a character. A glyph that is only a bitmap, as in fonts of coloured emoji, can't be painted.
    pub(crate) fn glyph(&self, c: char) -> Option<GlyphId> {
        if let Some(font) = &self.raster {
            return Some(font.lookup_glyph_index(c)).filter(|&id| id != 0).map(|id| GlyphId::new(id.into()));
        }
        let font = self.tables()?;
        let id = font.charmap().map(c).filter(|&id| id != GlyphId::NOTDEF)?;
        font.outline_glyphs().get(id).map(|_| id)
    }

    /// Draws a glyph, `px` pixels to the em, above the origin. One that is broken in the font's file stays as it is up to
    /// there.
    pub(crate) fn outline(&self, id: GlyphId, px: f32, pen: &mut impl OutlinePen) {
        let outline = self.tables().and_then(|font| font.outline_glyphs().get(id));
        if let Some(outline) = outline {
            let settings = DrawSettings::unhinted(Size::new(px), LocationRef::default());
            let _ = outline.draw(settings, pen);
        }
    }

    /// Coverage of pixels.
    pub(crate) fn rasterize(&self, id: GlyphId, px: f32) -> Glyph {
        match &self.raster {
            Some(font) => Glyph::by_fontdue(font, id.to_u32() as u16, px),
            None => Glyph::of_outline(|pen| self.outline(id, px, pen)),
        }
    }

    pub(crate) fn advance(&self, id: GlyphId, px: f32) -> f32 {
        if let Some(font) = &self.raster {
            return font.metrics_indexed(id.to_u32() as u16, px).advance_width;
        }
        let metrics = self.tables().map(|font| font.glyph_metrics(Size::new(px), LocationRef::default()));
        metrics.and_then(|metrics| metrics.advance_width(id)).unwrap_or_default()
    }

    /// Pixels from the origin to the left edge of the ink, and the height of the ink.
    pub(crate) fn ink(&self, id: GlyphId, px: f32) -> (f32, f32) {
        if let Some(font) = &self.raster {
            let bounds = font.metrics_indexed(id.to_u32() as u16, px).bounds;
            return (bounds.xmin, bounds.height);
        }
        let mut pen = PathPen::new(1.0);
        self.outline(id, px, &mut pen);
        pen.finish().map_or((0.0, 0.0), |path| (path.bounds().left(), path.bounds().height()))
    }

    /// The glyphs of a text of one script and direction, from left to right.
    pub(crate) fn shape(&self, text: &str, direction: Direction) -> Vec<Shaped> {
        let mut buffer = Buffer::new();
        buffer.push_str(text);
        buffer.set_direction(direction);
        buffer.guess_segment_properties();
        let options = ShapeOptions::new().plan(self.plan(&buffer));
        if shape(&ShaperFont::new(&self.shaped), &mut buffer, options).is_err() {
            return Vec::new();
        }
        let em = f32::from(self.shaped.units_per_em().max(1));
        let shaped = |(info, position): (&GlyphInfo, &GlyphPosition)| Shaped {
            id: GlyphId::new(info.glyph_id),
            x: position.x_offset as f32 / em,
            rise: position.y_offset as f32 / em,
            advance: position.x_advance as f32 / em,
        };
        buffer.glyph_infos().iter().zip(buffer.glyph_positions()).map(shaped).collect()
    }

    fn plan(&self, buffer: &Buffer) -> Option<&ShapePlan> {
        let (direction, script) = (buffer.direction(), buffer.script());
        let key = ShapePlanKey::new(&self.shaped, script, direction);
        let make = || ShapePlan::new(&self.shaped, direction, script, None, &[]);
        self.plans.iter().map(|plan| plan.get_or_init(make)).find(|plan| key.matches(plan))
    }
}

/// A glyph of a shaped text. Lengths are in ems.
pub(crate) struct Shaped {
    pub(crate) id: GlyphId,
    /// From where it would stand to where it does.
    pub(crate) x: f32,
    /// Its height above the baseline.
    pub(crate) rise: f32,
    /// From it to the next.
    pub(crate) advance: f32,
}

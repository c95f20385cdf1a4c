//! Layers that all pictures of a style have in common: each is painted once, and copied for the next number.

use std::ops::RangeInclusive;
use std::sync::OnceLock;

use tiny_skia::{Mask, Pixmap, PremultipliedColorU8};

use crate::drawing::Cell;
use crate::glyph::Glyph;
use crate::paint::paint;
use crate::{Raster, Style, Value, render};

/// The background, the label and the digits of pictures that have one style and one size. Each is painted when a picture
/// needs it first. Every picture has the pixels that [`render`] gives it.
pub struct Layers {
    style: Style,
    size: (u32, u32),
    /// Background and label.
    pub(crate) ground: OnceLock<Pixmap>,
    /// In its place where a picture is text of one colour alone: the label.
    pub(crate) letters: OnceLock<Mask>,
    pub(crate) digits: Digits,
}

/// The digits of a number.
#[derive(Default)]
pub(crate) struct Digits {
    /// In texts.
    pub(crate) glyphs: Glyphs,
    /// In counters, by [`Cell::digit`].
    pub(crate) tiles: [OnceLock<Tile>; Cell::KINDS],
}

/// The glyphs of a range of characters in one font and one size, from the first on.
pub(crate) struct Glyphs(char, Box<[OnceLock<Glyph>]>);

/// The pixels of a counter's cell, background and all, in rows from top to bottom.
pub(crate) struct Tile {
    width: usize,
    pixels: Vec<PremultipliedColorU8>,
}

impl Layers {
    /// None are painted yet. They are for all values whose pictures are as large as that of `value`.
    pub fn new(style: &Style, value: Value) -> Self {
        Self {
            style: style.clone(),
            size: style.size(value),
            ground: OnceLock::new(),
            letters: OnceLock::new(),
            digits: Digits::default(),
        }
    }

    /// The picture of `value`. It is painted whole if it is of another size, or at the end of a stream, which has other
    /// colours.
    pub fn render(&self, value: Value) -> Raster {
        let drawing = self.style.draw(value);
        let is_alike = (drawing.width, drawing.height) == self.size && !drawing.may_be_cut();
        if !is_alike || value == Value::Ended {
            return render(&self.style, value);
        }
        paint(&drawing, self.style.scale, Some(self))
    }

    /// Bytes of memory that they take, which grow with each layer.
    pub fn bytes(&self) -> usize {
        let ground = self.ground.get().map_or(0, |ground| ground.data().len());
        let letters = self.letters.get().map_or(0, |letters| letters.data().len());
        size_of::<Self>() + self.style.label().as_str().len() + ground + letters + self.digits.bytes()
    }
}

impl Digits {
    fn bytes(&self) -> usize {
        let glyphs = self.glyphs.1.iter().filter_map(OnceLock::get).map(Glyph::bytes);
        let tiles = self.tiles.iter().filter_map(OnceLock::get).map(|tile| size_of_val(&*tile.pixels));
        glyphs.chain(tiles).sum()
    }
}

impl Default for Glyphs {
    /// The digits 0 to 9.
    fn default() -> Self {
        Self::of('0'..='9')
    }
}

impl Glyphs {
    /// None are there yet.
    pub(crate) fn of(characters: RangeInclusive<char>) -> Self {
        Self(*characters.start(), characters.map(|_| OnceLock::new()).collect())
    }

    /// The place of `c`, if it is one of them.
    pub(crate) fn slot(&self, c: char) -> Option<&OnceLock<Glyph>> {
        self.1.get(u32::from(c).checked_sub(self.0.into())? as usize)
    }
}

impl Tile {
    /// Copies columns of a picture.
    pub(crate) fn cut(pixmap: &Pixmap, left: usize, width: usize) -> Self {
        let rows = pixmap.pixels().chunks_exact(pixmap.width() as usize);
        let columns =
            |row: &[PremultipliedColorU8]| row.iter().skip(left).take(width).copied().collect::<Vec<_>>();
        Self { width, pixels: rows.flat_map(columns).collect() }
    }

    /// Replaces columns of a picture of the same height.
    pub(crate) fn paste(&self, pixmap: &mut Pixmap, left: usize) {
        let width = pixmap.width() as usize;
        let rows = pixmap.pixels_mut().chunks_exact_mut(width);
        for (row, tile) in rows.zip(self.pixels.chunks_exact(self.width)) {
            row.iter_mut().skip(left).zip(tile).for_each(|(to, from)| *to = *from);
        }
    }
}

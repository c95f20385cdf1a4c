//! Digits that are drawn by somebody else: ten files, and perhaps two more that stand before and after them.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::Cell;
use super::decode::{DigitError, decode};
use crate::drawing::{Drawing, Image, Part, rectangle};
use crate::{DigitFiles, Raster, Rgb, palette};

/// The colour of the dashes at the end of a stream: a grey that is visible on white and on black.
pub(super) const DASH: Rgb = Rgb::hex(0x808080);

/// Colours of all ten digits together. docs/decisions/digit-themes.md of the repository has the bytes of other numbers.
const MAX_COLORS: usize = 64;

/// Ten digits, all in the colours of one palette. Each cell of a picture is as wide as the widest of them, and as high as the highest: no digit moves when
/// another changes.
pub(crate) struct CustomDigits {
    colors: Vec<[u8; 4]>,
    digits: Vec<Digit>,
    start: Option<Digit>,
    end: Option<Digit>,
    /// Of a cell.
    width: u32,
    height: u32,
}

struct Digit {
    width: u32,
    /// The place of each pixel's colour, row by row.
    pixels: Vec<u8>,
    /// Encoded again, so that no metadata gets into a picture.
    file: Bytes,
}

impl CustomDigits {
    /// Decodes the files.
    ///
    /// # Errors
    /// The name of the first that can't be taken, and why.
    pub(crate) fn decode(files: &DigitFiles) -> Result<Self, (&'static str, DigitError)> {
        let named = |name, file: &Vec<u8>| decode(file).map_err(|error| (name, error));
        let digits = DigitFiles::DIGITS.into_iter().zip(&files.digits);
        let mut rasters: Vec<Raster> =
            digits.map(|(name, file)| named(name, file)).collect::<Result<_, _>>()?;
        let width = rasters.iter().map(Raster::width).max().unwrap_or(1);
        let ends = [(DigitFiles::START, &files.start), (DigitFiles::END, &files.end)];
        for (name, file) in ends.into_iter().filter_map(|(name, file)| Some((name, file.as_ref()?))) {
            rasters.push(named(name, file)?);
        }
        Ok(Self::new(rasters, width, (files.start.is_some(), files.end.is_some())))
    }

    /// The digits, each at most `width` pixels wide, and after them what stands before and after them, if there is any.
    fn new(mut rasters: Vec<Raster>, width: u32, (has_start, has_end): (bool, bool)) -> Self {
        let height = rasters.iter().map(Raster::height).max().unwrap_or(1);
        let mut pixels: Vec<&mut [u8; 4]> = rasters.iter_mut().flat_map(Raster::pixels_mut).collect();
        palette::reduce_to(&mut pixels, MAX_COLORS);
        let used = rasters.iter().flat_map(|raster| raster.pixels().chunk_by(|a, b| a == b));
        let mut places: BTreeMap<[u8; 4], u8> = used.map(|run| (run[0], 0)).collect();
        (0..).zip(places.values_mut()).for_each(|(at, place)| *place = at);
        let mut digits: Vec<_> = rasters.iter().map(|raster| Digit::new(raster, &places)).collect();
        let end = digits.pop_if(|_| has_end);
        let start = digits.pop_if(|_| has_start);
        Self { colors: places.into_keys().collect(), digits, start, end, width, height }
    }

    /// The pixels of all digits.
    pub(crate) fn pixels(&self) -> usize {
        self.digits.iter().chain(&self.start).chain(&self.end).map(|digit| digit.pixels.len()).sum()
    }

    pub(super) fn draw(&self, cells: &[Cell]) -> Drawing<'_> {
        let width_of = |digit: &Option<Digit>| digit.as_ref().map_or(0, |digit| digit.width);
        let start = width_of(&self.start);
        let end = start + self.width * cells.len() as u32;
        let mut drawing = Drawing::new(end + width_of(&self.end), self.height);
        drawing.has_few_colors = true;
        let ends = [(0, &self.start), (end, &self.end)];
        let images = ends.into_iter().filter_map(|(x, digit)| Some(self.image(x, digit.as_ref()?)));
        drawing.parts.extend(images);
        drawing.number_follows();
        for (i, cell) in cells.iter().enumerate() {
            let left = start + self.width * i as u32;
            let part = match cell {
                Cell::Digit(digit) => self.digit(left, *digit),
                Cell::Blank => self.digit(left, 0),
                Cell::Dash => Some(self.dash(left)),
            };
            drawing.cell(cell.place(left as f32, self.width as f32, part.into_iter().collect()));
        }
        drawing
    }

    /// In the middle of its cell.
    fn digit(&self, left: u32, digit: u8) -> Option<Part<'_>> {
        let digit = self.digits.get(usize::from(digit))?;
        Some(self.image(left + (self.width - digit.width) / 2, digit))
    }

    /// At the bottom.
    fn image<'a>(&'a self, x: u32, Digit { width, pixels, file }: &'a Digit) -> Part<'a> {
        let height = pixels.len() as u32 / width;
        let y = self.height - height;
        Part::Image(Image { x, y, width: *width, height, colors: &self.colors, pixels, file })
    }

    fn dash(&self, left: u32) -> Part<'_> {
        let (width, height) = (self.width as f32, self.height as f32);
        let thick = (height / 10.0).round().max(1.0);
        let (x, y) = (left as f32 + (width / 4.0).round(), (height / 2.0 - thick / 2.0).round());
        Part::Shape(rectangle(x, y, (width / 2.0).round(), thick), DASH.into())
    }
}

impl Digit {
    fn new(raster: &Raster, places: &BTreeMap<[u8; 4], u8>) -> Self {
        let runs = raster.pixels().chunk_by(|a, b| a == b);
        let places =
            runs.flat_map(|run| std::iter::repeat_n(places.get(&run[0]).copied().unwrap_or(0), run.len()));
        Self { width: raster.width(), pixels: places.collect(), file: raster.encode() }
    }
}

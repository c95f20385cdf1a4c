//! Digits that are drawn by somebody else: ten PNG files.

use std::error::Error;
use std::fmt;
use std::io::Cursor;

use bytes::Bytes;
use png::{ColorType, Decoder, Limits, Transformations};

use super::Cell;
use crate::drawing::{Drawing, Image, Part, rectangle};
use crate::{Raster, Rgb, Themes};

/// The colour of the dashes at the end of a stream: a grey that is visible on white and on black.
pub(super) const DASH: Rgb = Rgb::hex(0x808080);
/// Pixels of the longest side of a digit.
const MAX_SIDE: u32 = 64;

/// Ten digits of one height. Each cell of a picture is as wide as the widest digit.
pub(crate) struct CustomDigits {
    digits: Vec<Digit>,
    width: u32,
    height: u32,
}

struct Digit {
    raster: Raster,
    /// Encoded again, so that no metadata gets into a picture.
    file: Bytes,
}

/// Why a file can't be a digit.
#[derive(Debug)]
#[non_exhaustive]
pub enum DigitError {
    /// It has more than [`Themes::MAX_DIGIT_BYTES`].
    File,
    /// It can't be decoded as PNG.
    NotPng(Box<dyn Error + Send + Sync>),
    /// A side has more than 64 pixels.
    Size,
    /// Another height than that of the digit 0.
    Height,
}

impl CustomDigits {
    /// Decodes the PNG files of the digits 0 to 9.
    ///
    /// # Errors
    /// The first digit that can't be taken, and why.
    pub(crate) fn decode(files: &[Vec<u8>; 10]) -> Result<Self, (u8, DigitError)> {
        let mut digits: Vec<Digit> = Vec::with_capacity(10);
        for (digit, file) in (0..).zip(files) {
            let decoded = Digit::decode(file).map_err(|error| (digit, error))?;
            if digits.first().is_some_and(|first| first.raster.height() != decoded.raster.height()) {
                return Err((digit, DigitError::Height));
            }
            digits.push(decoded);
        }
        let width = digits.iter().map(|digit| digit.raster.width()).max().unwrap_or(1);
        let height = digits.first().map_or(1, |digit| digit.raster.height());
        Ok(Self { digits, width, height })
    }

    pub(super) fn draw(&self, cells: &[Cell]) -> Drawing<'_> {
        let mut drawing = Drawing::new(self.width * cells.len() as u32, self.height);
        for (i, cell) in cells.iter().enumerate() {
            let left = self.width * i as u32;
            let part = match cell {
                Cell::Digit(digit) => self.digit(left, *digit),
                Cell::Blank => self.digit(left, 0),
                Cell::Dash => Some(self.dash(left)),
            };
            drawing.cell(cell.place(left as f32, self.width as f32, part.into_iter().collect()));
        }
        drawing
    }

    fn digit(&self, left: u32, digit: u8) -> Option<Part<'_>> {
        let Digit { raster, file } = self.digits.get(usize::from(digit))?;
        let x = left + (self.width - raster.width()) / 2;
        Some(Part::Image(Image { x, y: 0, width: raster.width(), pixels: raster.pixels(), file }))
    }

    fn dash(&self, left: u32) -> Part<'_> {
        let (width, height) = (self.width as f32, self.height as f32);
        let thick = (height / 10.0).round().max(1.0);
        let (x, y) = (left as f32 + (width / 4.0).round(), (height / 2.0 - thick / 2.0).round());
        Part::Shape(rectangle(x, y, (width / 2.0).round(), thick), DASH.into())
    }
}

impl Digit {
    fn decode(file: &[u8]) -> Result<Self, DigitError> {
        if file.len() > Themes::MAX_DIGIT_BYTES {
            return Err(DigitError::File);
        }
        let raster = decode(file)?;
        Ok(Self { file: raster.encode(), raster })
    }
}

fn decode(bytes: &[u8]) -> Result<Raster, DigitError> {
    let not_png = |error: png::DecodingError| DigitError::NotPng(error.into());
    let mut decoder = Decoder::new_with_limits(Cursor::new(bytes), Limits { bytes: 1 << 20 });
    decoder.set_transformations(Transformations::EXPAND | Transformations::ALPHA | Transformations::STRIP_16);
    let mut reader = decoder.read_info().map_err(not_png)?;
    let (width, height) = reader.info().size();
    if width.max(height) > MAX_SIDE {
        return Err(DigitError::Size);
    }
    let mut pixels = vec![0; (width * height * 4) as usize];
    let frame = reader.next_frame(&mut pixels).map_err(not_png)?;
    Ok(Raster::new(
        width,
        match frame.color_type {
            ColorType::Rgba => pixels.as_chunks().0.to_vec(),
            // Grey and alpha: two bytes per pixel.
            _ => pixels[..frame.buffer_size()]
                .as_chunks()
                .0
                .iter()
                .map(|&[grey, alpha]| [grey, grey, grey, alpha])
                .collect(),
        },
    ))
}

impl fmt::Display for DigitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File => write!(f, "it has more than {} KiB", Themes::MAX_DIGIT_BYTES >> 10),
            Self::NotPng(error) => write!(f, "it is no PNG file that can be read: {error}"),
            Self::Size => write!(f, "a digit has at most {MAX_SIDE} by {MAX_SIDE} pixels"),
            Self::Height => f.write_str("it is not as high as 0.png"),
        }
    }
}

impl Error for DigitError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        if let Self::NotPng(error) = self { Some(&**error) } else { None }
    }
}

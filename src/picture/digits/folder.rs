//! Digits that the server's owner drew: ten PNG files in a folder.

use std::io::{self, Cursor};
use std::path::Path;

use bytes::Bytes;
use png::{ColorType, Decoder, Limits, Transformations};

use super::super::drawing::{Drawing, Image, rectangle};
use super::super::themes::read_bounded;
use super::super::{Raster, Rgb};
use super::Place;

/// What stands for each digit at the end of a stream: a grey that is seen on white and on black.
pub(super) const DASH: Rgb = Rgb::hex(0x808080);
/// Bytes of the largest file.
const MOST_BYTES: u64 = 64 << 10;
/// Pixels of the longest side of a digit.
const MOST_PIXELS: u32 = 64;

/// Ten digits of one height. The widest is as wide as each place of a picture.
pub(in crate::picture) struct Folder {
    digits: Vec<Digit>,
    width: u32,
    height: u32,
}

struct Digit {
    raster: Raster,
    /// Written anew, so that nothing but the pixels gets into a picture.
    file: Bytes,
}

/// Why a digit can't be taken.
#[derive(Debug)]
pub(in crate::picture) enum FolderError {
    Io(io::Error),
    NotPng(String),
    TooLarge,
    OtherHeight,
}

impl Folder {
    /// Reads `0.png` to `9.png`.
    ///
    /// # Errors
    /// Names the first digit that can't be taken, and why.
    pub(in crate::picture) fn read(dir: &Path) -> Result<Self, (u8, FolderError)> {
        let mut digits: Vec<Digit> = Vec::with_capacity(10);
        for digit in 0..10 {
            let read = Digit::read(&dir.join(format!("{digit}.png"))).map_err(|error| (digit, error))?;
            if digits.first().is_some_and(|first| first.raster.height() != read.raster.height()) {
                return Err((digit, FolderError::OtherHeight));
            }
            digits.push(read);
        }
        let width = digits.iter().map(|digit| digit.raster.width()).max().unwrap_or(1);
        let height = digits.first().map_or(1, |digit| digit.raster.height());
        Ok(Self { digits, width, height })
    }

    pub(super) fn draw(&self, places: &[Place]) -> Drawing<'_> {
        let mut drawing = Drawing::new(self.width * places.len() as u32, self.height);
        for (i, place) in places.iter().enumerate() {
            let left = self.width * i as u32;
            match place {
                Place::Digit(digit) => self.place(&mut drawing, left, *digit),
                Place::Unused => self.place(&mut drawing, left, 0),
                Place::Dash => self.dash(&mut drawing, left),
            }
        }
        drawing
    }

    fn place<'a>(&'a self, drawing: &mut Drawing<'a>, left: u32, digit: u8) {
        let Some(Digit { raster, file }) = self.digits.get(usize::from(digit)) else {
            return;
        };
        let x = left + (self.width - raster.width()) / 2;
        drawing.image(Image { x, y: 0, width: raster.width(), pixels: raster.pixels(), file });
    }

    fn dash(&self, drawing: &mut Drawing, left: u32) {
        let (width, height) = (self.width as f32, self.height as f32);
        let thick = (height / 10.0).round().max(1.0);
        let (x, y) = (left as f32 + (width / 4.0).round(), (height / 2.0 - thick / 2.0).round());
        drawing.fill(rectangle(x, y, (width / 2.0).round(), thick), DASH);
    }
}

impl Digit {
    fn read(path: &Path) -> Result<Self, FolderError> {
        let raster = decode(&read_bounded(path, MOST_BYTES).map_err(FolderError::Io)?)?;
        Ok(Self { file: raster.encode(), raster })
    }
}

fn decode(bytes: &[u8]) -> Result<Raster, FolderError> {
    let wrong = |error: png::DecodingError| FolderError::NotPng(error.to_string());
    let mut decoder = Decoder::new_with_limits(Cursor::new(bytes), Limits { bytes: 1 << 20 });
    decoder.set_transformations(Transformations::EXPAND | Transformations::ALPHA | Transformations::STRIP_16);
    let mut reader = decoder.read_info().map_err(wrong)?;
    let (width, height) = reader.info().size();
    if width.max(height) > MOST_PIXELS {
        return Err(FolderError::TooLarge);
    }
    let mut pixels = vec![0; (width * height * 4) as usize];
    let frame = reader.next_frame(&mut pixels).map_err(wrong)?;
    Ok(Raster::new(
        width,
        match frame.color_type {
            ColorType::Rgba => pixels.as_chunks().0.to_vec(),
            // Grey and alpha: half as many bytes.
            _ => pixels[..frame.buffer_size()]
                .as_chunks()
                .0
                .iter()
                .map(|&[grey, alpha]| [grey, grey, grey, alpha])
                .collect(),
        },
    ))
}

impl std::fmt::Display for FolderError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Io(error) => error.fmt(f),
            Self::NotPng(error) => write!(f, "it is no PNG file that can be read: {error}"),
            Self::TooLarge => write!(f, "a digit has at most {MOST_PIXELS} by {MOST_PIXELS} pixels"),
            Self::OtherHeight => f.write_str("it is not as high as 0.png"),
        }
    }
}

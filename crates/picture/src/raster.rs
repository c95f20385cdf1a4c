//! The finished pixels of a picture.

use bytes::Bytes;
use tiny_skia::{Mask, Pixmap};

use crate::png;

/// A picture: rows of pixels from top to bottom, each red, green, blue and alpha (not premultiplied), sRGB.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Raster {
    width: u32,
    pixels: Vec<[u8; 4]>,
}

impl Raster {
    /// Rows of `width` pixels each.
    pub(crate) fn new(width: u32, pixels: Vec<[u8; 4]>) -> Self {
        Self { width, pixels }
    }

    /// One colour on a transparent background. Nothing is composed, so each pixel keeps the exact colour, which
    /// premultiplied pixels of 8 bits lose where they are nearly transparent.
    pub(crate) fn of_ink(mask: &Mask, [red, green, blue, alpha]: [u8; 4]) -> Self {
        let pixel = |&coverage: &u8| match (u16::from(coverage) * u16::from(alpha) + 127) / 255 {
            0 => [0; 4],
            visible => [red, green, blue, visible as u8],
        };
        Self { width: mask.width(), pixels: mask.data().iter().map(pixel).collect() }
    }

    /// Multiplies the opacity of the whole picture by `alpha` / 255.
    pub(crate) fn fade(&mut self, alpha: u8) {
        for pixel in &mut self.pixels {
            pixel[3] = ((u16::from(pixel[3]) * u16::from(alpha) + 127) / 255) as u8;
        }
    }

    pub(crate) fn pixels_mut(&mut self) -> &mut [[u8; 4]] {
        &mut self.pixels
    }

    /// Width, in pixels.
    pub fn width(&self) -> u32 {
        self.width
    }

    /// Height, in pixels.
    pub fn height(&self) -> u32 {
        self.pixels.len() as u32 / self.width
    }

    /// All pixels, row by row.
    pub fn pixels(&self) -> &[[u8; 4]] {
        &self.pixels
    }

    /// The bytes of a PNG file. Takes some hundred microseconds.
    pub fn encode(&self) -> Bytes {
        png::encode(self)
    }
}

/// For pictures that are composed of several layers.
impl From<Pixmap> for Raster {
    fn from(pixmap: Pixmap) -> Self {
        let width = pixmap.width();
        let straight = |p: &tiny_skia::PremultipliedColorU8| {
            let c = p.demultiply();
            [c.red(), c.green(), c.blue(), c.alpha()]
        };
        Self { width, pixels: pixmap.pixels().iter().map(straight).collect() }
    }
}

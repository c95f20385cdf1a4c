//! The file of one digit to its pixels: PNG, GIF or WebP, and the first frame of an animation.

use std::error::Error;
use std::fmt;
use std::io::Cursor;

use gif::{ColorOutput, DecodeOptions};
use image_webp::WebPDecoder;
use png::{ColorType, Decoder, Limits, Transformations};

use crate::{Raster, Themes};

/// Pixels of the largest digit: width and height.
const MAX_SIZE: (u32, u32) = (200, 300);
/// Bytes that a decoder may take besides the pixels.
const MAX_MEMORY: usize = 4 << 20;

/// The files of a theme of digits, named as Moe-Counter and the counters before it name them: PNG, GIF or WebP, each of at
/// most [`Themes::MAX_DIGIT_BYTES`] and 200×300 pixels. Of an animation the first frame is taken.
#[derive(Clone, Debug, Default)]
pub struct DigitFiles {
    /// 0 to 9.
    pub digits: [Vec<u8>; 10],
    /// A picture before the number.
    pub start: Option<Vec<u8>>,
    /// A picture after the number.
    pub end: Option<Vec<u8>>,
}

impl DigitFiles {
    /// The names of the digits' files, without the extension.
    pub const DIGITS: [&str; 10] = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"];
    /// The name of the file of what stands before the number.
    pub const START: &str = "_start";
    /// The name of the file of what stands after the number.
    pub const END: &str = "_end";
}

/// Why a file can't be a digit.
#[derive(Debug)]
#[non_exhaustive]
pub enum DigitError {
    /// It has more than [`Themes::MAX_DIGIT_BYTES`].
    File,
    /// It can't be decoded as PNG, GIF or WebP.
    NotImage(Box<dyn Error + Send + Sync>),
    /// It has more than 200 by 300 pixels, or none.
    Size,
}

/// The pixels of a PNG, GIF or WebP file.
///
/// # Errors
/// When it is too large, or none of these.
pub(super) fn decode(file: &[u8]) -> Result<Raster, DigitError> {
    if file.len() > Themes::MAX_DIGIT_BYTES {
        return Err(DigitError::File);
    }
    match file {
        [b'G', b'I', b'F', b'8', ..] => decode_gif(file),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => decode_webp(file),
        _ => decode_png(file),
    }
}

fn decode_png(file: &[u8]) -> Result<Raster, DigitError> {
    let mut decoder = Decoder::new_with_limits(Cursor::new(file), Limits { bytes: MAX_MEMORY });
    decoder.set_transformations(Transformations::EXPAND | Transformations::ALPHA | Transformations::STRIP_16);
    let mut reader = decoder.read_info().map_err(not_image)?;
    let (width, height) = checked(reader.info().size())?;
    let mut pixels = vec![0; (width * height * 4) as usize];
    let frame = reader.next_frame(&mut pixels).map_err(not_image)?;
    let used = &pixels[..frame.buffer_size()];
    let pixels = match frame.color_type {
        ColorType::Rgba => used.as_chunks().0.to_vec(),
        // Grey and alpha: two bytes per pixel.
        _ => used.as_chunks().0.iter().map(|&[grey, alpha]| [grey, grey, grey, alpha]).collect(),
    };
    Ok(Raster::new(width, pixels))
}

fn decode_gif(file: &[u8]) -> Result<Raster, DigitError> {
    let mut options = DecodeOptions::new();
    options.set_color_output(ColorOutput::RGBA);
    options.check_frame_consistency(true);
    let mut decoder = options.read_info(Cursor::new(file)).map_err(not_image)?;
    let (width, height) = checked((decoder.width().into(), decoder.height().into()))?;
    let frame = decoder.next_frame_info().map_err(not_image)?;
    let frame = frame.ok_or_else(|| not_image("it has no frame"))?;
    let [left, top, columns] = [frame.left, frame.top, frame.width].map(usize::from);
    let mut pixels = vec![0; decoder.buffer_size()];
    decoder.read_into_buffer(&mut pixels).map_err(not_image)?;
    // A frame covers a part of the picture, and lies within it: that was checked.
    let mut all = vec![[0; 4]; (width * height) as usize];
    let rows = all.chunks_exact_mut(width as usize).skip(top);
    for (to, from) in rows.zip(pixels.as_chunks().0.chunks_exact(columns.max(1))) {
        to.iter_mut().skip(left).zip(from).for_each(|(to, from)| *to = *from);
    }
    Ok(Raster::new(width, all))
}

fn decode_webp(file: &[u8]) -> Result<Raster, DigitError> {
    let mut decoder = WebPDecoder::new(Cursor::new(file)).map_err(not_image)?;
    decoder.set_memory_limit(MAX_MEMORY);
    let (width, height) = checked(decoder.dimensions())?;
    let samples = if decoder.has_alpha() { 4 } else { 3 };
    let mut pixels = vec![0; (width * height) as usize * samples];
    if decoder.is_animated() {
        decoder.read_frame(&mut pixels).map_err(not_image)?;
    } else {
        decoder.read_image(&mut pixels).map_err(not_image)?;
    }
    let opaque = |&[red, green, blue]: &[u8; 3]| [red, green, blue, 255];
    let pixels = match samples {
        4 => pixels.as_chunks().0.to_vec(),
        _ => pixels.as_chunks().0.iter().map(opaque).collect(),
    };
    Ok(Raster::new(width, pixels))
}

fn checked((width, height): (u32, u32)) -> Result<(u32, u32), DigitError> {
    let fits = (1..=MAX_SIZE.0).contains(&width) && (1..=MAX_SIZE.1).contains(&height);
    if fits { Ok((width, height)) } else { Err(DigitError::Size) }
}

fn not_image(error: impl Into<Box<dyn Error + Send + Sync>>) -> DigitError {
    DigitError::NotImage(error.into())
}

impl fmt::Display for DigitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (width, height) = MAX_SIZE;
        match self {
            Self::File => write!(f, "it has more than {} KiB", Themes::MAX_DIGIT_BYTES >> 10),
            Self::NotImage(error) => {
                write!(f, "it is no PNG, GIF or WebP file that can be read: {error}")
            }
            Self::Size => write!(f, "a digit has at most {width} by {height} pixels"),
        }
    }
}

impl Error for DigitError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        if let Self::NotImage(error) = self { Some(&**error) } else { None }
    }
}

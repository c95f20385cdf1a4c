//! Reading the number off the pixels: which of the pictures that the program could have sent is the one painted?

use std::collections::HashMap;
use std::fmt;
use std::io::Cursor;
use std::sync::LazyLock;

use onlookers_picture::{Raster, Style, StyleBuilder, Themes, Value, render};

use crate::Outcome;

/// How far a painted channel may be from what was sent, of 255: engines round differently when they compose.
const TOLERANCE: u8 = 3;
/// No scenario gets as far as this.
const MOST: u64 = 60;

/// At scales 1 and 2. What is painted must be as sharp as what was sent: a picture that the engine has enlarged is none of
/// them.
static PICTURES: LazyLock<Vec<(Value, Raster)>> = LazyLock::new(|| {
    let values = || (0..=MOST).map(Value::Count).chain([Value::Ended]);
    let at_scale = |scale| {
        let mut style = StyleBuilder::default();
        assert_eq!(style.take("scale", scale), Ok(true));
        let style = style.build(&Themes::default()).expect("a style");
        values().map(move |value| (value, render(&style, value)))
    };
    at_scale("1").chain(at_scale("2")).collect()
});

/// What a page shows in the place of the picture.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Seen {
    /// Pixel for pixel the picture of this value.
    Picture(Value),
    /// One colour.
    Blank,
    /// Something else: half a picture, a broken image's icon, another number than any expected.
    Unknown,
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Picture(Value::Count(n) | Value::Peak { now: n, .. }) => write!(f, "the number {n}"),
            Self::Picture(Value::Ended) => write!(f, "the pale dash"),
            Self::Blank => write!(f, "nothing"),
            Self::Unknown => write!(f, "no picture of ours"),
        }
    }
}

/// Pixels, row after row; what was transparent lies on white.
pub(crate) struct Pixels {
    width: usize,
    rgb: Vec<[u8; 3]>,
}

/// Left, top, width and height, in pixels.
pub(crate) type Rectangle = [usize; 4];

impl Pixels {
    /// Decodes a PNG file.
    pub(crate) fn decode(file: &[u8]) -> Outcome<Self> {
        let all = Image::decode(file)?;
        all.cut([0, 0, all.width, all.height]).ok_or_else(|| "an empty picture".into())
    }

    /// Decodes a part of a PNG file; none if the rectangle is not wholly inside.
    pub(crate) fn decode_part(file: &[u8], part: Rectangle) -> Outcome<Option<Self>> {
        Ok(Image::decode(file)?.cut(part))
    }

    /// Which picture these are the pixels of, on whatever single colour it lies.
    pub(crate) fn read(&self) -> Seen {
        let ground = self.ground();
        if self.rgb.iter().all(|&pixel| near(pixel, ground)) {
            return Seen::Blank;
        }
        let found = PICTURES.iter().find(|(_, raster)| self.is(raster, ground));
        found.map_or(Seen::Unknown, |&(value, _)| Seen::Picture(value))
    }

    fn is(&self, raster: &Raster, ground: [u8; 3]) -> bool {
        raster.width() as usize == self.width
            && raster.pixels().len() == self.rgb.len()
            && raster
                .pixels()
                .iter()
                .zip(&self.rgb)
                .all(|(&sent, &painted)| near(over(sent, ground), painted))
    }

    /// The commonest colour: most of a picture is transparent.
    fn ground(&self) -> [u8; 3] {
        let mut times = HashMap::new();
        for pixel in &self.rgb {
            *times.entry(*pixel).or_insert(0) += 1;
        }
        times.into_iter().max_by_key(|&(_, n)| n).map_or([255; 3], |(pixel, _)| pixel)
    }
}

/// What the decoder gives: channels of 8 bits, alpha the last.
struct Image {
    width: usize,
    height: usize,
    channels: usize,
    bytes: Vec<u8>,
}

impl Image {
    fn decode(file: &[u8]) -> Outcome<Self> {
        let mut decoder = png::Decoder::new(Cursor::new(file));
        decoder
            .set_transformations(png::Transformations::normalize_to_color8() | png::Transformations::ALPHA);
        let mut reader = decoder.read_info()?;
        let mut bytes = vec![0; reader.output_buffer_size().ok_or("a picture too large")?];
        let info = reader.next_frame(&mut bytes)?;
        Ok(Self {
            width: info.width as usize,
            height: info.height as usize,
            channels: info.color_type.samples(),
            bytes,
        })
    }

    fn cut(&self, [left, top, width, height]: Rectangle) -> Option<Pixels> {
        let inside = left + width <= self.width && top + height <= self.height;
        let rows = self.bytes.chunks_exact(self.width * self.channels).skip(top).take(height);
        let part = rows.flat_map(|row| row.chunks_exact(self.channels).skip(left).take(width));
        inside.then(|| Pixels { width, rgb: part.map(opaque).collect() })
    }
}

/// A pixel of grey and alpha, or of red, green, blue and alpha.
fn opaque(pixel: &[u8]) -> [u8; 3] {
    match *pixel {
        [grey, alpha] => over([grey, grey, grey, alpha], [255; 3]),
        [red, green, blue, alpha] => over([red, green, blue, alpha], [255; 3]),
        _ => [0; 3],
    }
}

fn over([red, green, blue, alpha]: [u8; 4], ground: [u8; 3]) -> [u8; 3] {
    let mix = |ink: u8, ground: u8| {
        let alpha = u32::from(alpha);
        ((u32::from(ink) * alpha + u32::from(ground) * (255 - alpha) + 127) / 255) as u8
    };
    [mix(red, ground[0]), mix(green, ground[1]), mix(blue, ground[2])]
}

fn near(a: [u8; 3], b: [u8; 3]) -> bool {
    a.iter().zip(b).all(|(a, b)| a.abs_diff(b) <= TOLERANCE)
}

#[test]
fn each_number_is_told_from_every_other_on_any_ground() -> Outcome {
    for ground in [[255; 3], [20, 22, 30], [240, 230, 200]] {
        for (value, raster) in PICTURES.iter() {
            let rgb = raster.pixels().iter().map(|&pixel| over(pixel, ground)).collect();
            let seen = Pixels { width: raster.width() as usize, rgb }.read();
            assert_eq!(seen, Seen::Picture(*value), "on {ground:?}");
        }
    }
    Ok(())
}

#[test]
fn half_a_picture_and_none_are_no_number() -> Outcome {
    let mut half = Pixels::decode(&render(&Style::default(), Value::Count(8)).encode())?;
    assert_eq!(half.read(), Seen::Picture(Value::Count(8)));
    half.rgb[15 * 200..].fill([255; 3]);
    assert_eq!(half.read(), Seen::Unknown);
    half.rgb.fill([255; 3]);
    assert_eq!(half.read(), Seen::Blank);
    Ok(())
}

//! Positions in a page, as a heat map along it.

use std::fmt;
use std::sync::LazyLock;

use bytes::Bytes;

use crate::appearance::{self, PageTheme};
use crate::{Appearance, Parameter, Raster, Rgb, png};

/// Pixels along the strip from one cell to the next: a mark and the gap after it.
const PITCH: usize = 4;
const GAP: usize = 1;

/// A grey that is visible on light and on dark pages.
const TRACK: [u8; 4] = [127, 127, 127, 72];

/// Where it is known what the page is.
const TRACK_ON_LIGHT: [u8; 4] = [0, 0, 0, 24];
const TRACK_ON_DARK: [u8; 4] = [255, 255, 255, 40];

/// The most pixels that a file has because of its scale: the largest strip at scale 2.
const MAX_PIXELS: u32 = 800_000;

/// The colours of marks, from one reader on: each stands for up to twice as many as the one before. They go from badge
/// services' green to their red.
const HEAT: [[u8; 4]; 6] = [
    [0x44, 0xbb, 0x00, 255],
    [0x95, 0xb9, 0x1a, 255],
    [0xd8, 0xb8, 0x00, 255],
    [0xea, 0x91, 0x1a, 255],
    [0xea, 0x72, 0x33, 255],
    [0xdd, 0x43, 0x43, 255],
];

/// The opacities of marks of one colour, likewise.
const OPACITIES: [u8; 6] = [140, 163, 186, 209, 232, 255];

/// The size of a strip, and how it looks. Its longer side runs along the page, from the left or from the top.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Strip {
    /// On the page, in pixels.
    width: u16,
    height: u16,
    /// Pixels of the file per pixel of the page, in each direction.
    scale: u8,
    track: [u8; 4],
    /// Of its marks; from green to red without.
    color: Option<Rgb>,
}

/// A size that no strip has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct StripError;

/// The visible level of each cell of a strip: 0 without readers, otherwise one more than the index in `HEAT`. Two equal
/// ones give the same picture.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Heat(Vec<u8>);

impl Strip {
    /// The most pixels of the longer side.
    pub const MAX_LENGTH: u16 = 2000;
    /// The most pixels of the shorter side.
    pub const MAX_BREADTH: u16 = 100;
    /// The fewest pixels of the shorter side.
    pub const MIN_BREADTH: u16 = 4;

    /// A strip of this size, in pixels.
    ///
    /// # Errors
    /// [`StripError`], if the longer side has more than 2000 or the shorter one not 4 to 100.
    pub fn new(width: u16, height: u16) -> Result<Self, StripError> {
        let (shorter, longer) = (width.min(height), width.max(height));
        if longer > Self::MAX_LENGTH || !(Self::MIN_BREADTH..=Self::MAX_BREADTH).contains(&shorter) {
            return Err(StripError);
        }
        Ok(Self { width, height, ..Self::default() })
    }

    /// The same strip in these colours and at this scale. With a colour of their own, marks are more opaque where there are more
    /// readers.
    pub fn with(self, appearance: Appearance) -> Self {
        let track = match appearance.theme {
            None => TRACK,
            Some(PageTheme::Light) => TRACK_ON_LIGHT,
            Some(PageTheme::Dark) => TRACK_ON_DARK,
        };
        let scale = appearance.scale_within(MAX_PIXELS, (self.width.into(), self.height.into()));
        Self { track, scale, color: appearance.color, ..self }
    }

    /// Parameters of which an [`Appearance`] makes an equal strip of the same size.
    pub fn parameters(self) -> Vec<Parameter> {
        let theme = match self.track {
            TRACK_ON_LIGHT => Some(PageTheme::Light),
            TRACK_ON_DARK => Some(PageTheme::Dark),
            _ => None,
        };
        appearance::parameters(theme, self.color, self.scale)
    }

    /// Width on the page, in pixels.
    pub fn width(self) -> u16 {
        self.width
    }

    /// Height on the page, in pixels.
    pub fn height(self) -> u16 {
        self.height
    }

    /// The heat of readers at `positions`, each from 0 (the beginning of the page) to 1 (its end).
    pub fn heat(self, positions: impl IntoIterator<Item = f32>) -> Heat {
        let mut readers = vec![0_u32; self.length().div_ceil(PITCH)];
        let last = readers.len() - 1;
        for position in positions {
            readers[((position * last as f32).round() as usize).min(last)] += 1;
        }
        Heat(readers.into_iter().map(level).collect())
    }

    /// The strip as a PNG file.
    pub fn paint(self, heat: &Heat) -> Bytes {
        let scale = usize::from(self.scale);
        let along: Vec<u8> = (0..self.length() * scale).map(|at| level_at(heat, at / scale)).collect();
        let (width, height) = (usize::from(self.width) * scale, usize::from(self.height) * scale);
        let pixels = if self.is_horizontal() {
            along.repeat(height)
        } else {
            along.iter().flat_map(|&level| std::iter::repeat_n(level, width)).collect()
        };
        png::encode_indexed(width as u32, &self.colors(), pixels)
    }

    /// The colour of each level.
    fn colors(self) -> [[u8; 4]; HEAT.len() + 1] {
        std::array::from_fn(|level| match (level, self.color) {
            (0, _) => self.track,
            (_, None) => HEAT[level - 1],
            (_, Some(Rgb([red, green, blue]))) => [red, green, blue, OPACITIES[level - 1]],
        })
    }

    fn is_horizontal(self) -> bool {
        self.width >= self.height
    }

    fn length(self) -> usize {
        usize::from(self.width.max(self.height))
    }
}

impl Default for Strip {
    /// 200×12 pixels.
    fn default() -> Self {
        Self { width: 200, height: 12, scale: 1, track: TRACK, color: None }
    }
}

/// A PNG file of one transparent pixel, for requests that are made for their effect only.
pub fn clear_pixel() -> Bytes {
    static PIXEL: LazyLock<Bytes> = LazyLock::new(|| Raster::new(1, vec![[0; 4]]).encode());
    PIXEL.clone()
}

/// 1 for one reader, 2 for two, 3 for three and four, and so on, doubling.
fn level(readers: u32) -> u8 {
    let doublings = |readers: u32| readers.next_power_of_two().ilog2() as u8;
    if readers == 0 { 0 } else { (1 + doublings(readers)).min(HEAT.len() as u8) }
}

/// The level at a place along the strip; that of the track between two cells.
fn level_at(heat: &Heat, at: usize) -> u8 {
    if at % PITCH >= PITCH - GAP { 0 } else { heat.0.get(at / PITCH).copied().unwrap_or_default() }
}

impl fmt::Display for StripError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "no strip: the longer side has at most {} pixels, the shorter one {} to {}",
            Strip::MAX_LENGTH,
            Strip::MIN_BREADTH,
            Strip::MAX_BREADTH
        )
    }
}

impl std::error::Error for StripError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn heat(positions: &[f32]) -> Vec<u8> {
        Strip::new(17, 4).unwrap().heat(positions.iter().copied()).0
    }

    #[test]
    fn each_reader_is_in_the_cell_of_the_position() {
        assert_eq!(heat(&[]), [0, 0, 0, 0, 0]);
        assert_eq!(heat(&[0.0, 0.5, 1.0]), [1, 0, 1, 0, 1]);
        assert_eq!(heat(&[0.2, 0.3]), [0, 2, 0, 0, 0]);
        // No position panics.
        assert_eq!(heat(&[f32::NAN, f32::INFINITY, -3.0]), [2, 0, 0, 0, 1]);
    }

    #[test]
    fn the_level_grows_with_each_doubling() {
        let levels = [0, 1, 2, 3, 4, 5, 8, 9, 16, 17, 32, 33, u32::MAX >> 1].map(level);
        assert_eq!(levels, [0, 1, 2, 3, 3, 4, 4, 5, 5, 6, 6, 6, 6]);
    }

    #[test]
    fn a_strip_has_the_colours_and_the_scale_asked_for() {
        let strip = |width, parameters: &[(&str, &str)]| {
            let mut appearance = Appearance::default();
            for (name, value) in parameters {
                assert_eq!(appearance.take(name, value), Ok(true));
            }
            Strip::new(width, 4).unwrap().with(appearance)
        };
        assert_eq!(strip(200, &[("scale", "1")]), Strip::new(200, 4).unwrap());
        let tracks_of = |theme| strip(200, &[("theme", theme)]);
        let tracks = ["light", "dark"].map(|theme| tracks_of(theme).track);
        assert!(tracks[0] != tracks[1] && !tracks.contains(&TRACK));
        let red = strip(200, &[("color", "f00")]);
        assert_eq!(red.colors()[..3], [TRACK, [255, 0, 0, 140], [255, 0, 0, 163]]);
        let scaled = |width, height| {
            let mut appearance = Appearance::default();
            assert_eq!(appearance.take("scale", "4"), Ok(true));
            Strip::new(width, height).unwrap().with(appearance)
        };
        for strip in [tracks_of("light"), tracks_of("dark"), red, scaled(2000, 100), Strip::default()] {
            let mut appearance = Appearance::default();
            for (name, value) in strip.parameters() {
                assert_eq!(appearance.take(name, &value), Ok(true));
            }
            assert_eq!(Strip::new(strip.width(), strip.height()).unwrap().with(appearance), strip);
        }
        for (width, height, size) in [(200, 4, (800, 16)), (4, 200, (16, 800)), (2000, 100, (4000, 200))] {
            let strip = scaled(width, height);
            let file = strip.paint(&strip.heat([0.5]));
            let side = |at: usize| u32::from_be_bytes(file[at..at + 4].try_into().unwrap());
            assert_eq!((side(16), side(20)), size);
        }
    }

    #[test]
    fn the_longer_side_runs_along_the_page() {
        for (width, height) in [(200, 12), (12, 200), (2000, 100), (4, 4)] {
            let strip = Strip::new(width, height).unwrap();
            let file = strip.paint(&strip.heat([0.5]));
            let side = |at: usize| u32::from_be_bytes(file[at..at + 4].try_into().unwrap());
            assert_eq!((side(16), side(20)), (u32::from(width), u32::from(height)));
        }
        for (width, height) in [(2001, 12), (12, 2001), (101, 101), (3, 100), (0, 0)] {
            assert_eq!(Strip::new(width, height), Err(StripError));
        }
    }
}

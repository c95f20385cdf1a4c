//! A list of pages and their numbers.

use std::collections::BTreeSet;

use bytes::Bytes;
use tiny_skia::Mask;

use crate::appearance::{self, PageTheme};
use crate::font::Face;
use crate::layers::Glyphs;
use crate::parameters::bad;
use crate::text::Line;
use crate::themes::Fallback;
use crate::{Appearance, Parameter, Rgb, StyleError, Themes, png};

mod name;

/// Pixels: enough for a path of about forty characters.
const WIDTH: u16 = 320;
const ROW: u32 = 20;
const MARGIN: u32 = 8;
/// Where names begin.
const LEFT: f32 = MARGIN as f32;
const SIZE: f32 = 12.0;
/// The width of a digit: whole, so that a digit has the same pixels in each position.
const CELL: f32 = 8.0;
/// The column of numbers is wide enough for this many digits.
const MIN_DIGITS: usize = 4;
/// Pixels between a name and its number.
const GAP: f32 = 12.0;
const NOBODY: &str = "No page is open right now";

/// The most pixels that a file has because of its scale: twenty pages, 320 pixels wide, at scale 2.
const MAX_PIXELS: u32 = 550_000;

/// How a list of pages looks. Equal ones give equal pictures.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct RankingStyle {
    /// The most rows.
    rows: u8,
    /// On the page, in pixels.
    width: u16,
    /// Pixels of the file per pixel of the page, in each direction.
    scale: u8,
    colors: Colors,
    /// Fonts for titles.
    fallback: Fallback,
}

impl Default for RankingStyle {
    /// Ten rows, 320 pixels wide, white on dark grey.
    fn default() -> Self {
        Self {
            rows: Self::DEFAULT_ROWS,
            width: WIDTH,
            scale: 1,
            colors: Colors::DARK,
            fallback: Fallback::default(),
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
struct Colors {
    background: Rgb,
    /// Of every second row.
    stripe: Rgb,
    letters: Rgb,
}

impl Colors {
    /// White text has a contrast of 11 to 1 on this background, whatever the page's.
    const DARK: Self = Self { background: Rgb([51; 3]), stripe: Rgb([64; 3]), letters: Rgb([255; 3]) };
    /// Text has a contrast of 16 to 1.
    const LIGHT: Self = Self { background: Rgb([255; 3]), stripe: Rgb([240; 3]), letters: Rgb([34; 3]) };
}

/// One page of a list.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Row<'a> {
    /// Its percent-encoded path, which is painted decoded where that is readable.
    pub page: &'a str,
    /// Painted in place of the path.
    pub title: Option<&'a str>,
    /// How many have it open.
    pub count: u64,
}

impl RankingStyle {
    /// The most rows of any list.
    pub const MAX_ROWS: u8 = 50;
    /// How many rows a list has if nothing else is asked for.
    pub const DEFAULT_ROWS: u8 = 10;
    /// The fewest pixels of its width on the page.
    pub const MIN_WIDTH: u16 = 160;
    /// The most pixels of its width on the page.
    pub const MAX_WIDTH: u16 = 1000;

    /// At most `rows` pages (clamped to 1 to 50), `width` pixels wide; white on dark grey, unless `appearance` says something
    /// else. Letters of titles come from the fonts of `themes` where the list's own has none.
    ///
    /// # Errors
    /// When the width is not 160 to 1000.
    pub fn new(
        rows: u8,
        width: Option<u16>,
        appearance: Appearance,
        themes: &Themes,
    ) -> Result<Self, StyleError> {
        let (width, rows) = (width.unwrap_or(WIDTH), rows.clamp(1, Self::MAX_ROWS));
        if !(Self::MIN_WIDTH..=Self::MAX_WIDTH).contains(&width) {
            let (min, max) = (Self::MIN_WIDTH, Self::MAX_WIDTH);
            return Err(bad("width", format_args!("a list is {min} to {max} pixels wide")));
        }
        let mut colors = match appearance.theme {
            Some(PageTheme::Light) => Colors::LIGHT,
            Some(PageTheme::Dark) | None => Colors::DARK,
        };
        colors.letters = appearance.color.unwrap_or(colors.letters);
        let scale = appearance.scale_within(MAX_PIXELS, (width.into(), height(rows.into())));
        Ok(Self { rows, width, scale, colors, fallback: themes.fallback() })
    }

    /// Parameters of which an [`Appearance`] makes an equal style, with as many rows and as wide.
    pub fn parameters(&self) -> Vec<Parameter> {
        let own =
            if self.colors.background == Colors::LIGHT.background { Colors::LIGHT } else { Colors::DARK };
        let theme = (own == Colors::LIGHT).then_some(PageTheme::Light);
        let color = (self.colors.letters != own.letters).then_some(self.colors.letters);
        appearance::parameters(theme, color, self.scale)
    }

    /// The most rows.
    pub fn rows(&self) -> usize {
        self.rows.into()
    }

    /// The width on the page, in pixels.
    pub fn width(&self) -> u16 {
        self.width
    }

    /// A PNG file that lists `rows` in the order given. It is as high as they are, 20 pixels each and a margin of 8 above and
    /// below; without any, one row says so. Takes some milliseconds.
    pub fn paint(&self, rows: &[Row<'_>]) -> Bytes {
        self.encode(&self.letters(rows))
    }

    /// The characters of titles for which no font has a glyph. They are painted as boxes.
    pub fn missing_glyphs(&self, rows: &[Row<'_>]) -> BTreeSet<char> {
        let titles = self.listed(rows).iter().filter_map(|row| row.title);
        titles.flat_map(str::chars).filter(|&c| !self.face().can_show(c)).collect()
    }

    fn listed<'r, 'a>(&self, rows: &'r [Row<'a>]) -> &'r [Row<'a>] {
        &rows[..rows.len().min(self.rows())]
    }

    fn face(&self) -> Face<'_> {
        Face::dejavu(SIZE).or(self.fallback.added())
    }

    fn letters(&self, rows: &[Row<'_>]) -> Mask {
        let (rows, scale) = (self.listed(rows), u32::from(self.scale));
        let size = (u32::from(self.width) * scale, height(rows.len()) * scale);
        let mut letters = Mask::new(size.0, size.1).expect("neither side is zero");
        // Most texts have the same few characters.
        let glyphs = Glyphs::of('!'..='~');
        for (place, line) in self.lines(rows) {
            line.draw_scaled(&mut letters, baseline(place) * scale as i32, scale as f32, Some(&glyphs));
        }
        letters
    }

    /// The texts of each place, from the top.
    fn lines(&self, rows: &[Row<'_>]) -> Vec<(usize, Line<'_>)> {
        let (face, right) = (self.face(), (u32::from(self.width) - MARGIN) as f32);
        if rows.is_empty() {
            return vec![(0, name::title(NOBODY, face, LEFT, right - LEFT))];
        }
        let digits = rows.iter().map(|row| digits(row.count)).max().unwrap_or_default().max(MIN_DIGITS);
        let numbers = right - CELL * digits as f32;
        let texts = |row: &Row<'_>| {
            let number = format!("{:>digits$}", row.count);
            [name::of(row, face, LEFT, numbers - GAP - LEFT), Line::at(numbers, face).cells(CELL, &number)]
        };
        rows.iter().enumerate().flat_map(|(place, row)| texts(row).map(|line| (place, line))).collect()
    }

    /// Letters on their background, as a PNG file.
    fn encode(&self, letters: &Mask) -> Bytes {
        let Colors { background, stripe, letters: ink } = self.colors;
        let (width, scale) = (letters.width() as usize, u32::from(self.scale));
        let rows = MARGIN..letters.height() / scale - MARGIN;
        let is_striped =
            |y: u32| rows.contains(&(y / scale)) && ((y / scale - MARGIN) / ROW).is_multiple_of(2);
        let (mut colors, mut places) = (Vec::new(), [[None; 128]; 2]);
        let mut indices = Vec::with_capacity(letters.data().len());
        for (y, line) in (0..).zip(letters.data().chunks_exact(width)) {
            let is_striped = is_striped(y);
            let ground = if is_striped { stripe } else { background };
            let places = &mut places[usize::from(is_striped)];
            indices.extend(line.iter().map(|&coverage| {
                // Two coverages in a row share a place, so that a palette has room for all.
                *places[usize::from(coverage / 2)].get_or_insert_with(|| {
                    colors.push(blend(ground, ink, coverage));
                    (colors.len() - 1) as u8
                })
            }));
        }
        png::encode_indexed(letters.width(), &colors, indices)
    }
}

/// On the page, in pixels.
fn height(rows: usize) -> u32 {
    rows.max(1) as u32 * ROW + 2 * MARGIN
}

fn baseline(place: usize) -> i32 {
    (MARGIN as usize + place * ROW as usize + 14) as i32
}

fn digits(number: u64) -> usize {
    number.checked_ilog10().unwrap_or_default() as usize + 1
}

/// A pixel that is covered by so much ink, of 255.
fn blend(Rgb(ground): Rgb, Rgb(ink): Rgb, coverage: u8) -> [u8; 4] {
    // Rounded as tiny-skia does.
    let part = |value: u8, weight: u8| (u16::from(value) * u16::from(weight)).div_ceil(256);
    let mix = |i: usize| (part(ink[i], coverage) + part(ground[i], 255 - coverage)).min(255) as u8;
    [mix(0), mix(1), mix(2), 255]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(count: usize) -> Vec<Row<'static>> {
        vec![Row { page: "/page", title: None, count: u64::MAX }; count]
    }

    fn style(rows: u8, width: u16, parameters: &[(&str, &str)]) -> RankingStyle {
        let mut appearance = Appearance::default();
        for (name, value) in parameters {
            assert_eq!(appearance.take(name, value), Ok(true));
        }
        RankingStyle::new(rows, Some(width), appearance, &Themes::default()).unwrap()
    }

    fn size(style: &RankingStyle, count: usize) -> (u32, u32) {
        let file = style.paint(&rows(count));
        let side = |at: usize| u32::from_be_bytes(file[at..at + 4].try_into().unwrap());
        (side(16), side(20))
    }

    #[test]
    fn a_list_is_as_high_as_its_rows() {
        let ten = style(10, 320, &[]);
        assert_eq!([0, 1, 2, 10, 80].map(|count| size(&ten, count).1), [36, 36, 56, 216, 216]);
        assert_eq!([0, 1, 50, 255].map(|most| size(&style(most, 320, &[]), 80).1), [36, 36, 1016, 1016]);
        assert_eq!([160, 1000].map(|width| size(&style(10, width, &[]), 1)), [(160, 36), (1000, 36)]);
        for width in [0, 159, 1001, u16::MAX] {
            let error = RankingStyle::new(1, Some(width), Appearance::default(), &Themes::default());
            assert_eq!(error.unwrap_err().parameter, "width");
        }
    }

    #[test]
    fn the_scale_does_not_depend_on_the_rows_there_are() {
        assert_eq!([0, 1, 10].map(|n| size(&style(10, 320, &[("scale", "2")]), n).0), [640; 3]);
        let most = style(50, 1000, &[("scale", "4")]);
        assert_eq!([0, 1, 50].map(|n| size(&most, n).0), [1000; 3], "too large for any scale");
    }

    #[test]
    fn two_spellings_of_one_look_are_equal() {
        let style = |parameters: &[_]| style(10, 320, parameters);
        assert_eq!(style(&[]), RankingStyle::default());
        assert_eq!(style(&[("theme", "dark"), ("color", "fff"), ("scale", "1")]), style(&[]));
        assert_eq!(style(&[("color", "green")]), style(&[("color", "008000")]));
        let looks: [&[(&str, &str)]; 4] =
            [&[], &[("theme", "light")], &[("color", "red")], &[("scale", "2")]];
        let looks: std::collections::HashSet<_> = looks.into_iter().map(style).collect();
        assert_eq!(looks.len(), 4);
        for look in looks {
            let mut appearance = Appearance::default();
            for (name, value) in look.parameters() {
                assert_eq!(appearance.take(name, &value), Ok(true));
            }
            let again = RankingStyle::new(10, Some(look.width()), appearance, &Themes::default());
            assert_eq!(again.unwrap(), look);
        }
    }

    #[test]
    fn a_digit_has_the_same_pixels_in_each_position() {
        for scale in [1, 2, 4] {
            let style = style(1, 320, &[("scale", &scale.to_string())]);
            let letters = style.letters(&[Row { page: "/", title: None, count: 8888 }]);
            let (width, cell) = (letters.width() as usize, CELL as usize * scale);
            let columns = |x: usize| -> Vec<_> {
                letters.data().chunks_exact(width).flat_map(|row| row[x..][..cell].to_vec()).collect()
            };
            let last = width - MARGIN as usize * scale - cell;
            assert!((1..4).all(|place| columns(last) == columns(last - place * cell)), "{scale}");
        }
    }
}

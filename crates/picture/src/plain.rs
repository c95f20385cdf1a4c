//! The plain look: "Users online: 42" in green letters on a transparent background.

use crate::drawing::Drawing;
use crate::font::Face;
use crate::shared::Shared;
use crate::text::Line;
use crate::typeface::Typeface;
use crate::{Label, Rgb, Style, Value};

/// The size in the image tag (width=200 height=30). A picture is never smaller.
const SIZE: (u32, u32) = (200, 30);
/// Pixels left and right of the text.
const MARGIN: f32 = 10.0;
/// The row of pixels below the baseline.
const BASELINE: u32 = 22;
/// The height of capitals: that of Impact's at 20 pixels, and whole, so that their tops and baselines are sharp.
const CAPITALS: f32 = 16.0;
/// The width of a digit: whole, so that a digit has the same pixels in each position.
const CELL: f32 = 10.0;
/// A picture is wide enough for this many digits: its size stays the same from 0 to 9,999.
const MIN_DIGITS: u32 = 4;
/// Opacity of the last picture of a stream, 0 to 255.
const PALE: u8 = 115;

/// The parameters of the plain look.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Plain {
    pub(crate) ink: Rgb,
    /// An added font; Anton if there is none.
    pub(crate) font: Option<Shared<Typeface>>,
}

impl Plain {
    /// Green with a contrast of 7.4 to 1 on white.
    pub(crate) const LIGHT: Rgb = Rgb([0, 100, 0]);
    /// Green with a contrast of 13 to 1 on black.
    pub(crate) const DARK: Rgb = Rgb([120, 220, 120]);

    fn face<'a>(&'a self, style: &'a Style) -> Face<'a> {
        let own = self.font.as_ref().map(|font| Face::with_capitals(font, CAPITALS));
        own.unwrap_or(Face::anton(CAPITALS)).or(style.fallback.added())
    }
}

impl Default for Plain {
    fn default() -> Self {
        Self { ink: Self::LIGHT, font: None }
    }
}

pub(crate) fn draw<'a>(plain: &'a Plain, style: &'a Style, value: Value) -> Drawing<'a> {
    let face = plain.face(style);
    let words = Line::at(MARGIN, face).sharp(&words(&style.label));
    let number = |value| Line::at(words.end(), face).number(CELL, &style.message(value));
    let line = number(value);
    let widest = number(Value::largest(MIN_DIGITS));
    let needed = (line.end().max(widest.end()) + MARGIN).ceil() as u32;
    let mut drawing = Drawing::new(needed.max(SIZE.0), SIZE.1);
    drawing.text(words, BASELINE, plain.ink);
    drawing.number_follows();
    drawing.text(line, BASELINE, plain.ink);
    if value == Value::Ended {
        drawing.alpha = PALE;
    }
    drawing
}

fn words(label: &Label) -> String {
    match label.as_str() {
        "" => String::new(),
        label => format!("{label}: "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Raster, render};

    #[test]
    fn the_label_does_not_move_when_the_number_changes() {
        let left_of_number = |n| columns(&count(n), 0, number_left());
        for n in [1, 7, 10, 99, 100, 9_999, 1_234_567] {
            assert!(left_of_number(n) == left_of_number(0), "{n}");
        }
    }

    #[test]
    fn each_digit_has_the_same_pixels_in_each_place() {
        for digit in 0..10 {
            let raster = count(digit * 1111);
            let place = |i: u32| columns(&raster, number_left() + i * CELL as u32, CELL as u32);
            assert!(digit == 0 || (1..4).all(|i| place(i) == place(0)), "{digit}");
        }
    }

    #[test]
    fn the_picture_grows_only_when_it_must() {
        let width = |label: &str, n| paint(&Label::new(label).unwrap(), Value::Count(n)).width();
        assert_eq!(width("Users online", 9_999_999), 200);
        let long = width("People who are reading this very page right now", 0);
        assert!(long > 200);
        assert_eq!(width("People who are reading this very page right now", 9_999), long);
        assert_eq!(width("People who are reading this very page right now", 10_000), long + CELL as u32);
    }

    #[test]
    fn the_largest_number_and_the_longest_label_are_whole() {
        let widest = Label::new(&"W".repeat(Label::MAX_CHARS)).unwrap();
        for label in [Label::default(), widest] {
            let raster = paint(&label, Value::Count(u64::MAX));
            let last = columns(&raster, raster.width() - MARGIN as u32, MARGIN as u32);
            assert!(last.iter().all(|pixel| pixel[3] == 0), "ink in the margin");
        }
    }

    #[test]
    fn the_ink_is_one_green_and_pale_at_the_end() {
        let of = |value| paint(&Label::default(), value).pixels().to_vec();
        for value in [Value::Count(8), Value::Ended] {
            assert!(of(value).iter().all(|&[r, g, b, a]| a == 0 || Rgb([r, g, b]) == Plain::LIGHT));
        }
        assert_eq!(of(Value::Count(8)).iter().map(|p| p[3]).max(), Some(255));
        assert_eq!(of(Value::Ended).iter().map(|p| p[3]).max(), Some(PALE));
    }

    #[test]
    fn an_empty_label_leaves_the_number_alone() {
        let alone = paint(&Label::new("").unwrap(), Value::Count(8));
        let number = columns(&count(8), number_left(), CELL as u32);
        assert!(columns(&alone, MARGIN as u32, CELL as u32) == number);
    }

    fn paint(label: &Label, value: Value) -> Raster {
        render(&Style::plain(label.clone()), value)
    }

    fn count(n: u64) -> Raster {
        paint(&Label::default(), Value::Count(n))
    }

    fn number_left() -> u32 {
        Line::at(MARGIN, Face::anton(CAPITALS)).sharp("Users online: ").end() as u32
    }

    fn columns(raster: &Raster, left: u32, width: u32) -> Vec<[u8; 4]> {
        let rows = raster.pixels().chunks_exact(raster.width() as usize);
        rows.flat_map(|row| row[left as usize..][..width as usize].to_vec()).collect()
    }
}

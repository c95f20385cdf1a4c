//! The digits look: the number alone, as on a mechanical or electronic counter.

mod custom;
mod decode;
mod odometer;
mod pixel;
mod seven_segment;

use crate::drawing::{self, Drawing, Part};
use crate::shared::Shared;
use crate::{Rgb, Value};

pub(crate) use custom::CustomDigits;
pub use decode::{DigitError, DigitFiles};

/// The parameters of the digits look.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Digits {
    pub(crate) theme: Theme,
    /// Colour of the digits.
    pub(crate) color: Rgb,
    /// Colour of the area around them.
    pub(crate) background: Rgb,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Theme {
    Odometer,
    SevenSegment,
    Pixel,
    /// An added one, whose colours can't be changed.
    Custom(Shared<CustomDigits>),
}

/// One digit of the counter.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Cell {
    Digit(u8),
    /// A leading zero.
    Blank,
    /// At the end of a stream.
    Dash,
}

impl Cell {
    /// The part of a drawing that shows the cell, `left` pixels from the left.
    fn place(self, left: f32, width: f32, parts: Vec<Part<'_>>) -> drawing::Cell<'_> {
        let digit = match self {
            Self::Digit(digit) => usize::from(digit),
            Self::Blank => drawing::Cell::BLANK,
            Self::Dash => drawing::Cell::DASH,
        };
        drawing::Cell { left: left as u32, width: width as u32, digit, parts }
    }
}

/// A counter has at least this many cells.
const MIN_DIGITS: usize = 4;

impl Digits {
    /// A theme in the given colours, or in its own where none is given.
    pub(crate) fn new(theme: Theme, color: Option<Rgb>, background: Option<Rgb>) -> Self {
        let (own_color, own_background) = match theme {
            Theme::Odometer => odometer::COLORS,
            Theme::SevenSegment => seven_segment::COLORS,
            Theme::Pixel => pixel::COLORS,
            Theme::Custom(_) => return Self { theme, color: custom::DASH, background: custom::DASH },
        };
        Self { theme, color: color.unwrap_or(own_color), background: background.unwrap_or(own_background) }
    }
}

impl Theme {
    /// The names of the built-in themes.
    pub(crate) const NAMES: [(&str, Self); 3] =
        [("odometer", Self::Odometer), ("seven-segment", Self::SevenSegment), ("pixel", Self::Pixel)];
}

pub(crate) fn draw(digits: &Digits, value: Value) -> Drawing<'_> {
    let cells = cells(value);
    match &digits.theme {
        Theme::Odometer => odometer::draw(digits, &cells),
        Theme::SevenSegment => seven_segment::draw(digits, &cells),
        Theme::Pixel => pixel::draw(digits, &cells),
        Theme::Custom(custom) => custom.draw(&cells),
    }
}

fn cells(value: Value) -> Vec<Cell> {
    let Some(number) = value.now() else {
        return vec![Cell::Dash; MIN_DIGITS];
    };
    let digits = number.to_string();
    let blanks = std::iter::repeat_n(Cell::Blank, MIN_DIGITS.saturating_sub(digits.len()));
    blanks.chain(digits.bytes().map(|digit| Cell::Digit(digit - b'0'))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_four_cells_or_as_many_as_the_number_has() {
        use Cell::{Blank, Dash, Digit};
        assert_eq!(cells(Value::Count(0)), [Blank, Blank, Blank, Digit(0)]);
        assert_eq!(cells(Value::Peak { now: 407, peak: 9 }), [Blank, Digit(4), Digit(0), Digit(7)]);
        assert_eq!(cells(Value::Count(u64::MAX)).len(), 20);
        assert_eq!(cells(Value::Ended), [Dash; 4]);
    }
}

//! The digits look: the number alone, as counters show it.

mod custom;
mod odometer;
mod pixel;
mod seven_segment;

use crate::drawing::Drawing;
use crate::shared::Shared;
use crate::{Rgb, Value};

pub(crate) use custom::CustomDigits;
pub use custom::DigitError;

/// What the digits look alone needs to know.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Digits {
    pub(crate) theme: Theme,
    /// Of the digits.
    pub(crate) color: Rgb,
    /// Behind them.
    pub(crate) background: Rgb,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Theme {
    Odometer,
    SevenSegment,
    Pixel,
    /// One that was added. Its colours are those of its pixels.
    Custom(Shared<CustomDigits>),
}

/// One place of the counter.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Cell {
    Digit(u8),
    /// A leading zero.
    Blank,
    /// At the end of a stream.
    Dash,
}

/// Places there are at least.
const MIN_DIGITS: usize = 4;

impl Digits {
    /// A theme in colours that may be asked for, or in its own.
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
    /// The names of the program's own themes.
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
    let unused = std::iter::repeat_n(Cell::Blank, MIN_DIGITS.saturating_sub(digits.len()));
    unused.chain(digits.bytes().map(|digit| Cell::Digit(digit - b'0'))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_four_places_or_as_many_as_the_number_has() {
        use Cell::{Blank, Dash, Digit};
        assert_eq!(cells(Value::Count(0)), [Blank, Blank, Blank, Digit(0)]);
        assert_eq!(cells(Value::Peak { now: 407, peak: 9 }), [Blank, Digit(4), Digit(0), Digit(7)]);
        assert_eq!(cells(Value::Count(u64::MAX)).len(), 20);
        assert_eq!(cells(Value::Ended), [Dash; 4]);
    }
}

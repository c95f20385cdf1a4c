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
    pub(crate) ground: Rgb,
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
enum Place {
    Digit(u8),
    /// A leading zero.
    Unused,
    /// At the end of a stream.
    Dash,
}

/// Places there are at least.
const ROOM: usize = 4;

impl Digits {
    /// A theme in colours that may be asked for, or in its own.
    pub(crate) fn new(theme: Theme, color: Option<Rgb>, ground: Option<Rgb>) -> Self {
        let (own_color, own_ground) = match theme {
            Theme::Odometer => odometer::COLORS,
            Theme::SevenSegment => seven_segment::COLORS,
            Theme::Pixel => pixel::COLORS,
            Theme::Custom(_) => return Self { theme, color: custom::DASH, ground: custom::DASH },
        };
        Self { theme, color: color.unwrap_or(own_color), ground: ground.unwrap_or(own_ground) }
    }
}

impl Theme {
    /// The names of the program's own themes.
    pub(crate) const NAMES: [(&str, Self); 3] =
        [("odometer", Self::Odometer), ("seven-segment", Self::SevenSegment), ("pixel", Self::Pixel)];
}

pub(crate) fn draw(digits: &Digits, value: Value) -> Drawing<'_> {
    let places = places(value);
    match &digits.theme {
        Theme::Odometer => odometer::draw(digits, &places),
        Theme::SevenSegment => seven_segment::draw(digits, &places),
        Theme::Pixel => pixel::draw(digits, &places),
        Theme::Custom(custom) => custom.draw(&places),
    }
}

fn places(value: Value) -> Vec<Place> {
    let Some(number) = value.now() else {
        return vec![Place::Dash; ROOM];
    };
    let digits = number.to_string();
    let unused = std::iter::repeat_n(Place::Unused, ROOM.saturating_sub(digits.len()));
    unused.chain(digits.bytes().map(|digit| Place::Digit(digit - b'0'))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_four_places_or_as_many_as_the_number_has() {
        use Place::{Dash, Digit, Unused};
        assert_eq!(places(Value::Count(0)), [Unused, Unused, Unused, Digit(0)]);
        assert_eq!(places(Value::Peak { now: 407, peak: 9 }), [Unused, Digit(4), Digit(0), Digit(7)]);
        assert_eq!(places(Value::Count(u64::MAX)).len(), 20);
        assert_eq!(places(Value::Ended), [Dash; 4]);
    }
}

//! How far down a page somebody is.

use std::fmt;

use serde::{Deserialize, Serialize};

/// How far down a page somebody is: 0 at its top, 1 at its end.
#[derive(Serialize, Deserialize, Clone, Copy, PartialEq, PartialOrd, Debug)]
#[serde(try_from = "f32")]
pub struct Position(f32);

/// A number that is no position.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PositionError;

impl Position {
    /// The number itself, 0 to 1.
    pub fn get(self) -> f32 {
        self.0
    }
}

impl TryFrom<f32> for Position {
    type Error = PositionError;

    fn try_from(position: f32) -> Result<Self, PositionError> {
        if (0.0..=1.0).contains(&position) { Ok(Self(position)) } else { Err(PositionError) }
    }
}

impl fmt::Display for PositionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a position is a number from 0 to 1")
    }
}

impl std::error::Error for PositionError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_that_is_no_position_is_refused() {
        for position in [-0.1, 1.01, f32::NAN, f32::INFINITY] {
            assert_eq!(Position::try_from(position), Err(PositionError));
        }
    }
}

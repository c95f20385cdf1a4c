//! `theme=pixel`: digits of five by seven squares, as on dot matrix displays.

use super::{Cell, Digits};
use crate::Rgb;
use crate::drawing::{Drawing, Part, rectangle, rounded};

/// Colours of the squares and of the background.
pub(super) const COLORS: (Rgb, Rgb) = (Rgb::hex(0x33ff66), Rgb::hex(0x0b1f12));
const SQUARE: f32 = 3.0;
/// The width of a digit and the gap after it.
const CELL: f32 = 6.0 * SQUARE;
const HEIGHT: u32 = 29;
/// Pixels around the digits.
const EDGE: f32 = 4.0;

/// Rows from top to bottom; the highest of five bits is the leftmost square.
const DIGITS: [[u8; 7]; 10] = [
    [0b01110, 0b10001, 0b10011, 0b10101, 0b11001, 0b10001, 0b01110],
    [0b00100, 0b01100, 0b00100, 0b00100, 0b00100, 0b00100, 0b01110],
    [0b01110, 0b10001, 0b00001, 0b00010, 0b00100, 0b01000, 0b11111],
    [0b11111, 0b00010, 0b00100, 0b00010, 0b00001, 0b10001, 0b01110],
    [0b00010, 0b00110, 0b01010, 0b10010, 0b11111, 0b00010, 0b00010],
    [0b11111, 0b10000, 0b11110, 0b00001, 0b00001, 0b10001, 0b01110],
    [0b00110, 0b01000, 0b10000, 0b11110, 0b10001, 0b10001, 0b01110],
    [0b11111, 0b00001, 0b00010, 0b00100, 0b01000, 0b01000, 0b01000],
    [0b01110, 0b10001, 0b10001, 0b01110, 0b10001, 0b10001, 0b01110],
    [0b01110, 0b10001, 0b10001, 0b01111, 0b00001, 0b00010, 0b01100],
];
const DASH: [u8; 7] = [0, 0, 0, 0b01110, 0, 0, 0];

pub(super) fn draw<'a>(digits: &Digits, cells: &[Cell]) -> Drawing<'a> {
    let width = CELL * cells.len() as f32 - SQUARE + 2.0 * EDGE;
    let mut drawing = Drawing::new(width as u32, HEIGHT);
    drawing.fill(rounded(0.0, 0.0, width, HEIGHT as f32, (3.0, 3.0)), digits.background);
    drawing.number_follows();
    for (i, cell) in cells.iter().enumerate() {
        let rows = match cell {
            Cell::Digit(digit) => DIGITS[usize::from(digit % 10)],
            Cell::Blank => [0; 7],
            Cell::Dash => DASH,
        };
        let left = EDGE + CELL * i as f32;
        // Without the gap after it: the last digit has a round corner there.
        drawing.cell(cell.place(left, CELL - SQUARE, squares(left, rows, digits.color)));
    }
    drawing
}

fn squares<'a>(left: f32, rows: [u8; 7], ink: Rgb) -> Vec<Part<'a>> {
    let mut squares = Vec::new();
    for (y, row) in rows.into_iter().enumerate() {
        for x in (0..5).filter(|x| row >> (4 - x) & 1 == 1) {
            let place = (left + SQUARE * x as f32, EDGE + SQUARE * y as f32);
            // A thin gap between squares shows that they are squares.
            let square = rectangle(place.0, place.1, SQUARE - 0.5, SQUARE - 0.5);
            squares.push(Part::Shape(square, ink.into()));
        }
    }
    squares
}

//! `theme=odometer`: the wheels of a mechanical counter.

use super::{Cell, Digits};
use crate::Rgb;
use crate::drawing::{Drawing, Fill, Ink, rectangle, rounded};
use crate::font::Face;
use crate::text::Line;

/// Colours of the digits and of the wheels.
pub(super) const COLORS: (Rgb, Rgb) = (Rgb::hex(0xffffff), Rgb::hex(0x333333));
const FRAME: Rgb = Rgb::hex(0x101010);
/// The width of a wheel and the line beside it, whole so that a digit has the same pixels in each cell.
const WHEEL: f32 = 18.0;
const HEIGHT: u32 = 30;
/// Pixels around the wheels.
const EDGE: f32 = 2.0;
const SIZE: f32 = 19.0;
const BASELINE: u32 = 22;

pub(super) fn draw<'a>(digits: &Digits, cells: &[Cell]) -> Drawing<'a> {
    let width = WHEEL * cells.len() as f32 - 1.0 + 2.0 * EDGE;
    let mut drawing = Drawing::new(width as u32, HEIGHT);
    drawing.fill(rounded(0.0, 0.0, width, HEIGHT as f32, (3.0, 3.0)), FRAME);
    for i in 0..cells.len() {
        let wheel = || rectangle(EDGE + WHEEL * i as f32, EDGE, WHEEL - 1.0, HEIGHT as f32 - 2.0 * EDGE);
        drawing.fill(wheel(), digits.background);
        drawing.fill(wheel(), light());
    }
    drawing.number_follows();
    let text: String = cells.iter().map(painted).collect();
    drawing.text(Line::at(EDGE - 0.5, Face::bold(SIZE)).cells(WHEEL, &text), BASELINE, digits.color);
    drawing
}

/// Shading that makes a wheel look round: dark at the top and the bottom.
fn light() -> Fill {
    let stop = |at, rgb, alpha| (at, Ink { rgb: Rgb::hex(rgb), alpha });
    Fill::Down(vec![
        stop(0.0, 0, 0.8),
        stop(0.3, 0, 0.0),
        stop(0.31, 0xffffff, 0.12),
        stop(0.6, 0, 0.0),
        stop(1.0, 0, 0.8),
    ])
}

fn painted(cell: &Cell) -> char {
    match cell {
        Cell::Digit(digit) => char::from(b'0' + digit),
        Cell::Blank => '0',
        Cell::Dash => '–',
    }
}

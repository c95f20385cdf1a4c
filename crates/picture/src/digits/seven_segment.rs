//! `theme=seven-segment`: lit and unlit segments of an LED display.

use tiny_skia::Path;

use super::{Cell, Digits};
use crate::Rgb;
use crate::drawing::{Drawing, Ink, Part, polygon, rounded};

/// Colours of the lit segments and of the background.
pub(super) const COLORS: (Rgb, Rgb) = (Rgb::hex(0xff4136), Rgb::hex(0x1a0b0a));
const CELL: f32 = 18.0;
const HEIGHT: u32 = 30;
/// Pixels before the first digit and after the last.
const EDGE: f32 = 3.0;
/// Opacity of an unlit segment.
const DARK: f32 = 0.15;

/// The lit segments of each digit: the lowest bit is the top segment, then clockwise; the seventh is the middle one.
const GLOW: [u8; 10] = [0x3f, 0x06, 0x5b, 0x4f, 0x66, 0x6d, 0x7d, 0x07, 0x7f, 0x6f];
const MIDDLE: u8 = 0x40;

/// Coordinates of the segments' ends, from the upper left of a digit's cell.
const LEFT: f32 = 3.5;
const RIGHT: f32 = 14.5;
const TOP: f32 = 4.5;
const HALF: f32 = 15.0;
const FOOT: f32 = 25.5;
const BARS: [((f32, f32), (f32, f32)); 7] = [
    ((LEFT, TOP), (RIGHT, TOP)),
    ((RIGHT, TOP), (RIGHT, HALF)),
    ((RIGHT, HALF), (RIGHT, FOOT)),
    ((LEFT, FOOT), (RIGHT, FOOT)),
    ((LEFT, HALF), (LEFT, FOOT)),
    ((LEFT, TOP), (LEFT, HALF)),
    ((LEFT, HALF), (RIGHT, HALF)),
];

pub(super) fn draw<'a>(digits: &Digits, cells: &[Cell]) -> Drawing<'a> {
    let width = CELL * cells.len() as f32 + 2.0 * EDGE;
    let mut drawing = Drawing::new(width as u32, HEIGHT);
    drawing.fill(rounded(0.0, 0.0, width, HEIGHT as f32, (3.0, 3.0)), digits.background);
    drawing.number_follows();
    for (i, cell) in cells.iter().enumerate() {
        let left = EDGE + CELL * i as f32;
        drawing.cell(cell.place(left, CELL, segments(left, glow(*cell), digits.color)));
    }
    drawing
}

fn segments<'a>(left: f32, glow: u8, color: Rgb) -> Vec<Part<'a>> {
    let segment = |(bit, (from, to))| {
        let alpha = if glow >> bit & 1 == 1 { 1.0 } else { DARK };
        Part::Shape(bar(left, from, to), Ink { rgb: color, alpha }.into())
    };
    BARS.into_iter().enumerate().map(segment).collect()
}

fn glow(cell: Cell) -> u8 {
    match cell {
        Cell::Digit(digit) => GLOW[usize::from(digit % 10)],
        Cell::Blank => 0,
        Cell::Dash => MIDDLE,
    }
}

/// A segment with pointed ends, three pixels thick, slightly shorter than the distance of the corners.
fn bar(left: f32, from: (f32, f32), to: (f32, f32)) -> Path {
    let (thick, hair) = (1.5, 0.5);
    // Along the bar, and across it.
    let (x, y) = if from.1 == to.1 { (1.0, 0.0) } else { (0.0, 1.0) };
    let at = |end: (f32, f32), along: f32, across: f32| {
        (left + end.0 + x * along + y * across, end.1 + y * along + x * across)
    };
    let inner = hair + thick;
    polygon(&[
        at(from, hair, 0.0),
        at(from, inner, -thick),
        at(to, -inner, -thick),
        at(to, -hair, 0.0),
        at(to, -inner, thick),
        at(from, inner, thick),
    ])
}

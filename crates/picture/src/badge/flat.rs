//! `style=flat`: round corners and a faint gradient.

use super::{Badge, Halves};
use crate::drawing::{Drawing, Fill, Ink, rounded};
use crate::{Rgb, Style, Value};

const HEIGHT: u32 = 20;
const CORNER: f32 = 3.0;
const BASELINE: u32 = 14;

pub(super) fn draw<'a>(badge: &'a Badge, style: &'a Style, value: Value) -> Drawing<'a> {
    let halves = Halves::new(badge, style, value);
    let mut drawing = Drawing::new(halves.width(), HEIGHT);
    round(&halves, &mut drawing, CORNER);
    drawing.fill(whole(&halves, HEIGHT, CORNER), gloss());
    halves.draw_texts(&mut drawing, BASELINE, true);
    drawing
}

/// Draws the two halves with round outer corners.
pub(super) fn round(halves: &Halves, drawing: &mut Drawing, corner: f32) {
    let (left, right, height) = (halves.left as f32, halves.right as f32, drawing.height as f32);
    let outer = if halves.left > 0 { 0.0 } else { corner };
    if halves.left > 0 {
        drawing.fill(rounded(0.0, 0.0, left, height, (corner, 0.0)), halves.colors.0);
    }
    drawing.fill(rounded(left, 0.0, right, height, (outer, corner)), halves.colors.1);
}

/// The outline of the badge.
pub(super) fn whole(halves: &Halves, height: u32, corner: f32) -> tiny_skia::Path {
    rounded(0.0, 0.0, halves.width() as f32, height as f32, (corner, corner))
}

fn gloss() -> Fill {
    let top = Ink { rgb: Rgb::hex(0xbbbbbb), alpha: 0.1 };
    Fill::Down(vec![(0.0, top), (1.0, Ink { rgb: Rgb::hex(0), alpha: 0.1 })])
}

//! `style=flat-square`: two rectangles, and text without a shadow.

use super::{Badge, Halves};
use crate::drawing::{Drawing, rectangle};
use crate::{Style, Value};

const HEIGHT: u32 = 20;
const BASELINE: u32 = 14;

pub(super) fn draw<'a>(badge: &'a Badge, style: &'a Style, value: Value) -> Drawing<'a> {
    let halves = Halves::new(badge, style, value);
    let (left, right) = (halves.left as f32, halves.right as f32);
    let mut drawing = Drawing::new(halves.width(), HEIGHT);
    if halves.left > 0 {
        drawing.fill(rectangle(0.0, 0.0, left, HEIGHT as f32), halves.colors.0);
    }
    drawing.fill(rectangle(left, 0.0, right, HEIGHT as f32), halves.colors.1);
    halves.draw_texts(&mut drawing, BASELINE, false);
    drawing
}

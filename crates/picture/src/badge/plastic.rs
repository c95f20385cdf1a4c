//! `style=plastic`: rounder corners and a strong gradient.

use super::flat::{round, whole};
use super::{Badge, Halves};
use crate::drawing::{Drawing, Fill, Ink};
use crate::{Rgb, Style, Value};

const HEIGHT: u32 = 18;
const CORNER: f32 = 4.0;
const BASELINE: u32 = 13;

pub(super) fn draw<'a>(badge: &'a Badge, style: &'a Style, value: Value) -> Drawing<'a> {
    let halves = Halves::new(badge, style, value);
    let mut drawing = Drawing::new(halves.width(), HEIGHT);
    round(&halves, &mut drawing, CORNER);
    drawing.fill(whole(&halves, HEIGHT, CORNER), light());
    halves.draw_texts(&mut drawing, BASELINE, true);
    drawing
}

fn light() -> Fill {
    let stop = |at, rgb, alpha| (at, Ink { rgb: Rgb::hex(rgb), alpha });
    Fill::Down(vec![stop(0.0, 0xffffff, 0.7), stop(0.1, 0xaaaaaa, 0.1), stop(0.9, 0, 0.3), stop(1.0, 0, 0.5)])
}

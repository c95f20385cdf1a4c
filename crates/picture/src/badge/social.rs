//! `style=social`: a button, and the number in a bubble beside it. The colours are fixed.

use tiny_skia::Path;

use super::lettering::{Fonts, Lettering};
use super::{Badge, messages};
use crate::drawing::{Drawing, Fill, Ink, polygon, rectangle, rounded};
use crate::text::Line;
use crate::{Rgb, Style, Value};

const HEIGHT: u32 = 20;
const BASELINE: u32 = 14;
/// Pixels before and after the label, and the number.
const PADDING: (f32, f32) = (5.0, 4.0);
/// Pixels between button and bubble, for the bubble's tip.
const GUTTER: f32 = 6.0;
const CORNER: f32 = 2.0;
const LINE: Rgb = Rgb::hex(0xd5d5d5);
const BUTTON: Rgb = Rgb::hex(0xfcfcfc);
const BUBBLE: Rgb = Rgb::hex(0xfafafa);
const LETTERS: Rgb = Rgb::hex(0x333333);

pub(super) fn draw<'a>(badge: &'a Badge, style: &'a Style, value: Value) -> Drawing<'a> {
    let fonts = Fonts::of(badge, style);
    let lettering = Lettering::social(fonts);
    let label = capitalised(style.label.as_str());
    let (message, sample) = messages(style, value);
    let label_width = lettering.odd_width(&label) as f32;
    let space = lettering.odd_width(&message).max(lettering.odd_width(&sample)) as f32;
    let (button, bubble) = (label_width + 2.0 * PADDING.0, space + 2.0 * PADDING.1);

    let mut drawing = Drawing::new((button + 1.0 + GUTTER + bubble) as u32, HEIGHT);
    bordered(&mut drawing, 0.0, button, BUTTON);
    drawing.fill(inner(0.0, button), shade());
    let left = button + GUTTER;
    bordered(&mut drawing, left, bubble, BUBBLE);
    tip(&mut drawing, left);
    draw_text(&mut drawing, lettering.spread(PADDING.0, &label, label_width));
    drawing.number_follows();
    draw_text(&mut drawing, lettering.centred(left + PADDING.1, &message, space));
    drawing
}

fn capitalised(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

/// A box with a line of one pixel around it.
fn bordered(drawing: &mut Drawing, x: f32, width: f32, background: Rgb) {
    let corners = (CORNER + 0.5, CORNER + 0.5);
    drawing.fill(rounded(x, 0.0, width + 1.0, HEIGHT as f32, corners), LINE);
    drawing.fill(inner(x, width), background);
}

/// The shape inside the border.
fn inner(x: f32, width: f32) -> Path {
    rounded(x + 1.0, 1.0, width - 1.0, HEIGHT as f32 - 2.0, (CORNER - 0.5, CORNER - 0.5))
}

fn shade() -> Fill {
    let clear = Ink { rgb: BUTTON, alpha: 0.0 };
    Fill::Down(vec![(0.0, clear), (1.0, Ink { rgb: Rgb::hex(0), alpha: 0.1 })])
}

/// The tip of the bubble, which points at the button: the border, and over it the inside.
fn tip(drawing: &mut Drawing, left: f32) {
    let triangle = |x: f32, half: f32| polygon(&[(x, 10.0 - half), (x - half, 10.0), (x, 10.0 + half)]);
    drawing.fill(triangle(left + 0.5, 4.0), LINE);
    drawing.fill(triangle(left + 1.0, 3.2), BUBBLE);
    drawing.fill(rectangle(left, 7.0, 1.0, 6.0), BUBBLE);
}

/// Dark letters, and a white edge below them.
fn draw_text<'a>(drawing: &mut Drawing<'a>, line: Line<'a>) {
    drawing.text(line.clone(), BASELINE + 1, Rgb::hex(0xffffff));
    drawing.text(line, BASELINE, LETTERS);
}

//! Badges: label and message side by side, sized and coloured as badge services do it (the npm package badge-maker
//! 6.0.0, `lib/badge-renderers.js`, is the source of every measure here and in the files of the single looks).

mod flat;
mod flat_square;
mod for_the_badge;
mod lettering;
mod plastic;
mod social;
mod widths;

use crate::drawing::Drawing;
use crate::shared::Shared;
use crate::text::Line;
use crate::typeface::Typeface;
use crate::{Rgb, Style, Value};
use lettering::{Fonts, Lettering};

/// The parameters of a badge.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Badge {
    pub(crate) kind: Kind,
    /// Background of the message.
    pub(crate) color: Rgb,
    /// Background of the label. Without it, a badge with no label has no left half.
    pub(crate) label_color: Option<Rgb>,
    /// An added font; that of the badge's kind if there is none.
    pub(crate) font: Option<Shared<Typeface>>,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Kind {
    Flat,
    FlatSquare,
    Plastic,
    ForTheBadge,
    Social,
}

impl Kind {
    /// Whether its letters have a blurred shadow.
    pub(crate) fn has_blur(self) -> bool {
        matches!(self, Self::Flat | Self::Plastic)
    }
}

/// Default background of a message.
pub(crate) const BRIGHT_GREEN: Rgb = Rgb::hex(0x44bb00);
/// Default background of a label.
pub(crate) const GREY: Rgb = Rgb::hex(0x555555);
/// Background of the dash at the end of a stream: badge services' "inactive".
const INACTIVE: Rgb = Rgb::hex(0x939393);
/// A badge is wide enough for this many digits: 9, 10, 99 and 100 give badges of one width.
const MIN_DIGITS: u32 = 3;

pub(crate) fn draw<'a>(badge: &'a Badge, style: &'a Style, value: Value) -> Drawing<'a> {
    match badge.kind {
        Kind::Flat => flat::draw(badge, style, value),
        Kind::FlatSquare => flat_square::draw(badge, style, value),
        Kind::Plastic => plastic::draw(badge, style, value),
        Kind::ForTheBadge => for_the_badge::draw(badge, style, value),
        Kind::Social => social::draw(badge, style, value),
    }
}

/// The two halves of flat, flat-square and plastic badges, with a text in each.
struct Halves<'a> {
    lettering: Lettering<'a>,
    label: String,
    message: String,
    /// Pixels for the message, which may be shorter.
    space: u32,
    /// Pixels.
    label_width: u32,
    /// The widths of the halves, in pixels; `left` is 0 if there is no left half.
    left: u32,
    right: u32,
    /// Backgrounds of the label and of the message.
    colors: (Rgb, Rgb),
}

/// Pixels before and after a text.
const PADDING: u32 = 5;

impl<'a> Halves<'a> {
    fn new(badge: &'a Badge, style: &'a Style, value: Value) -> Self {
        let fonts = Fonts::of(badge, style);
        let lettering = Lettering::normal(fonts);
        let label = style.label.as_str().to_owned();
        let (message, sample) = messages(style, value);
        let label_width = if label.is_empty() { 0 } else { lettering.odd_width(&label) };
        let space = lettering.odd_width(&message).max(lettering.odd_width(&sample));
        let has_left = !label.is_empty() || badge.label_color.is_some();
        let left = if has_left { label_width + 2 * PADDING } else { 0 };
        let colors = (badge.label_color.unwrap_or(GREY), color(badge, value));
        Self { lettering, label, message, space, label_width, left, right: space + 2 * PADDING, colors }
    }

    fn width(&self) -> u32 {
        self.left + self.right
    }

    /// Draws both texts.
    fn draw_texts(&self, drawing: &mut Drawing<'a>, baseline: u32, shadows: bool) {
        let start = PADDING + 1;
        let label = self.lettering.spread(start as f32, &self.label, self.label_width as f32);
        draw_text(drawing, label, baseline, self.colors.0, shadows);
        drawing.number_follows();
        let start = if self.left > 0 { self.left - 1 } else { 0 } + PADDING;
        let message = self.lettering.centred(start as f32, &self.message, self.space as f32);
        draw_text(drawing, message, baseline, self.colors.1, shadows);
    }
}

/// Draws a text in the colour that is readable on `background`.
fn draw_text<'a>(drawing: &mut Drawing<'a>, line: Line<'a>, baseline: u32, background: Rgb, shadow: bool) {
    let (ink, shade) = text_colors(background);
    drawing.shaded(line, baseline, ink, shadow.then_some(shade));
}

/// The colours of a text and its shadow: white on dark backgrounds, else dark grey (badge-maker's
/// `colorsForBackground`).
fn text_colors(background: Rgb) -> (Rgb, Rgb) {
    if background.brightness() <= 0.69 {
        (Rgb::hex(0xffffff), Rgb::hex(0x010101))
    } else {
        (Rgb::hex(0x333333), Rgb::hex(0xcccccc))
    }
}

fn color(badge: &Badge, value: Value) -> Rgb {
    if value == Value::Ended { INACTIVE } else { badge.color }
}

/// The message, and the widest that the badge must have space for.
fn messages(style: &Style, value: Value) -> (String, String) {
    (style.message(value), style.message(Value::largest(MIN_DIGITS)))
}

//! `style=for-the-badge`: widely spaced capitals, the message bold.

use super::lettering::{Fonts, Lettering};
use super::{Badge, GREY, color, draw_text, messages};
use crate::drawing::{Drawing, rectangle};
use crate::{Style, Value};

const HEIGHT: u32 = 28;
const BASELINE: u32 = 18;
/// Pixels before and after a text.
const MARGIN: f32 = 12.0;

pub(super) fn draw<'a>(badge: &'a Badge, style: &'a Style, value: Value) -> Drawing<'a> {
    let fonts = Fonts::of(badge, style);
    let (thin, bold) = (Lettering::wide(fonts), Lettering::wide_bold(fonts));
    let label = style.label.as_str().to_uppercase();
    let (message, sample) = messages(style, value);
    let (message, sample) = (message.to_uppercase(), sample.to_uppercase());
    let label_width = thin.gapped_width(&label);
    let space = bold.gapped_width(&message).max(bold.gapped_width(&sample));
    // Rounded to whole pixels here; badge services leave that to the browser.
    let left = if label.is_empty() { 0.0 } else { (label_width + 2.0 * MARGIN).round() };
    let right = (space + 2.0 * MARGIN).round();

    let mut drawing = Drawing::new((left + right) as u32, HEIGHT);
    let colors = (badge.label_color.unwrap_or(GREY), color(badge, value));
    if left > 0.0 {
        drawing.fill(rectangle(0.0, 0.0, left, HEIGHT as f32), colors.0);
    }
    drawing.fill(rectangle(left, 0.0, right, HEIGHT as f32), colors.1);
    draw_text(&mut drawing, thin.spread(MARGIN, &label, label_width), BASELINE, colors.0, false);
    drawing.number_follows();
    draw_text(&mut drawing, bold.centred(left + MARGIN, &message, space), BASELINE, colors.1, false);
    drawing
}

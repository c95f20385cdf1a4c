//! A drawing to pixels.

use std::ops::Range;

use tiny_skia::{
    Color, FillRule, GradientStop, LinearGradient, Mask, Paint, Pixmap, PixmapPaint, Point, Rect, Shader,
    SpreadMode, Transform,
};

use crate::drawing::{Drawing, Fill, Image, Ink, Part, Text};
use crate::{Raster, Rgb, palette};

/// Opacities of the two copies of a text, one of them blurred, that make its shadow a pixel below it (badge-maker,
/// `lib/badge-renderers.js`).
pub(crate) const SHADOW: f32 = 0.3;
pub(crate) const BLURRED: f32 = 0.8;
/// The standard deviation of the blur, in pixels.
pub(crate) const BLUR: f32 = 1.6;

/// Paints each part over those before it, `scale` pixels to each unit of the drawing.
pub(crate) fn paint(drawing: &Drawing, scale: u8) -> Raster {
    let canvas = Canvas { scale: f32::from(scale), height: drawing.height as f32 };
    let (width, height) = (drawing.width * u32::from(scale), drawing.height * u32::from(scale));
    if let [Part::Text(text @ Text { shadow: None, ink: Rgb([red, green, blue]), .. })] = &*drawing.parts {
        let mask = canvas.letters(text, 0, (width, height));
        return Raster::of_ink(&mask, [*red, *green, *blue, drawing.alpha]);
    }
    let mut pixmap = Pixmap::new(width, height).expect("a drawing has bounds, and neither side is zero");
    for part in &drawing.parts {
        canvas.part(&mut pixmap, part);
    }
    let mut raster = Raster::from(pixmap);
    raster.fade(drawing.alpha);
    palette::reduce(raster.pixels_mut(), scale);
    raster
}

struct Canvas {
    scale: f32,
    /// The height of the drawing, in its own units.
    height: f32,
}

impl Canvas {
    fn part(&self, pixmap: &mut Pixmap, part: &Part) {
        match part {
            Part::Shape(path, fill) => {
                let paint = Paint { shader: self.shader(fill), ..Paint::default() };
                pixmap.fill_path(path, &paint, FillRule::Winding, self.transform(), None);
            }
            Part::Text(text) => self.text(pixmap, text),
            Part::Image(image) => self.image(pixmap, image),
        }
    }

    fn transform(&self) -> Transform {
        Transform::from_scale(self.scale, self.scale)
    }

    fn shader(&self, fill: &Fill) -> Shader<'static> {
        let stops = match fill {
            Fill::Solid(ink) => return Shader::SolidColor(color(*ink)),
            Fill::Down(stops) => stops.iter().map(|&(at, ink)| GradientStop::new(at, color(ink))).collect(),
        };
        let (top, bottom) = (Point::zero(), Point::from_xy(0.0, self.height));
        LinearGradient::new(top, bottom, stops, SpreadMode::Pad, Transform::identity())
            .unwrap_or(Shader::SolidColor(Color::TRANSPARENT))
    }

    fn text(&self, pixmap: &mut Pixmap, text: &Text) {
        let size = (pixmap.width(), pixmap.height());
        if let Some(shadow) = text.shadow {
            let mut mask = self.letters(text, 1, size);
            ink(pixmap, &mask, Ink { rgb: shadow, alpha: SHADOW });
            blur(&mut mask, BLUR * self.scale);
            ink(pixmap, &mask, Ink { rgb: shadow, alpha: BLURRED });
        }
        ink(pixmap, &self.letters(text, 0, size), text.ink.into());
    }

    /// The coverage of a text that is moved down by `below` units.
    fn letters(&self, text: &Text, below: u32, (width, height): (u32, u32)) -> Mask {
        let mut mask = Mask::new(width, height).expect("a drawing has bounds, and neither side is zero");
        let baseline = (text.baseline + below) as f32 * self.scale;
        text.line.draw_scaled(&mut mask, baseline as i32, self.scale);
        mask
    }

    fn image(&self, pixmap: &mut Pixmap, image: &Image) {
        let height = image.pixels.len() as u32 / image.width.max(1);
        let Some(mut source) = Pixmap::new(image.width, height) else {
            return;
        };
        for (to, &[red, green, blue, alpha]) in source.pixels_mut().iter_mut().zip(image.pixels) {
            *to = tiny_skia::ColorU8::from_rgba(red, green, blue, alpha).premultiply();
        }
        // Without interpolation: added digits are often pixel art.
        let place = self.transform().pre_translate(image.x as f32, image.y as f32);
        pixmap.draw_pixmap(0, 0, source.as_ref(), &PixmapPaint::default(), place, None);
    }
}

fn color(Ink { rgb: Rgb([red, green, blue]), alpha }: Ink) -> Color {
    Color::from_rgba8(red, green, blue, (alpha * 255.0).round() as u8)
}

/// Paints what `mask` covers.
fn ink(pixmap: &mut Pixmap, mask: &Mask, ink: Ink) {
    let paint = Paint { shader: Shader::SolidColor(color(ink)), ..Paint::default() };
    let Some(columns) = covered_columns(mask, 0) else { return };
    let covered = Rect::from_xywh(columns.start as f32, 0.0, columns.len() as f32, mask.height() as f32);
    pixmap.fill_rect(covered.expect("no side is zero"), &paint, Transform::identity(), Some(mask));
}

/// A Gaussian blur like SVG's feGaussianBlur: along the rows, then along the columns.
fn blur(mask: &mut Mask, deviation: f32) {
    let reach = (deviation * 2.5).ceil() as usize;
    let bell = |i: usize| (-0.5 * (i as f32 / deviation).powi(2)).exp();
    let sum: f32 = 1.0 + 2.0 * (1..=reach).map(bell).sum::<f32>();
    let weights: Vec<f32> = (0..=reach).map(|i| bell(i) / sum).collect();

    // Padding on all sides, so that the convolution needs no special case for edges.
    let (width, height) = (mask.width() as usize, mask.height() as usize);
    let Some(columns) = covered_columns(mask, reach) else { return };
    let stride = columns.len() + 2 * reach;
    let mut padded = vec![0.0; stride * (height + 2 * reach)];
    let row = |y: usize| (y + reach) * stride + reach;
    for (y, from) in mask.data().chunks_exact(width).enumerate() {
        let from = &from[columns.clone()];
        padded[row(y)..].iter_mut().zip(from).for_each(|(to, &from)| *to = f32::from(from));
    }
    let blurred = convolve(&convolve(&padded, &weights, 1), &weights, stride);
    for (y, to) in mask.data_mut().chunks_exact_mut(width).enumerate() {
        let to = &mut to[columns.clone()];
        to.iter_mut().zip(&blurred[row(y)..]).for_each(|(to, from)| *to = from.round() as u8);
    }
}

/// The columns that a blur of that reach can change: a text covers but a part of its picture. None if nothing is covered.
fn covered_columns(mask: &Mask, reach: usize) -> Option<Range<usize>> {
    let width = mask.width() as usize;
    let rows = || mask.data().chunks_exact(width);
    let first = rows().filter_map(|row| row.iter().position(|&coverage| coverage != 0)).min()?;
    let last = rows().filter_map(|row| row.iter().rposition(|&coverage| coverage != 0)).max()?;
    Some(first.saturating_sub(reach)..(last + reach + 1).min(width))
}

/// How many values are gone through for all weights before the next: they stay in the processor's nearest cache.
const BLOCK: usize = 1024;

/// The weighted mean of each value and its neighbours at distances of `step`.
fn convolve(values: &[f32], weights: &[f32], step: usize) -> Vec<f32> {
    let mut means: Vec<f32> = values.iter().map(|value| value * weights[0]).collect();
    for start in (0..values.len()).step_by(BLOCK) {
        let end = (start + BLOCK).min(values.len());
        for (far, weight) in weights.iter().enumerate().skip(1) {
            let add = |(to, from): (&mut f32, &f32)| *to += from * weight;
            let reach = far * step;
            let first = start.max(reach).min(end);
            means[first..end].iter_mut().zip(&values[first - reach.min(first)..]).for_each(add);
            let after = values.get(start + reach..).unwrap_or_default();
            means[start..end].iter_mut().zip(after).for_each(add);
        }
    }
    means
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_blur_is_symmetric_and_keeps_the_sum() {
        let mut mask = Mask::new(31, 29).unwrap();
        mask.data_mut()[14 * 31 + 15] = 255;
        blur(&mut mask, 1.6);
        let at = |x: usize, y: usize| mask.data()[y * 31 + x];
        assert!((1..4).all(|i| at(15 - i, 14) == at(15 + i, 14) && at(15, 14 - i) == at(15 + i, 14)));
        // The top of a bell of two dimensions: 1 / (2π 1.6²) of the whole.
        assert!((15..=17).contains(&at(15, 14)), "{}", at(15, 14));
        let sum: u32 = mask.data().iter().map(|&c| u32::from(c)).sum();
        assert!((245..=265).contains(&sum), "{sum}");
        assert_eq!((at(0, 14), at(15, 0)), (0, 0));
    }
}

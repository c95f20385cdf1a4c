//! A drawing to pixels.

use std::ops::Range;
use std::sync::OnceLock;

use tiny_skia::{
    Color, FillRule, GradientStop, LinearGradient, Mask, Paint, Pixmap, PixmapPaint, Point, Rect, Shader,
    SpreadMode, Transform,
};

use crate::drawing::{Cell, Drawing, Fill, Image, Ink, Part, Text};
use crate::layers::{Digits, Layers, Tile};
use crate::{Raster, Rgb, palette};

/// Opacities of the two copies of a text, one of them blurred, that make its shadow a pixel below it (badge-maker,
/// `lib/badge-renderers.js`).
pub(crate) const SHADOW: f32 = 0.3;
pub(crate) const BLURRED: f32 = 0.8;
/// The standard deviation of the blur, in pixels.
pub(crate) const BLUR: f32 = 1.6;

/// Paints each part over those before it, `scale` pixels to each unit of the drawing. With `layers`, those that all numbers
/// have in common are painted only if they are not there yet.
pub(crate) fn paint(drawing: &Drawing, scale: u8, layers: Option<&Layers>) -> Raster {
    let painting = Painting { drawing, scale: scale.into(), layers };
    if let Some(Rgb([red, green, blue])) = drawing.only_ink() {
        let mask = painting.compose(layers.map(|layers| &layers.letters), mask, Canvas::letters_of);
        return Raster::of_ink(&mask, [red, green, blue, drawing.alpha]);
    }
    let pixmap = painting.compose(layers.map(|layers| &layers.ground), pixmap, Canvas::part);
    let mut raster = Raster::from(pixmap);
    raster.fade(drawing.alpha);
    if !drawing.has_few_colors {
        palette::reduce(raster.pixels_mut(), scale);
    }
    raster
}

struct Painting<'a> {
    drawing: &'a Drawing<'a>,
    scale: u32,
    layers: Option<&'a Layers>,
}

impl<'a> Painting<'a> {
    /// Paints what all numbers have in common, or copies it if it is `kept`; and then the number.
    fn compose<T: Clone>(
        &self,
        kept: Option<&OnceLock<T>>,
        blank: fn((u32, u32)) -> T,
        paint: impl Fn(&Canvas<'a>, &mut T, &Part),
    ) -> T {
        let (common, number) = self.drawing.parts.split_at(self.drawing.common);
        let ground = || {
            let mut ground = blank((self.drawing.width * self.scale, self.drawing.height * self.scale));
            common.iter().for_each(|part| paint(&self.canvas(None), &mut ground, part));
            ground
        };
        let mut picture = kept.map_or_else(ground, |kept| kept.get_or_init(ground).clone());
        let canvas = self.canvas(self.layers.map(|layers| &layers.digits));
        number.iter().for_each(|part| paint(&canvas, &mut picture, part));
        picture
    }

    fn canvas(&self, digits: Option<&'a Digits>) -> Canvas<'a> {
        Canvas { scale: self.scale as f32, height: self.drawing.height as f32, digits }
    }
}

struct Canvas<'a> {
    scale: f32,
    /// The height of the drawing, in its own units.
    height: f32,
    /// The digits that were painted before.
    digits: Option<&'a Digits>,
}

impl Canvas<'_> {
    fn part(&self, pixmap: &mut Pixmap, part: &Part) {
        match part {
            Part::Shape(path, fill) => {
                let paint = Paint { shader: self.shader(fill), ..Paint::default() };
                pixmap.fill_path(path, &paint, FillRule::Winding, self.transform(), None);
            }
            Part::Text(text) => self.text(pixmap, text),
            Part::Image(image) => self.image(pixmap, image),
            Part::Cell(cell) => self.cell(pixmap, cell),
        }
    }

    fn cell(&self, pixmap: &mut Pixmap, cell: &Cell) {
        let tile = self.digits.and_then(|digits| digits.tiles.get(cell.digit));
        let left = (cell.left as f32 * self.scale) as usize;
        if let Some(tile) = tile.and_then(OnceLock::get) {
            return tile.paste(pixmap, left);
        }
        cell.parts.iter().for_each(|part| self.part(pixmap, part));
        if let Some(tile) = tile {
            let width = (cell.width as f32 * self.scale) as usize;
            // Another thread may have been faster.
            let _ = tile.set(Tile::cut(pixmap, left, width));
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
        let letters = self.letters(text, size);
        if let Some(shadow) = text.shadow {
            let mut mask = lowered(&letters, self.scale as usize);
            ink(pixmap, &mask, Ink { rgb: shadow, alpha: SHADOW });
            blur(&mut mask, BLUR * self.scale);
            ink(pixmap, &mask, Ink { rgb: shadow, alpha: BLURRED });
        }
        ink(pixmap, &letters, text.ink.into());
    }

    /// The coverage of a text.
    fn letters(&self, text: &Text, size: (u32, u32)) -> Mask {
        let mut mask = mask(size);
        self.add_letters(&mut mask, text);
        mask
    }

    fn letters_of(&self, mask: &mut Mask, part: &Part) {
        if let Part::Text(text) = part {
            self.add_letters(mask, text);
        }
    }

    fn add_letters(&self, mask: &mut Mask, text: &Text) {
        let baseline = text.baseline as f32 * self.scale;
        let glyphs = self.digits.map(|digits| &digits.glyphs);
        text.line.draw_scaled(mask, baseline as i32, self.scale, glyphs);
    }

    fn image(&self, pixmap: &mut Pixmap, image: &Image) {
        let Some(mut source) = Pixmap::new(image.width, image.height) else {
            return;
        };
        let premultiply = |&[red, green, blue, alpha]: &[u8; 4]| {
            tiny_skia::ColorU8::from_rgba(red, green, blue, alpha).premultiply()
        };
        let colors: Vec<_> = image.colors.iter().map(premultiply).collect();
        for (to, &color) in source.pixels_mut().iter_mut().zip(image.pixels) {
            *to = colors[usize::from(color)];
        }
        // Without interpolation: added digits are often pixel art.
        let place = self.transform().pre_translate(image.x as f32, image.y as f32);
        pixmap.draw_pixmap(0, 0, source.as_ref(), &PixmapPaint::default(), place, None);
    }
}

fn mask((width, height): (u32, u32)) -> Mask {
    Mask::new(width, height).expect("a drawing has bounds, and neither side is zero")
}

fn pixmap((width, height): (u32, u32)) -> Pixmap {
    Pixmap::new(width, height).expect("a drawing has bounds, and neither side is zero")
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

/// The same so many rows further down. Outlines of letters are filled once for both a text and its shadow.
fn lowered(letters: &Mask, rows: usize) -> Mask {
    let mut lowered = mask((letters.width(), letters.height()));
    let from = letters.data();
    let start = (rows * letters.width() as usize).min(from.len());
    lowered.data_mut()[start..].copy_from_slice(&from[..from.len() - start]);
    lowered
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

//! The coverage of pixels by a glyph.

use ab_glyph_rasterizer::{Rasterizer, point};
use fontdue::Font;
use skrifa::outline::OutlinePen;
use tiny_skia::{Mask, Path, PathBuilder, PathSegment};

/// Pixels of the longest side of a glyph: the largest letters of a picture have some 80 to the em.
const MAX_SIDE: f32 = 512.0;

/// A glyph's coverage of pixels, wherever it stands.
pub(crate) struct Glyph {
    /// Pixels from the origin to the ink, and the thirds of a pixel by which the bitmap starts before it.
    ink: f32,
    inset: f32,
    /// Rows above the baseline.
    rise: i32,
    /// Pixels.
    width: usize,
    /// Rows of samples, each a third of a pixel wide.
    thirds: Vec<u8>,
}

impl Glyph {
    pub(crate) fn by_fontdue(font: &Font, id: u16, px: f32) -> Self {
        // fontdue places glyphs on whole pixels only, too coarse for the spacing of letters. Asked for the three
        // stripes of an LCD pixel it samples three times as densely, which places them to a third of a pixel.
        let (metrics, thirds) = font.rasterize_indexed_subpixel(id, px);
        let ink = metrics.bounds.xmin;
        // Its bitmap starts before the ink by the fraction of a pixel counted in thirds, not by three times that.
        let (inset, rise) = (ink.rem_euclid(1.0), metrics.ymin + metrics.height as i32);
        Self { ink, inset, rise, width: metrics.width, thirds }
    }

    /// A glyph without ink, or of a size that no letter has, covers nothing.
    pub(crate) fn of_outline(draw: impl FnOnce(&mut PathPen)) -> Self {
        let mut pen = PathPen::new(3.0);
        draw(&mut pen);
        pen.finish().and_then(|path| Self::fill(&path)).unwrap_or(Self::EMPTY)
    }

    const EMPTY: Self = Self { ink: 0.0, inset: 0.0, rise: 0, width: 0, thirds: Vec::new() };

    /// Fills a path that is three times as wide as the glyph.
    fn fill(path: &Path) -> Option<Self> {
        let (left, right) = (path.bounds().left(), path.bounds().right());
        let ink = (left / 3.0).floor();
        let area = Area::of(path, ink * 3.0, (right / 3.0).ceil() * 3.0)?;
        let (rise, width) = (-area.top as i32, area.width / 3);
        Some(Self { ink, inset: 0.0, rise, width, thirds: area.coverage(path).collect() })
    }

    /// Bytes of memory.
    pub(crate) fn bytes(&self) -> usize {
        self.thirds.capacity()
    }

    /// Adds it to `mask`, `x` pixels from the left; its baseline is the top edge of row `baseline`. Parts outside of the
    /// mask are left out.
    pub(crate) fn draw(&self, mask: &mut Mask, baseline: i32, x: f32) {
        if self.width == 0 {
            return;
        }
        let left = ((x + self.ink) * 3.0 - self.inset).round() as i32;
        for (row, samples) in self.thirds.chunks_exact(self.width * 3).enumerate() {
            add_row(mask, left, baseline - self.rise + row as i32, samples);
        }
    }
}

/// Adds an outline whose origin is `x` pixels from the left and `y` from the top. One of a size that no letter has covers
/// nothing.
pub(crate) fn fill(mask: &mut Mask, x: f32, y: f32, draw: impl FnOnce(&mut PathPen)) {
    let mut pen = PathPen { x, y, ..PathPen::new(1.0) };
    draw(&mut pen);
    let Some(path) = pen.finish() else { return };
    let (left, right) = (path.bounds().left(), path.bounds().right());
    let Some(area) = Area::of(&path, left.floor(), right.ceil()) else { return };
    let coverage: Vec<u8> = area.coverage(&path).collect();
    let (width, height) = (mask.width() as i32, mask.height() as i32);
    for (row, samples) in (area.top as i32..).zip(coverage.chunks_exact(area.width)) {
        let columns = (area.left as i32..).zip(samples).filter(|(x, _)| (0..width).contains(x));
        for (x, &sample) in columns.filter(|_| (0..height).contains(&row)) {
            let pixel = &mut mask.data_mut()[(row * width + x) as usize];
            *pixel = pixel.saturating_add(level(sample.into()));
        }
    }
}

/// The pixels that a path touches.
struct Area {
    left: f32,
    top: f32,
    width: usize,
    height: usize,
}

impl Area {
    /// None if it has no pixels, or too many.
    fn of(path: &Path, left: f32, right: f32) -> Option<Self> {
        let (top, bottom) = (path.bounds().top().floor(), path.bounds().bottom().ceil());
        let (width, height) = (right - left, bottom - top);
        let is_fine = (1.0..=MAX_SIDE * 3.0).contains(&width) && (1.0..=MAX_SIDE).contains(&height);
        is_fine.then_some(Self { left, top, width: width as usize, height: height as usize })
    }

    /// The coverage of each pixel, row by row. Sums of signed areas, as fontdue computes them: tiny-skia takes three times as
    /// long for a Chinese letter.
    fn coverage(&self, path: &Path) -> impl Iterator<Item = u8> {
        // A column more on the right: an edge that lies on the last one's end is counted there.
        let stride = self.width + 1;
        let mut rasterizer = Rasterizer::new(stride, self.height);
        let at = |p: tiny_skia::Point| point(p.x - self.left, p.y - self.top);
        let (mut start, mut last) = (point(0.0, 0.0), point(0.0, 0.0));
        for segment in path.segments() {
            let from = last;
            match segment {
                PathSegment::MoveTo(to) => {
                    rasterizer.draw_line(from, start);
                    start = at(to);
                    last = start;
                }
                PathSegment::LineTo(to) => {
                    last = at(to);
                    rasterizer.draw_line(from, last);
                }
                PathSegment::QuadTo(a, to) => {
                    last = at(to);
                    rasterizer.draw_quad(from, at(a), last);
                }
                PathSegment::CubicTo(a, b, to) => {
                    last = at(to);
                    rasterizer.draw_cubic(from, at(a), at(b), last);
                }
                PathSegment::Close => {
                    rasterizer.draw_line(from, start);
                    last = start;
                }
            }
        }
        rasterizer.draw_line(last, start);
        let mut coverage = vec![0; stride * self.height];
        rasterizer.for_each_pixel(|i, covered| coverage[i] = (covered * 255.0).round() as u8);
        (0..self.height * stride).filter(move |i| i % stride < stride - 1).map(move |i| coverage[i])
    }
}

/// Adds a row of samples, each a third of a pixel wide and starting `left` thirds from the edge, to row `y`.
fn add_row(mask: &mut Mask, left: i32, y: i32, samples: &[u8]) {
    let (width, height) = (mask.width() as i32, mask.height() as i32);
    if !(0..height).contains(&y) {
        return;
    }
    let row = &mut mask.data_mut()[(y * width) as usize..][..width as usize];
    let (first, last) = (left.div_euclid(3), (left + samples.len() as i32 - 1).div_euclid(3));
    for x in first.max(0)..=last.min(width - 1) {
        let third = |i: i32| usize::try_from(x * 3 + i - left).ok().and_then(|i| samples.get(i)).copied();
        let sum: u16 = (0..3).filter_map(third).map(u16::from).sum();
        let pixel = &mut row[x as usize];
        *pixel = pixel.saturating_add(level(sum / 3));
    }
}

/// Levels of coverage. More are not visible, and cost bytes: docs/png.md of the repository compares them.
const LEVELS: u16 = 8;
/// A sixth of a pixel, of 255: the overshoot of round letters over the baseline, and the most by which a sharp stem
/// misses its pixel. Without such fringes letters are crisper, and a digit stays in its cell.
const FRINGE: u16 = 43;

/// Rounds a coverage of 0 to 255 to one of the evenly spaced levels.
fn level(coverage: u16) -> u8 {
    let last = LEVELS - 1;
    match coverage {
        ..FRINGE => 0,
        c if c > 255 - FRINGE => 255,
        c => ((c * last + 127) / 255 * 255 / last) as u8,
    }
}

/// Collects an outline as a path, in which y grows downwards.
pub(crate) struct PathPen {
    path: PathBuilder,
    /// Factor of x.
    wide: f32,
    /// The origin.
    x: f32,
    y: f32,
}

impl PathPen {
    pub(crate) fn new(wide: f32) -> Self {
        Self { path: PathBuilder::new(), wide, x: 0.0, y: 0.0 }
    }

    pub(crate) fn finish(self) -> Option<Path> {
        self.path.finish()
    }

    fn point(&self, x: f32, y: f32) -> (f32, f32) {
        (self.x + x * self.wide, self.y - y)
    }
}

impl OutlinePen for PathPen {
    fn move_to(&mut self, x: f32, y: f32) {
        let (x, y) = self.point(x, y);
        self.path.move_to(x, y);
    }

    fn line_to(&mut self, x: f32, y: f32) {
        let (x, y) = self.point(x, y);
        self.path.line_to(x, y);
    }

    fn quad_to(&mut self, x1: f32, y1: f32, x: f32, y: f32) {
        let ((x1, y1), (x, y)) = (self.point(x1, y1), self.point(x, y));
        self.path.quad_to(x1, y1, x, y);
    }

    fn curve_to(&mut self, x1: f32, y1: f32, x2: f32, y2: f32, x: f32, y: f32) {
        let ((x1, y1), (x2, y2), (x, y)) = (self.point(x1, y1), self.point(x2, y2), self.point(x, y));
        self.path.cubic_to(x1, y1, x2, y2, x, y);
    }

    fn close(&mut self) {
        self.path.close();
    }
}

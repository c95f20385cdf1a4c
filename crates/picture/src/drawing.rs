//! Shapes and lines of text: the looks make them, and both PNG and SVG are made of them.

use tiny_skia::{Path, PathBuilder, Rect};

use crate::Rgb;
use crate::text::Line;

/// Pixels of the longest side: a label of 64 wide capitals is some 800 wide.
const MAX_SIDE: u32 = 2048;

/// The parts of a picture, from back to front. One unit is a pixel of the page (at scale 1, of the file too).
pub(crate) struct Drawing<'a> {
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) parts: Vec<Part<'a>>,
    /// Opacity of the whole picture, 0 to 255.
    pub(crate) alpha: u8,
}

pub(crate) enum Part<'a> {
    Shape(Path, Fill),
    Text(Text<'a>),
    Image(Image<'a>),
}

/// The fill of a shape.
pub(crate) enum Fill {
    Solid(Ink),
    /// A gradient from the top of the picture (0) to its bottom (1).
    Down(Vec<(f32, Ink)>),
}

/// A colour and its opacity.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Ink {
    pub(crate) rgb: Rgb,
    /// 0 to 1.
    pub(crate) alpha: f32,
}

pub(crate) struct Text<'a> {
    pub(crate) line: Line<'a>,
    /// The row of pixels below the baseline.
    pub(crate) baseline: u32,
    pub(crate) ink: Rgb,
    /// The colour of a shadow one pixel below, as badge services draw it.
    pub(crate) shadow: Option<Rgb>,
}

/// An image of pixels, which are repeated at larger scales.
pub(crate) struct Image<'a> {
    pub(crate) x: u32,
    pub(crate) y: u32,
    pub(crate) width: u32,
    /// Red, green, blue and alpha, row by row.
    pub(crate) pixels: &'a [[u8; 4]],
    /// The same image as a PNG file.
    pub(crate) file: &'a [u8],
}

impl<'a> Drawing<'a> {
    /// An empty drawing. Its size is bounded, because an added font may claim any width.
    pub(crate) fn new(width: u32, height: u32) -> Self {
        let [width, height] = [width, height].map(|side| side.clamp(1, MAX_SIDE));
        Self { width, height, parts: Vec::new(), alpha: 255 }
    }

    pub(crate) fn fill(&mut self, shape: Path, fill: impl Into<Fill>) {
        self.parts.push(Part::Shape(shape, fill.into()));
    }

    pub(crate) fn text(&mut self, line: Line<'a>, baseline: u32, ink: Rgb) {
        self.shaded(line, baseline, ink, None);
    }

    pub(crate) fn image(&mut self, image: Image<'a>) {
        self.parts.push(Part::Image(image));
    }

    /// Adds a text that may have a shadow.
    pub(crate) fn shaded(&mut self, line: Line<'a>, baseline: u32, ink: Rgb, shadow: Option<Rgb>) {
        self.parts.push(Part::Text(Text { line, baseline, ink, shadow }));
    }
}

impl From<Rgb> for Ink {
    fn from(rgb: Rgb) -> Self {
        Self { rgb, alpha: 1.0 }
    }
}

impl<T: Into<Ink>> From<T> for Fill {
    fn from(ink: T) -> Self {
        Self::Solid(ink.into())
    }
}

/// A rectangle. A side that is not positive becomes a hairline, so that a look needs no check of sizes.
pub(crate) fn rectangle(x: f32, y: f32, width: f32, height: f32) -> Path {
    PathBuilder::from_rect(valid_rect(x, y, width, height))
}

/// A rectangle whose corners on the left and on the right have these radii.
pub(crate) fn rounded(x: f32, y: f32, width: f32, height: f32, (left, right): (f32, f32)) -> Path {
    let r = valid_rect(x, y, width, height);
    let (x, y, right_x, bottom) = (r.left(), r.top(), r.right(), r.bottom());
    // The distance of a control point from the corner for the Bézier curve closest to a quarter of a circle.
    let k = 1.0 - 0.552_284_8;
    let mut path = PathBuilder::new();
    path.move_to(x + left, y);
    path.line_to(right_x - right, y);
    path.cubic_to(right_x - right * k, y, right_x, y + right * k, right_x, y + right);
    path.line_to(right_x, bottom - right);
    path.cubic_to(right_x, bottom - right * k, right_x - right * k, bottom, right_x - right, bottom);
    path.line_to(x + left, bottom);
    path.cubic_to(x + left * k, bottom, x, bottom - left * k, x, bottom - left);
    path.line_to(x, y + left);
    path.cubic_to(x, y + left * k, x + left * k, y, x + left, y);
    path.close();
    path.finish().unwrap_or_else(|| PathBuilder::from_rect(r))
}

/// The shape between `points`.
pub(crate) fn polygon(points: &[(f32, f32)]) -> Path {
    let mut path = PathBuilder::new();
    for (i, &(x, y)) in points.iter().enumerate() {
        if i == 0 { path.move_to(x, y) } else { path.line_to(x, y) }
    }
    path.close();
    path.finish().unwrap_or_else(|| PathBuilder::from_rect(valid_rect(0.0, 0.0, 0.0, 0.0)))
}

fn valid_rect(x: f32, y: f32, width: f32, height: f32) -> Rect {
    let hair = 1e-3;
    let rect = Rect::from_xywh(x, y, width.max(hair), height.max(hair));
    rect.unwrap_or_else(|| Rect::from_xywh(0.0, 0.0, hair, hair).expect("a hair is a rectangle"))
}

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
    /// How many of the parts, from the first on, are the same for all numbers in a picture of this size.
    pub(crate) common: usize,
    /// Opacity of the whole picture, 0 to 255.
    pub(crate) alpha: u8,
    /// Whether its colours were chosen so that a file can have all of them.
    pub(crate) has_few_colors: bool,
}

pub(crate) enum Part<'a> {
    Shape(Path, Fill),
    Text(Text<'a>),
    Image(Image<'a>),
    Cell(Cell<'a>),
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

/// A digit of a counter, in columns of its own. It has the same pixels in each cell.
pub(crate) struct Cell<'a> {
    pub(crate) left: u32,
    pub(crate) width: u32,
    /// 0 to 9, [`Cell::BLANK`] or [`Cell::DASH`].
    pub(crate) digit: usize,
    pub(crate) parts: Vec<Part<'a>>,
}

impl Cell<'_> {
    /// In place of a digit: the cell of a leading zero that is not shown.
    pub(crate) const BLANK: usize = 10;
    pub(crate) const DASH: usize = 11;
    /// How many kinds of cells there are.
    pub(crate) const KINDS: usize = 12;
}

/// An image of pixels, which are repeated at larger scales.
pub(crate) struct Image<'a> {
    pub(crate) x: u32,
    pub(crate) y: u32,
    pub(crate) width: u32,
    pub(crate) height: u32,
    /// Red, green, blue and alpha.
    pub(crate) colors: &'a [[u8; 4]],
    /// The place of each pixel's colour, row by row.
    pub(crate) pixels: &'a [u8],
    /// The same image as a PNG file.
    pub(crate) file: &'a [u8],
}

impl<'a> Drawing<'a> {
    /// An empty drawing. Its size is bounded, because an added font may claim any width.
    pub(crate) fn new(width: u32, height: u32) -> Self {
        let [width, height] = [width, height].map(|side| side.clamp(1, MAX_SIDE));
        Self { width, height, parts: Vec::new(), common: 0, alpha: 255, has_few_colors: false }
    }

    /// States that all parts up to now are the same for all numbers in a picture of this size.
    pub(crate) fn number_follows(&mut self) {
        self.common = self.parts.len();
    }

    /// The colour of the drawing, if it is text of one colour on nothing.
    pub(crate) fn only_ink(&self) -> Option<Rgb> {
        let ink = |part: &Part| match part {
            Part::Text(text) if text.shadow.is_none() => Some(text.ink),
            _ => None,
        };
        let first = ink(self.parts.first()?)?;
        self.parts.iter().all(|part| ink(part) == Some(first)).then_some(first)
    }

    /// Whether it would be wider if that were allowed. Then pictures of one size may differ in more than the number.
    pub(crate) fn may_be_cut(&self) -> bool {
        self.width == MAX_SIDE
    }

    pub(crate) fn fill(&mut self, shape: Path, fill: impl Into<Fill>) {
        self.parts.push(Part::Shape(shape, fill.into()));
    }

    pub(crate) fn text(&mut self, line: Line<'a>, baseline: u32, ink: Rgb) {
        self.shaded(line, baseline, ink, None);
    }

    pub(crate) fn cell(&mut self, cell: Cell<'a>) {
        self.parts.push(Part::Cell(cell));
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

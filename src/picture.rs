//! What a count looks like: a [`Style`] and a [`Value`] become pixels, and pixels become the bytes of a PNG file.
//!
//! Everything here is pure: the same style and value give the same bytes, on every machine. [`Pictures`] remembers
//! the bytes, so that a picture is made once for however many viewers.
//!
//! - `style`: which picture is asked for; parsed once, never wrong afterwards.
//! - `plain`, `notice`, `ranking`: one file for each look; it measures, then paints.
//! - `font`: the fonts, and how wide their characters are; `text`: lines of them, and the coverage of glyphs (fontdue).
//! - `raster`: the finished pixels.
//! - `png`: pixels to bytes.
//! - `cache`: bytes by style and value.

mod cache;
mod font;
mod notice;
mod plain;
mod png;
mod ranking;
mod raster;
mod style;
mod text;

pub use cache::Pictures;
pub use notice::notice;
pub use ranking::ranking;
pub use raster::Raster;
pub use style::{Label, LabelError, Style};

/// What a picture shows: the number now, or that there will be no more numbers.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Value {
    /// So many at this moment.
    Count(u64),
    /// The stream is over: painted pale, with an en dash where the number was, so that nobody takes an old number
    /// for a live one.
    Ended,
}

/// Paints `value` in `style`. Costs some ten microseconds.
#[must_use]
pub fn render(style: &Style, value: Value) -> Raster {
    match style.look() {
        style::Look::Plain => plain::render(style.label(), value),
    }
}

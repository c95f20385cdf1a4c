//! What a count looks like: a [`Style`] and a [`Value`] become pixels, and pixels become the bytes of a PNG file; or
//! they become an SVG.
//!
//! Everything here is pure: the same style and value give the same bytes, on every machine.
//!
//! In the order of the data's way:
//!
//! - `parameters`: what is asked for, in a URL or on a command line, becomes a style. `label`, `color`, `number`: its
//!   parts. `themes`: fonts and digits that are added to the built-in ones.
//! - `style`: which picture is asked for; never wrong once it exists.
//! - `plain`, `badge`, `digits`: the looks; each measures, then makes a drawing.
//! - `drawing`: shapes and lines of text, before there are pixels. `font`: how wide characters are; `text`: lines of
//!   them, and the coverage of glyphs (fontdue).
//! - `svg`: a drawing to a vector picture; `paint`: a drawing to pixels (tiny-skia); `palette`: fewer colours.
//! - `raster`: the finished pixels; `png`: pixels to bytes.
//! - `notice`, `ranking`, `strip`: pictures of something other than a count.

mod badge;
mod color;
mod digits;
mod drawing;
mod font;
mod label;
mod notice;
mod number;
mod paint;
mod palette;
mod parameters;
mod plain;
mod png;
mod ranking;
mod raster;
mod shared;
mod strip;
mod style;
mod svg;
mod text;
mod themes;

pub use color::Rgb;
pub use digits::DigitError;
pub use font::load as load_fonts;
pub use label::{Label, LabelError};
pub use notice::notice;
pub use parameters::{StyleBuilder, StyleError};
pub use ranking::ranking;
pub use raster::Raster;
pub use strip::{Heat, Strip, StripError, clear_pixel};
pub use style::Style;
pub use svg::svg;
pub use themes::{ThemeError, Themes};

/// What a picture shows: the number now, or that there will be no more numbers.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Value {
    /// So many at this moment.
    Count(u64),
    /// So many at this moment, and the most there have been. A style that does not show peaks shows `now` alone.
    Peak {
        /// At this moment.
        now: u64,
        /// The most; painted as `now` if it is less than that.
        peak: u64,
    },
    /// The stream is over: painted pale, with an en dash where the number was, so that nobody takes an old number
    /// for a live one.
    Ended,
}

impl Value {
    /// The number at this moment, if there still is one.
    fn now(self) -> Option<u64> {
        match self {
            Self::Count(now) | Self::Peak { now, .. } => Some(now),
            Self::Ended => None,
        }
    }

    /// The largest with so many digits: what a picture keeps room for, also when the number has gone.
    fn largest(digits: u32) -> Self {
        let largest = 10_u64.pow(digits) - 1;
        Self::Peak { now: largest, peak: largest }
    }
}

/// Paints `value` in `style`. Costs some ten microseconds.
#[must_use]
pub fn render(style: &Style, value: Value) -> Raster {
    paint::paint(&style.draw(value), style.scale)
}

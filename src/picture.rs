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

mod badge;
mod cache;
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
mod style;
mod svg;
mod text;
mod themes;

pub use cache::Pictures;
pub use color::Rgb;
pub use label::{Label, LabelError};
pub use notice::notice;
pub use parameters::{BadValue, StyleBuilder};
pub use ranking::ranking;
pub use raster::Raster;
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

    /// The largest of its kind with so many digits: what a picture keeps room for.
    fn with_digits(self, digits: usize) -> Self {
        let most = 10_u64.pow(digits as u32) - 1;
        match self {
            Self::Peak { .. } => Self::Peak { now: most, peak: most },
            _ => Self::Count(most),
        }
    }
}

/// Paints `value` in `style`. Costs some ten microseconds.
#[must_use]
pub fn render(style: &Style, value: Value) -> Raster {
    paint::paint(&style.draw(value), style.scale)
}

//! A number as a small picture: a [`Style`] and a [`Value`] become pixels, and pixels become PNG; or they become SVG.
//!
//! ```
//! use onlookers_picture::{StyleBuilder, Themes, Value, render, svg};
//!
//! let mut parameters = StyleBuilder::default();
//! for (name, value) in [("style", "flat"), ("label", "readers"), ("color", "blue"), ("format", "1.2k")] {
//!     parameters.take(name, value)?;
//! }
//! let style = parameters.build(&Themes::default())?;
//! let png = render(&style, Value::Count(1234)).encode();
//! assert!(png.starts_with(b"\x89PNG"));
//! assert!(svg(&style, Value::Count(1234)).contains("<title>readers: 1.2k</title>"));
//! # Ok::<(), onlookers_picture::StyleError>(())
//! ```
//!
//! Everything here is pure: the same style and value give the same bytes on every machine. Nothing reads files, logs or
//! starts threads. Fonts are embedded; more of them, and digits, are added to [`Themes`] as bytes.
//!
//! # From parameters to bytes
//!
//! 1. `parameters`: a [`StyleBuilder`] collects the parameters of a URL or a command line. `label`, `color` and `number`
//!    parse them, `themes` finds what was added by name.
//! 2. `style`: the resulting [`Style`], which can't be wrong once it exists.
//! 3. `plain`, `badge`, `digits`: the looks. Each measures its texts and makes a drawing.
//! 4. `drawing`: shapes and lines of text. `text`: positions of glyphs; `shaping`: other scripts than Latin, and other
//!    fonts where one lacks a glyph; `font`: fonts at a size, `typeface`: their files; `glyph`: coverage of pixels.
//! 5. `paint`: a drawing to pixels; `layers`: those that were painted before; `palette`: fewer colours. `svg`: a drawing
//!    to SVG.
//! 6. `raster`: the finished pixels; `png`: pixels to the bytes of a file.
//!
//! `notice`, `ranking` and `strip` paint a sentence, a list and a heat map rather than a number; `appearance` has the colours
//! and the scale of the last two.

mod parameters;

mod appearance;
mod color;
mod label;
mod number;
mod shared;
mod themes;

mod style;

mod badge;
mod digits;
mod plain;

mod drawing;
mod font;
mod glyph;
mod shaping;
mod text;
mod typeface;

mod layers;
mod paint;
mod palette;
mod svg;

mod png;
mod raster;

mod notice;
mod ranking;
mod strip;

mod written;

pub use appearance::Appearance;
pub use color::Rgb;
pub use digits::{DigitError, DigitFiles};
pub use font::load as load_fonts;
pub use label::{Label, LabelError};
pub use layers::Layers;
pub use notice::notice;
pub use parameters::{StyleBuilder, StyleError};
pub use ranking::{RankingStyle, Row};
pub use raster::Raster;
pub use strip::{Heat, Strip, StripError, clear_pixel};
pub use style::Style;
pub use svg::svg;
pub use themes::{ThemeError, Themes};
pub use written::Parameter;

/// The content of a picture: the current number, or the end of a stream of numbers.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Value {
    /// The current number.
    Count(u64),
    /// The current number and its maximum so far. A style that doesn't show peaks shows `now` alone.
    Peak {
        /// The current number.
        now: u64,
        /// The maximum; painted as `now` if it is less than that.
        peak: u64,
    },
    /// The stream has ended: painted pale, with an en dash in place of the number, so that an old number is not taken for
    /// a live one.
    Ended,
}

impl Value {
    /// The current number, if there is one.
    fn now(self) -> Option<u64> {
        match self {
            Self::Count(now) | Self::Peak { now, .. } => Some(now),
            Self::Ended => None,
        }
    }

    /// The largest value with so many digits, for which a picture is wide enough even when it shows less.
    fn largest(digits: u32) -> Self {
        let largest = 10_u64.pow(digits) - 1;
        Self::Peak { now: largest, peak: largest }
    }
}

/// Paints `value` in `style`. [`Layers`] paint further values with less work.
pub fn render(style: &Style, value: Value) -> Raster {
    paint::paint(&style.draw(value), style.scale, None)
}

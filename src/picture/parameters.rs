//! Styles, as parameters ask for them.

use std::fmt;

use super::badge::{self, Badge, Kind};
use super::color::Written;
use super::number::Format;
use super::plain::Plain;
use super::style::Look;
use super::{Label, Style, Themes};

/// Collects the parameters of a style, from a query or a command line. Two ways to ask for one look give equal styles:
/// what does not concern a look is left out, and colours are numbers.
#[derive(Clone, Debug, Default)]
pub struct StyleBuilder {
    label: Label,
    look: Name,
    color: Option<Written>,
    label_color: Option<Written>,
    dark: bool,
    scale: Scale,
    format: Format,
    peak: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
enum Name {
    #[default]
    Plain,
    Badge(Kind),
}

const NAMES: [(&str, Name); 6] = [
    ("plain", Name::Plain),
    ("flat", Name::Badge(Kind::Flat)),
    ("flat-square", Name::Badge(Kind::FlatSquare)),
    ("plastic", Name::Badge(Kind::Plastic)),
    ("for-the-badge", Name::Badge(Kind::ForTheBadge)),
    ("social", Name::Badge(Kind::Social)),
];

/// Pixels of the file to a pixel of the page, each way.
#[derive(Clone, Copy, Debug)]
struct Scale(u8);

/// A parameter of a style that can't be what it is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BadValue {
    /// The parameter's name.
    pub parameter: &'static str,
    /// Why, or what it can be. Holds nothing of what was asked.
    pub reason: String,
}

impl StyleBuilder {
    /// What [`Style::default`] is, with `label` unless another is asked for.
    #[must_use]
    pub fn new(label: Label) -> Self {
        Self { label, ..Self::default() }
    }

    /// What a badge is that nobody asked to be otherwise: flat.
    #[must_use]
    pub fn flat(label: Label) -> Self {
        Self { look: Name::Badge(Kind::Flat), ..Self::new(label) }
    }

    /// Takes a parameter. `Ok(false)` if `name` is none of a style's.
    ///
    /// # Errors
    /// When the value is none that the parameter can have. What it was before stays.
    pub fn take(&mut self, name: &str, value: &str) -> Result<bool, BadValue> {
        match name {
            "label" => self.label = Label::new(value).map_err(|error| bad("label", error))?,
            "style" => self.look = one_of("style", value, &NAMES)?,
            "color" => self.color = Some(color("color", value)?),
            "labelColor" => self.label_color = Some(color("labelColor", value)?),
            "theme" => self.dark = one_of("theme", value, &[("light", false), ("dark", true)])?,
            "scale" => self.scale = Scale(one_of("scale", value, &[("1", 1), ("2", 2), ("3", 3), ("4", 4)])?),
            "format" => self.format = one_of("format", value, &Format::NAMES)?,
            "peak" => self.peak = one_of("peak", value, &[("0", false), ("1", true)])?,
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// The style that was asked for.
    ///
    /// # Errors
    /// When parameters name what `themes` don't have, or don't go together.
    pub fn build(self, _themes: &Themes) -> Result<Style, BadValue> {
        let look = match self.look {
            Name::Plain => Look::Plain(self.plain()),
            Name::Badge(kind) => Look::Badge(self.badge(kind)),
        };
        let (label, scale) = (self.label, self.scale.0);
        Ok(Style { look, label, scale, format: self.format, peak: self.peak })
    }

    fn plain(&self) -> Plain {
        let default = if self.dark { Plain::DARK } else { Plain::LIGHT };
        Plain { ink: self.color.map_or(default, |color| color.css), font: None }
    }

    fn badge(&self, kind: Kind) -> Badge {
        // The colours of a social badge are always the same.
        let color = self.color.filter(|_| kind != Kind::Social);
        let label_color = self.label_color.filter(|_| kind != Kind::Social);
        Badge {
            kind,
            color: color.map_or(badge::BRIGHT_GREEN, |color| color.badge),
            label_color: label_color.map(|color| color.badge),
            font: None,
        }
    }
}

impl Default for Scale {
    fn default() -> Self {
        Self(1)
    }
}

fn one_of<T: Copy>(parameter: &'static str, value: &str, names: &[(&str, T)]) -> Result<T, BadValue> {
    let found = names.iter().find(|(name, _)| *name == value).map(|(_, meaning)| *meaning);
    let list = || names.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
    found.ok_or_else(|| bad(parameter, format_args!("it can be {}", list())))
}

fn bad(parameter: &'static str, reason: impl fmt::Display) -> BadValue {
    BadValue { parameter, reason: reason.to_string() }
}

fn color(parameter: &'static str, value: &str) -> Result<Written, BadValue> {
    let names = "a colour's name (green, brightgreen, cornflowerblue) or 3 or 6 hex digits without #";
    Written::parse(value).ok_or_else(|| bad(parameter, format_args!("it can be {names}")))
}

impl fmt::Display for BadValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "bad {}: {}", self.parameter, self.reason)
    }
}

impl std::error::Error for BadValue {}

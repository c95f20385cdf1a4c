//! Parameters to a style.

use std::fmt;

use crate::badge::{self, Badge, Kind};
use crate::color::ParsedColor;
use crate::digits::{Digits, Theme};
use crate::number::Format;
use crate::plain::Plain;
use crate::shared::Shared;
use crate::style::Look;
use crate::themes::{Fallback, MAX_NAME};
use crate::typeface::Typeface;
use crate::{Label, Style, Themes};

/// Collects the parameters of a style from a query or a command line. Different spellings of one look give equal
/// styles: parameters that don't concern the look are ignored, and colours are parsed.
#[derive(Clone, Debug, Default)]
pub struct StyleBuilder {
    label: Label,
    look: Option<StyleName>,
    color: Option<ParsedColor>,
    label_color: Option<ParsedColor>,
    theme: Option<String>,
    font: Option<String>,
    scale: Option<u8>,
    format: Format,
    peak: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum StyleName {
    Plain,
    Badge(Kind),
    Digits,
}

const STYLE_NAMES: [(&str, StyleName); 7] = [
    ("plain", StyleName::Plain),
    ("flat", StyleName::Badge(Kind::Flat)),
    ("flat-square", StyleName::Badge(Kind::FlatSquare)),
    ("plastic", StyleName::Badge(Kind::Plastic)),
    ("for-the-badge", StyleName::Badge(Kind::ForTheBadge)),
    ("social", StyleName::Badge(Kind::Social)),
    ("digits", StyleName::Digits),
];

/// A parameter of a style has a value that it can't have.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StyleError {
    /// The parameter's name.
    pub parameter: &'static str,
    /// The reason, or the possible values. Contains nothing of the value.
    pub reason: String,
}

impl StyleBuilder {
    /// Starts with [`Style::default`] and this label.
    pub fn new(label: Label) -> Self {
        Self { label, ..Self::default() }
    }

    /// Starts with a flat badge and this label.
    pub fn flat(label: Label) -> Self {
        Self { look: Some(StyleName::Badge(Kind::Flat)), ..Self::new(label) }
    }

    /// Sets a parameter: `label`, `style`, `color`, `labelColor`, `theme`, `font`, `scale`, `format` or `peak`.
    /// `Ok(false)` if `name` is none of these.
    ///
    /// # Errors
    /// When the parameter can't have this value. It keeps its previous one.
    pub fn take(&mut self, name: &str, value: &str) -> Result<bool, StyleError> {
        match name {
            "label" => self.label = Label::new(value).map_err(|error| bad("label", error))?,
            "style" => self.look = Some(one_of("style", value, &STYLE_NAMES)?),
            "color" => self.color = Some(color("color", value)?),
            "labelColor" => self.label_color = Some(color("labelColor", value)?),
            "theme" => self.theme = Some(named("theme", value)?),
            "font" => self.font = Some(named("font", value)?),
            "scale" => self.scale = Some(scale(value)?),
            "format" => self.format = one_of("format", value, &Format::NAMES)?,
            "peak" => self.peak = one_of("peak", value, &[("0", false), ("1", true)])?,
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// The style of these parameters.
    ///
    /// # Errors
    /// When `themes` don't have the theme or font, or the theme doesn't belong to the style.
    pub fn build(self, themes: &Themes) -> Result<Style, StyleError> {
        let theme = self.theme(themes)?;
        let font = self.font(themes)?;
        let look = match (self.look, theme) {
            (None | Some(StyleName::Plain), ThemeChoice::Page { dark }) => {
                Look::Plain(self.plain(dark, font))
            }
            (Some(StyleName::Badge(kind)), ThemeChoice::Page { .. }) => Look::Badge(self.badge(kind, font)),
            (Some(StyleName::Digits), ThemeChoice::Page { .. }) => Look::Digits(self.digits(Theme::Odometer)),
            (None | Some(StyleName::Digits), ThemeChoice::Digits(theme)) => Look::Digits(self.digits(theme)),
            (Some(_), ThemeChoice::Digits(_)) => return Err(bad("theme", "this one is for style=digits")),
        };
        // As badge services do.
        let label = if matches!(look, Look::Badge(_)) { self.label.trimmed() } else { self.label };
        // The digits look has no format and no peak.
        let others = !matches!(look, Look::Digits(_));
        let format = if others { self.format } else { Format::default() };
        let needs_others = !label.as_str().is_ascii() || self.font.is_some();
        let fallback = if needs_others { themes.fallback() } else { Fallback::default() };
        let style = Style { look, label, scale: 1, format, peak: self.peak && others, fallback };
        Ok(style.with_scale(self.scale.unwrap_or(1)))
    }

    fn theme(&self, themes: &Themes) -> Result<ThemeChoice, StyleError> {
        match self.theme.as_deref() {
            None | Some("light") => Ok(ThemeChoice::Page { dark: false }),
            Some("dark") => Ok(ThemeChoice::Page { dark: true }),
            Some(name) => themes
                .digits(name)
                .map(ThemeChoice::Digits)
                .ok_or_else(|| bad("theme", format_args!("it can be {}", themes.theme_names().join(", ")))),
        }
    }

    fn font(&self, themes: &Themes) -> Result<Option<Shared<Typeface>>, StyleError> {
        let Some(name) = &self.font else {
            return Ok(None);
        };
        let unknown = || match themes.font_names().join(", ").as_str() {
            "" => bad("font", "no font was added to this server"),
            names => bad("font", format_args!("it can be {names}")),
        };
        themes.font(name).map(Some).ok_or_else(unknown)
    }

    fn plain(&self, dark: bool, font: Option<Shared<Typeface>>) -> Plain {
        let default = if dark { Plain::DARK } else { Plain::LIGHT };
        Plain { ink: self.color.map_or(default, |color| color.css), font }
    }

    fn badge(&self, kind: Kind, font: Option<Shared<Typeface>>) -> Badge {
        // The colours of a social badge are always the same.
        let color = self.color.filter(|_| kind != Kind::Social);
        let label_color = self.label_color.filter(|_| kind != Kind::Social).map(|color| color.badge);
        // Without a label, a colour for it makes an empty left half.
        let has_label = !self.label.as_str().trim().is_empty() || kind == Kind::ForTheBadge;
        Badge {
            kind,
            color: color.map_or(badge::BRIGHT_GREEN, |color| color.badge),
            label_color: label_color.filter(|&color| color != badge::GREY || !has_label),
            font,
        }
    }

    fn digits(&self, theme: Theme) -> Digits {
        let css = |color: Option<ParsedColor>| color.map(|color| color.css);
        Digits::new(theme, css(self.color), css(self.label_color))
    }
}

/// The value of `theme`: the colours of the page around the picture, or a theme of digits.
enum ThemeChoice {
    Page { dark: bool },
    Digits(Theme),
}

pub(crate) fn one_of<T: Copy>(
    parameter: &'static str,
    value: &str,
    names: &[(&str, T)],
) -> Result<T, StyleError> {
    let found = names.iter().find(|(name, _)| *name == value).map(|(_, meaning)| *meaning);
    let list = || names.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
    found.ok_or_else(|| bad(parameter, format_args!("it can be {}", list())))
}

pub(crate) fn scale(value: &str) -> Result<u8, StyleError> {
    one_of("scale", value, &[("1", 1), ("2", 2), ("3", 3), ("4", 4)])
}

pub(crate) fn bad(parameter: &'static str, reason: impl fmt::Display) -> StyleError {
    StyleError { parameter, reason: reason.to_string() }
}

/// A name that `build` will look up.
fn named(parameter: &'static str, value: &str) -> Result<String, StyleError> {
    if value.len() <= MAX_NAME {
        return Ok(value.to_ascii_lowercase());
    }
    Err(bad(parameter, format_args!("its name has at most {MAX_NAME} letters")))
}

pub(crate) fn color(parameter: &'static str, value: &str) -> Result<ParsedColor, StyleError> {
    let names = "a colour's name (green, brightgreen, cornflowerblue) or 3 or 6 hex digits without #";
    ParsedColor::parse(value).ok_or_else(|| bad(parameter, format_args!("it can be {names}")))
}

impl fmt::Display for StyleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "bad {}: {}", self.parameter, self.reason)
    }
}

impl std::error::Error for StyleError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn style(query: &str) -> Result<Style, StyleError> {
        let mut builder = StyleBuilder::default();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            builder.take(&name, &value)?;
        }
        builder.build(&Themes::default())
    }

    #[test]
    fn no_parameters_give_the_default() {
        assert_eq!(style(""), Ok(Style::default()));
        assert_eq!(style("x=1&page=/a&Label=no"), Ok(Style::default()));
        assert_eq!(style("style=plain&scale=1&peak=0&theme=light&format=1234&label=Users+online"), style(""));
    }

    #[test]
    fn two_spellings_of_one_look_are_equal() {
        for (one, other) in [
            ("color=green&x=1", "x=2&color=008000"),
            ("color=080&label=Readers", "label=Readers&color=%23008800"),
            ("style=flat", "style=flat&color=success&theme=dark"),
            ("style=flat&color=green", "color=67AC09&style=flat"),
            ("style=flat", "style=plastic&style=flat&color=4b0"),
            ("style=flat&label=Readers", "style=flat&label=+Readers+&labelColor=grey"),
            ("style=social", "style=social&color=red&labelColor=blue"),
            ("style=digits", "theme=odometer&peak=1&format=1.2k"),
            ("color=red&theme=dark", "color=f00"),
            ("labelColor=red", "labelColor=blue"),
        ] {
            assert_eq!(style(one).unwrap(), style(other).unwrap(), "{one} and {other}");
        }
    }

    #[test]
    fn different_looks_are_different_styles() {
        let looks = "style=plain style=flat style=flat-square style=plastic style=for-the-badge style=social \
            style=digits theme=pixel theme=seven-segment theme=dark scale=2 peak=1 format=1.2k format=1,234 color=red \
            label=Readers style=flat&labelColor=red style=flat&label= style=flat&label=&labelColor=555 style=flat&color=red";
        let styles: std::collections::HashSet<Style> =
            looks.split_whitespace().map(|look| style(look).unwrap()).collect();
        assert_eq!(styles.len(), looks.split_whitespace().count());
    }

    #[test]
    fn a_bad_value_is_refused_by_name_and_not_repeated() {
        for query in [
            "label=%00",
            "style=flatter",
            "style=",
            "color=gr%C3%BCn",
            "color=12345",
            "labelColor=nonsense",
            "scale=0",
            "scale=5",
            "scale=2.0",
            "scale=%2B2",
            "scale=99999999999999999999",
            "theme=nonsense",
            "format=1.234",
            "peak=yes",
            "font=nonsense",
            "style=flat&theme=pixel",
            "font=%F0%9F%92%A9",
            "theme=Nonsense%3Cscript%3E",
        ] {
            let refusal = style(query).unwrap_err();
            let name = query.rsplit('&').next().unwrap().split('=').next().unwrap();
            assert_eq!(refusal.parameter, name, "{query}");
            let text = refusal.to_string();
            assert!(
                text.starts_with(&format!("bad {name}: ")) && !text.contains("nonsense"),
                "{query}: {text}"
            );
        }
        for name in ["label", "style", "color", "labelColor", "scale", "theme", "format", "peak", "font"] {
            let refusal = style(&format!("{name}={}", "9".repeat(1 << 16))).unwrap_err().to_string();
            assert!(refusal.len() < 200, "{refusal:.300}");
        }
    }
}

//! Looks to parameters: the way back, so that another process can make an equal one.

use crate::badge::{self, Badge, Kind};
use crate::digits::{Digits, Theme};
use crate::number::Format;
use crate::plain::Plain;
use crate::shared::Shared;
use crate::style::Look;
use crate::typeface::Typeface;
use crate::{Label, Style, Themes};

/// The name of a parameter, and its value.
pub type Parameter = (&'static str, String);

impl Style {
    /// Parameters of which a [`StyleBuilder`](crate::StyleBuilder) makes an equal style, if it has the same `themes`: those that
    /// this style was built with.
    pub fn parameters(&self, themes: &Themes) -> Vec<Parameter> {
        let mut written = Vec::new();
        if self.label != Label::default() {
            written.push(("label", self.label.as_str().to_owned()));
        }
        match &self.look {
            Look::Plain(plain) => plain.write(themes, &mut written),
            Look::Badge(badge) => {
                written.push(("style", self.family().to_owned()));
                badge.write(themes, &mut written);
            }
            Look::Digits(digits) => digits.write(themes, &mut written),
        }
        if self.scale != 1 {
            written.push(("scale", self.scale.to_string()));
        }
        if self.format != Format::default() {
            let name = Format::NAMES.iter().find(|(_, format)| *format == self.format);
            written.extend(name.map(|(name, _)| ("format", (*name).to_owned())));
        }
        if self.peak {
            written.push(("peak", "1".to_owned()));
        }
        written
    }
}

impl Plain {
    fn write(&self, themes: &Themes, written: &mut Vec<Parameter>) {
        if self.ink != Self::LIGHT {
            written.push(("color", self.ink.to_string()));
        }
        write_font(self.font.as_ref(), themes, written);
    }
}

impl Badge {
    fn write(&self, themes: &Themes, written: &mut Vec<Parameter>) {
        if self.color != badge::BRIGHT_GREEN && self.kind != Kind::Social {
            written.push(("color", self.color.to_string()));
        }
        written.extend(self.label_color.map(|color| ("labelColor", color.to_string())));
        write_font(self.font.as_ref(), themes, written);
    }
}

impl Digits {
    fn write(&self, themes: &Themes, written: &mut Vec<Parameter>) {
        let name = match &self.theme {
            Theme::Custom(digits) => themes.name_of_digits(digits),
            theme => Theme::NAMES.iter().find(|(_, built_in)| built_in == theme).map(|(name, _)| *name),
        };
        written.extend(name.map(|name| ("theme", name.to_owned())));
        if !matches!(self.theme, Theme::Custom(_)) {
            written.extend([("color", self.color.to_string()), ("labelColor", self.background.to_string())]);
        }
    }
}

fn write_font(font: Option<&Shared<Typeface>>, themes: &Themes, written: &mut Vec<Parameter>) {
    let name = font.and_then(|font| themes.name_of_font(font));
    written.extend(name.map(|name| ("font", name.to_owned())));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::StyleBuilder;

    fn style(parameters: impl IntoIterator<Item = (impl AsRef<str>, impl AsRef<str>)>) -> Style {
        let mut builder = StyleBuilder::default();
        for (name, value) in parameters {
            assert_eq!(builder.take(name.as_ref(), value.as_ref()), Ok(true), "{}", name.as_ref());
        }
        builder.build(&Themes::default()).unwrap()
    }

    #[test]
    fn the_parameters_of_a_style_make_an_equal_one() {
        let families = ["plain", "flat", "flat-square", "plastic", "for-the-badge", "social", "digits"];
        let more = "x=1 color=red color=44bb00 labelColor=555 labelColor=red&color=green label= label=&labelColor=555 \
            label=%C3%A9&peak=1 label=+Readers+ scale=4 scale=2&label=WWWWWWWWWWWWWWWWWWWWWWWWWWWWWW \
            format=1.2k format=1,234&peak=1";
        let both = |family: &str, more: &str| format!("{more}&style={family}");
        let of_family =
            |family: &&str| more.split_whitespace().map(|more| both(family, more)).collect::<Vec<_>>();
        let queries = families.iter().flat_map(of_family);
        let others = [
            "theme=dark",
            "theme=light",
            "theme=dark&color=080",
            "theme=pixel",
            "theme=seven-segment&color=red",
        ];
        for query in queries.chain(others.map(str::to_owned)) {
            let asked = form_urlencoded::parse(query.as_bytes()).filter(|(name, _)| name != "x");
            let style_asked_for = style(asked);
            let written = style_asked_for.parameters(&Themes::default());
            assert_eq!(style(written.clone()), style_asked_for, "{query}: {written:?}");
        }
        assert!(Style::default().parameters(&Themes::default()).is_empty());
    }
}

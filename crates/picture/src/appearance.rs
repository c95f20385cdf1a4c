//! The parameters of pictures that have no style of their own to choose: lists and strips.

use crate::parameters::{color, one_of, scale};
use crate::{Parameter, Rgb, StyleError};

/// The colours and the scale of a [`RankingStyle`](crate::RankingStyle) or a [`Strip`](crate::Strip), as a URL asks for them.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Appearance {
    pub(crate) theme: Option<PageTheme>,
    pub(crate) color: Option<Rgb>,
    scale: Option<u8>,
}

/// The background of the page around a picture.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum PageTheme {
    Light,
    Dark,
}

impl Appearance {
    /// Sets a parameter: `theme`, `color` or `scale`. `Ok(false)` if `name` is none of these.
    ///
    /// # Errors
    /// When the parameter can't have this value. It keeps its previous one.
    pub fn take(&mut self, name: &str, value: &str) -> Result<bool, StyleError> {
        match name {
            "theme" => {
                let themes = [("light", PageTheme::Light), ("dark", PageTheme::Dark)];
                self.theme = Some(one_of("theme", &value.to_ascii_lowercase(), &themes)?);
            }
            "color" => self.color = Some(color("color", value)?.css),
            "scale" => self.scale = Some(scale(value)?),
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// The scale, or the largest one at which a picture of that size has no more than `max` pixels.
    pub(crate) fn scale_within(self, max: u32, size: (u32, u32)) -> u8 {
        fitting_scale(self.scale.unwrap_or(1), max, size)
    }
}

/// Parameters of which an [`Appearance`] with these is made.
pub(crate) fn parameters(theme: Option<PageTheme>, color: Option<Rgb>, scale: u8) -> Vec<Parameter> {
    let mut written = Vec::new();
    written.extend(theme.map(|theme| match theme {
        PageTheme::Light => ("theme", "light".to_owned()),
        PageTheme::Dark => ("theme", "dark".to_owned()),
    }));
    written.extend(color.map(|color| ("color", color.to_string())));
    if scale != 1 {
        written.push(("scale", scale.to_string()));
    }
    written
}

/// The largest scale up to `wanted` at which a picture has no more than `max` pixels; at least 1.
pub(crate) fn fitting_scale(wanted: u8, max: u32, (width, height): (u32, u32)) -> u8 {
    let fits = |scale: &u8| width * height * u32::from(*scale).pow(2) <= max;
    (2..=wanted).rev().find(fits).unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_value_is_refused_and_another_parameter_is_not_known() {
        let mut appearance = Appearance::default();
        for (name, value) in
            [("theme", "pixel"), ("theme", ""), ("color", "gr"), ("scale", "0"), ("scale", "5")]
        {
            assert_eq!(appearance.take(name, value).unwrap_err().parameter, name, "{value}");
        }
        assert_eq!(appearance.take("label", "\0"), Ok(false));
        assert_eq!(appearance, Appearance::default());
    }

    #[test]
    fn a_large_picture_has_a_smaller_scale() {
        let mut appearance = Appearance::default();
        assert_eq!(appearance.take("scale", "4"), Ok(true));
        let scale = |width| appearance.scale_within(1600, (width, 1));
        assert_eq!([1, 100, 101, 400, 401, 40_000].map(scale), [4, 4, 3, 2, 1, 1]);
    }
}

//! Digits and fonts that are added to the built-in ones: whole files and broken ones.

use onlookers_picture::{Style, StyleBuilder, ThemeError, Themes, Value, render, svg};

pub(crate) const FONT: &[u8] = include_bytes!("../../fonts/DejaVuSans-Bold-subset.ttf");

#[test]
fn added_digits_make_a_picture() {
    let themes = with_digits(|digit| square(if digit == 1 { 3 } else { 5 }, 8, digit));
    let style = style(&themes, &[("style", "digits"), ("theme", "mine")]);
    let raster = render(&style, Value::Count(1234));
    assert_eq!((raster.width(), raster.height()), (20, 8));
    let (row, shade) = (&raster.pixels()[..20], |digit: u8| [digit * 20, 0, 0, 255]);
    assert_eq!(row[0], [0; 4], "a narrow digit stands in the middle of its cell");
    assert_eq!((row[1], row[3], row[5], row[19]), (shade(1), shade(1), shade(2), shade(4)));
    assert_eq!(render(&style, Value::Count(7)).pixels()[0], shade(0), "leading zeros");
    assert!(svg(&style, Value::Count(7)).contains("data:image/png;base64,"));
    assert!(render(&style, Value::Ended).pixels().contains(&[128, 128, 128, 255]));
}

#[test]
fn added_digits_are_repeated_pixels_at_larger_scales() {
    let themes = with_digits(|digit| square(5, 8, digit));
    let at = |scale| render(&style(&themes, &[("theme", "mine"), ("scale", scale)]), Value::Count(1234));
    let (small, large) = (at("1"), at("3"));
    for (i, pixel) in large.pixels().iter().enumerate() {
        let (x, y) = (i % large.width() as usize / 3, i / large.width() as usize / 3);
        assert_eq!(*pixel, small.pixels()[y * small.width() as usize + x], "{x} {y}");
    }
}

#[test]
fn digits_that_cannot_be_taken_are_refused_with_a_reason() {
    let refusal = |name: &str, digit: usize, file: Vec<u8>| {
        let mut files = files(|digit| square(5, 8, digit));
        files[digit] = file;
        Themes::default().add_digits(name, &files).unwrap_err()
    };
    for (digit, file, reason) in [
        (3, b"no picture".to_vec(), "digit 3: it is no PNG file"),
        (3, square(5, 8, 3)[..60].to_vec(), "digit 3: it is no PNG file"),
        (0, square(65, 8, 0), "digit 0: a digit has at most 64 by 64 pixels"),
        (9, square(5, 9, 9), "digit 9: it is not as high as 0.png"),
        (2, vec![0; Themes::MAX_DIGIT_BYTES + 1], "digit 2: it has more than 64 KiB"),
    ] {
        let refusal = refusal("mine", digit, file);
        assert!(refusal.to_string().starts_with(reason), "{refusal}");
        assert!(std::error::Error::source(&refusal).is_some());
    }
    for name in ["pixel", "dark"] {
        assert!(matches!(refusal(name, 1, square(5, 8, 1)), ThemeError::BuiltIn));
    }
    for name in ["Größe", "", "a/b", &"n".repeat(33)] {
        assert!(matches!(refusal(name, 1, square(5, 8, 1)), ThemeError::Name));
    }
}

#[test]
fn an_added_font_draws_plain_pictures_and_badges() {
    let mut themes = Themes::default();
    themes.add_font("Mine", FONT.to_vec()).unwrap();
    assert_eq!(themes.font_names(), ["mine"]);
    for look in ["plain", "flat", "for-the-badge", "social"] {
        let (own, added) =
            (style(&themes, &[("style", look)]), style(&themes, &[("style", look), ("font", "mine")]));
        assert_ne!(own, added);
        assert!(render(&own, Value::Count(42)) != render(&added, Value::Count(42)), "{look}");
        assert_ne!(svg(&own, Value::Count(42)), svg(&added, Value::Count(42)), "{look}");
    }
}

#[test]
fn fonts_that_cannot_be_taken_are_refused() {
    let mut themes = Themes::default();
    for file in [&b"no font"[..], &FONT[..999], &[]] {
        assert!(matches!(themes.add_font("mine", file.to_vec()), Err(ThemeError::Font(_))));
    }
    let large = vec![0; Themes::MAX_FONT_BYTES + 1];
    assert!(matches!(themes.add_font("mine", large), Err(ThemeError::FontSize)));
    for i in 0..Themes::MAX_FONTS {
        themes.add_font(&format!("font-{i}"), FONT.to_vec()).unwrap();
    }
    assert!(matches!(themes.add_font("mine", FONT.to_vec()), Err(ThemeError::TooManyFonts)));
}

/// Themes with one of ten drawn digits, `mine`.
pub(crate) fn with_digits(draw: impl Fn(u8) -> Vec<u8>) -> Themes {
    let mut themes = Themes::default();
    themes.add_digits("Mine", &files(draw)).unwrap();
    themes
}

fn files(draw: impl Fn(u8) -> Vec<u8>) -> [Vec<u8>; 10] {
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 9].map(draw)
}

/// A PNG file of one red, which is the digit times 20.
pub(crate) fn square(width: u32, height: u32, digit: u8) -> Vec<u8> {
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, width, height);
    encoder.set_color(png::ColorType::Rgb);
    let pixels = [digit * 20, 0, 0].repeat((width * height) as usize);
    encoder.write_header().unwrap().write_image_data(&pixels).unwrap();
    file
}

fn style(themes: &Themes, parameters: &[(&str, &str)]) -> Style {
    let mut builder = StyleBuilder::default();
    for (name, value) in parameters {
        assert_eq!(builder.take(name, value), Ok(true));
    }
    builder.build(themes).unwrap()
}

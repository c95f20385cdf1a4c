//! Digits and fonts that are added to the built-in ones: whole files and broken ones.

use onlookers_picture::{DigitFiles, Layers, Style, StyleBuilder, ThemeError, Themes, Value, render, svg};

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
fn digits_of_unequal_heights_stand_at_the_bottom() {
    let themes = with_digits(|digit| square(2, 3 + u32::from(digit), digit));
    let raster = render(&style(&themes, &[("theme", "mine")]), Value::Count(1239));
    assert_eq!((raster.width(), raster.height()), (8, 12));
    let column = |x: usize| raster.pixels().iter().skip(x).step_by(8).copied().collect::<Vec<_>>();
    for (x, digit) in [(0, 1), (2, 2), (4, 3), (6, 9)] {
        let (above, ink) = (vec![[0; 4]; 9 - digit], vec![[digit as u8 * 20, 0, 0, 255]; 3 + digit]);
        assert_eq!(column(x), [above, ink].concat(), "{digit}");
    }
}

#[test]
fn the_first_frame_of_a_gif_or_webp_file_is_the_digit() {
    let still = |digit: u8| match digit {
        1 => webp(2, 2, [20, 0, 0, 255]),
        2 => animated_webp(webp(2, 2, [40, 0, 0, 255]), webp(2, 2, [0, 0, 0, 255])),
        3 => gif((2, 2), (0, 0), (2, 2), &[60, 0]),
        // A frame that covers one pixel of the picture.
        4 => gif((2, 2), (1, 1), (1, 1), &[80]),
        digit => square(2, 2, digit),
    };
    let raster = render(&style(&with_digits(still), &[("theme", "mine")]), Value::Count(1234));
    let shade = |digit: u8| [digit * 20, 0, 0, 255];
    let (top, bottom) = raster.pixels().split_at(8);
    let three = |digits: [u8; 3]| digits.map(|digit| [shade(digit); 2]).concat();
    assert_eq!(top, [three([1, 2, 3]), vec![[0; 4]; 2]].concat());
    assert_eq!(bottom, [three([1, 2, 3]), vec![[0; 4], shade(4)]].concat());
}

#[test]
fn pictures_before_and_after_the_number_stay_where_they_are() {
    let mut files = files(|digit| square(2, 3, digit));
    (files.start, files.end) = (Some(square(3, 4, 11)), Some(square(1, 2, 12)));
    let mut themes = Themes::default();
    themes.add_digits("mine", &files).unwrap();
    let style = style(&themes, &[("theme", "mine")]);
    for value in [Value::Count(12), Value::Ended, Value::Count(9_876)] {
        let raster = render(&style, value);
        assert_eq!((raster.width(), raster.height()), (3 + 4 * 2 + 1, 4));
        let (first, last) = (raster.pixels()[0], raster.pixels()[raster.pixels().len() - 1]);
        assert_eq!((first, last), ([220, 0, 0, 255], [240, 0, 0, 255]), "{value:?}");
    }
    assert_eq!(
        Layers::new(&style, Value::Count(7)).render(Value::Count(9_876)),
        render(&style, Value::Count(9_876))
    );
    let svg = svg(&style, Value::Count(1));
    assert_eq!((svg.matches("<image").count(), svg.matches("<use").count()), (4, 2), "start, end, 0 and 1");
}

#[test]
fn photographs_keep_their_colours_but_for_what_is_hardly_seen() {
    let photograph = |digit: u8| {
        let pixel = |i: u32| [(i % 200) as u8, (i / 200) as u8, digit * 20];
        png(200, 250, &(0..200 * 250).flat_map(pixel).collect::<Vec<u8>>())
    };
    let raster = render(&style(&with_digits(photograph), &[("theme", "mine")]), Value::Count(5555));
    let row = &raster.pixels()[125 * 800..][..200];
    for (x, pixel) in row.iter().enumerate() {
        let off = [x as u8, 125, 100].into_iter().zip(*pixel).map(|(a, b)| a.abs_diff(b)).max();
        assert!(off < Some(50) && pixel[3] == 255, "{x}: {pixel:?}");
    }
    let file = raster.encode();
    assert!(file.len() < 60_000, "{} bytes", file.len());
    assert_eq!(file[25], 3, "a palette");
}

#[test]
fn digits_that_cannot_be_taken_are_refused_with_a_reason() {
    let refusal = |name: &str, digit: usize, file: Vec<u8>| {
        let mut files = files(|digit| square(5, 8, digit));
        files.digits[digit] = file;
        Themes::default().add_digits(name, &files).unwrap_err()
    };
    for (digit, file, reason) in [
        (3, b"no picture".to_vec(), "3: it is no PNG, GIF or WebP file"),
        (3, square(5, 8, 3)[..60].to_vec(), "3: it is no PNG, GIF or WebP file"),
        (4, b"GIF89a".to_vec(), "4: it is no PNG, GIF or WebP file"),
        (4, b"RIFF\0\0\0\0WEBPVP8L".to_vec(), "4: it is no PNG, GIF or WebP file"),
        (0, square(201, 8, 0), "0: a digit has at most 200 by 300 pixels"),
        (9, square(8, 301, 9), "9: a digit has at most 200 by 300 pixels"),
        (9, gif((201, 8), (0, 0), (1, 1), &[0]), "9: a digit has at most 200 by 300 pixels"),
        (9, webp(8, 301, [0; 4]), "9: a digit has at most 200 by 300 pixels"),
        (2, vec![0; Themes::MAX_DIGIT_BYTES + 1], "2: it has more than 4096 KiB"),
    ] {
        let refusal = refusal("mine", digit, file);
        assert!(refusal.to_string().starts_with(reason), "{refusal}");
        assert!(std::error::Error::source(&refusal).is_some());
    }
    let large = files(|digit| square(200, 300, digit));
    let mut themes = Themes::default();
    let full = (0..Themes::MAX_DIGITS).find_map(|i| themes.add_digits(&format!("t{i}"), &large).err());
    assert!(matches!(full, Some(ThemeError::DigitPixels)), "{full:?}");
    for name in ["pixel", "dark"] {
        assert!(matches!(refusal(name, 1, square(5, 8, 1)), ThemeError::BuiltIn));
    }
    for name in ["Größe", "", "a/b", &"n".repeat(33)] {
        assert!(matches!(refusal(name, 1, square(5, 8, 1)), ThemeError::Name));
    }
}

#[test]
fn broken_files_of_digits_do_no_harm() {
    let still = webp(3, 4, [1, 2, 3, 200]);
    let kinds = [
        square(3, 4, 5),
        gif((3, 4), (1, 1), (2, 3), &[9, 8]),
        animated_webp(webp(2, 2, [9; 4]), webp(2, 2, [8; 4])),
        still,
    ];
    for file in kinds {
        let taken = |file: &[u8]| Themes::default().add_digits("mine", &files(|_| file.to_vec())).is_ok();
        assert!(taken(&file));
        assert!((0..file.len() / 2).all(|cut| !taken(&file[..cut])));
        let flipped = (0..file.len() * 8).filter(|bit| {
            let mut file = file.clone();
            file[bit / 8] ^= 1 << (bit % 8);
            taken(&file)
        });
        assert!(flipped.count() < file.len() * 8, "a bit of the signature, say");
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

#[test]
fn a_style_is_written_with_the_names_of_added_digits_and_fonts() {
    let mut themes = with_digits(|digit| square(2, 3, digit));
    themes.add_font("Face", FONT.to_vec()).unwrap();
    for parameters in [
        &[("theme", "mine")][..],
        &[("font", "face")],
        &[("style", "flat"), ("font", "face"), ("labelColor", "red")],
        &[("label", "在线")],
    ] {
        let asked_for = style(&themes, parameters);
        let written = asked_for.parameters(&themes);
        let again: Vec<_> = written.iter().map(|(name, value)| (*name, value.as_str())).collect();
        assert_eq!(style(&themes, &again), asked_for, "{written:?}");
    }
}

/// Themes with one of ten drawn digits, `mine`.
pub(crate) fn with_digits(draw: impl Fn(u8) -> Vec<u8>) -> Themes {
    let mut themes = Themes::default();
    themes.add_digits("Mine", &files(draw)).unwrap();
    themes
}

fn files(draw: impl Fn(u8) -> Vec<u8>) -> DigitFiles {
    DigitFiles { digits: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9].map(draw), ..DigitFiles::default() }
}

/// A PNG file of one red, which is the digit times 20.
pub(crate) fn square(width: u32, height: u32, digit: u8) -> Vec<u8> {
    png(width, height, &[digit * 20, 0, 0].repeat((width * height) as usize))
}

fn png(width: u32, height: u32, pixels: &[u8]) -> Vec<u8> {
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, width, height);
    encoder.set_color(png::ColorType::Rgb);
    encoder.write_header().unwrap().write_image_data(pixels).unwrap();
    file
}

/// A GIF file with a frame of each red, at that place in the picture.
fn gif(size: (u16, u16), (left, top): (u16, u16), (width, height): (u16, u16), reds: &[u8]) -> Vec<u8> {
    let mut file = Vec::new();
    let mut encoder = gif::Encoder::new(&mut file, size.0, size.1, &[]).unwrap();
    for &red in reds {
        let pixels = vec![0; usize::from(width) * usize::from(height)];
        let palette = Some(vec![red, 0, 0]);
        let frame =
            gif::Frame { left, top, width, height, palette, buffer: pixels.into(), ..Default::default() };
        encoder.write_frame(&frame).unwrap();
    }
    drop(encoder);
    file
}

/// A WebP file of one colour.
fn webp(width: u32, height: u32, color: [u8; 4]) -> Vec<u8> {
    let mut file = Vec::new();
    let pixels = color.repeat((width * height) as usize);
    let encoder = image_webp::WebPEncoder::new(&mut file);
    encoder.encode(&pixels, width, height, image_webp::ColorType::Rgba8).unwrap();
    file
}

/// An animation of two pictures of 2×2 pixels, as Google's container specification describes it.
fn animated_webp(first: Vec<u8>, second: Vec<u8>) -> Vec<u8> {
    let chunk = |name: &[u8; 4], data: &[u8]| [name, &(data.len() as u32).to_le_bytes()[..], data].concat();
    // At 0,0, of 2×2 pixels (one less is written), for 100 ms, in place of what was there.
    let place = [0, 0, 0, 0, 0, 0, 1, 0, 0, 1, 0, 0, 100, 0, 0, 0b10];
    // Each file is a header of 12 bytes and a chunk.
    let frame = |file: Vec<u8>| chunk(b"ANMF", &[&place, &file[12..]].concat());
    let head = chunk(b"VP8X", &[0b0001_0010, 0, 0, 0, 1, 0, 0, 1, 0, 0]);
    let chunks = [b"WEBP".to_vec(), head, chunk(b"ANIM", &[0; 6]), frame(first), frame(second)].concat();
    chunk(b"RIFF", &chunks)
}

fn style(themes: &Themes, parameters: &[(&str, &str)]) -> Style {
    let mut builder = StyleBuilder::default();
    for (name, value) in parameters {
        assert_eq!(builder.take(name, value), Ok(true));
    }
    builder.build(themes).unwrap()
}

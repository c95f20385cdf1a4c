//! What the owner of a server adds to the looks: digits from a folder, and fonts. Real files, whole and broken.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::fs;
use std::path::{Path, PathBuf};

use onlookers::picture::{Style, StyleBuilder, Themes, Value, render, svg};

const FONT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/fonts/DejaVuSans-Bold-subset.ttf");

#[test]
fn digits_of_a_folder_make_a_picture() {
    let dir = fresh("whole");
    theme(&dir, "mine", |digit| square(if digit == 1 { 3 } else { 5 }, 8, digit));
    let themes = Themes::load(Some(&dir)).unwrap();
    let style = style(&themes, &[("style", "digits"), ("theme", "mine")]);
    let raster = render(&style, Value::Count(1234));
    assert_eq!((raster.width(), raster.height()), (20, 8));
    let (row, shade) = (&raster.pixels()[..20], |digit: u8| [digit * 20, 0, 0, 255]);
    assert_eq!(row[0], [0; 4], "a narrow digit stands in the middle of its place");
    assert_eq!((row[1], row[3], row[5], row[19]), (shade(1), shade(1), shade(2), shade(4)));
    assert_eq!(render(&style, Value::Count(7)).pixels()[0], shade(0), "leading zeros");
    assert!(svg(&style, Value::Count(7)).contains("data:image/png;base64,"));
    assert!(render(&style, Value::Ended).pixels().contains(&[128, 128, 128, 255]));
}

#[test]
fn digits_of_a_folder_are_repeated_pixels_at_larger_scales() {
    let dir = fresh("scaled");
    theme(&dir, "mine", |digit| square(5, 8, digit));
    let themes = Themes::load(Some(&dir)).unwrap();
    let at = |scale| {
        let style = style(&themes, &[("theme", "mine"), ("scale", scale)]);
        render(&style, Value::Count(1234))
    };
    let (small, large) = (at("1"), at("3"));
    for (i, pixel) in large.pixels().iter().enumerate() {
        let (x, y) = (i % large.width() as usize / 3, i / large.width() as usize / 3);
        assert_eq!(*pixel, small.pixels()[y * small.width() as usize + x], "{x} {y}");
    }
}

#[test]
fn what_the_disk_does_after_start_changes_no_picture() {
    let dir = fresh("gone");
    theme(&dir, "mine", |digit| square(5, 8, digit));
    let themes = Themes::load(Some(&dir)).unwrap();
    fs::remove_dir_all(&dir).unwrap();
    let style = style(&themes, &[("theme", "mine")]);
    assert_eq!(render(&style, Value::Count(1)).height(), 8);
}

#[test]
fn a_folder_that_is_wrong_is_refused_in_a_sentence() {
    let whole = |digit| square(5, 8, digit);
    let refusal = |case: &str, name: &str, spoil: &dyn Fn(&Path)| {
        let dir = fresh(case);
        theme(&dir, name, whole);
        spoil(&dir.join(name));
        Themes::load(Some(&dir)).unwrap_err().to_string()
    };
    let missing = refusal("missing", "mine", &|dir| fs::remove_file(dir.join("7.png")).unwrap());
    assert!(missing.contains("mine/7.png: No such file"), "{missing}");
    let text = refusal("text", "mine", &|dir| fs::write(dir.join("3.png"), "no picture").unwrap());
    assert!(text.contains("mine/3.png: it is no PNG file"), "{text}");
    let cut = refusal("cut", "mine", &|dir| fs::write(dir.join("3.png"), &whole(3)[..60]).unwrap());
    assert!(cut.contains("mine/3.png: it is no PNG file"), "{cut}");
    let wide = refusal("wide", "mine", &|dir| fs::write(dir.join("0.png"), square(65, 8, 0)).unwrap());
    assert!(wide.contains("at most 64 by 64 pixels"), "{wide}");
    let high = refusal("high", "mine", &|dir| fs::write(dir.join("9.png"), square(5, 9, 9)).unwrap());
    assert!(high.contains("9.png: it is not as high as 0.png"), "{high}");
    let long = refusal("long", "mine", &|dir| fs::write(dir.join("2.png"), vec![0; 1 << 20]).unwrap());
    assert!(long.contains("2.png: it has more than 64 KiB"), "{long}");
    let device = refusal("device", "mine", &|dir| {
        fs::remove_file(dir.join("2.png")).unwrap();
        std::os::unix::fs::symlink("/dev/zero", dir.join("2.png")).unwrap();
    });
    assert!(device.contains("2.png: it is not a file"), "{device}");
    let taken = refusal("taken", "pixel", &|_| ());
    assert!(taken.contains("has this name"), "{taken}");
    let name = refusal("name", "Größe", &|_| ());
    assert!(name.contains("letters, digits and hyphens"), "{name}");
    let nowhere = Themes::load(Some(Path::new("/nonexistent"))).unwrap_err().to_string();
    assert!(nowhere.contains("can't take /nonexistent: No such file"), "{nowhere}");
}

#[test]
fn an_added_font_draws_plain_pictures_and_badges() {
    let mut themes = Themes::default();
    themes.add_font(Path::new(FONT)).unwrap();
    let name = "dejavusans-bold-subset";
    assert_eq!(themes.font_names(), [name]);
    for look in ["plain", "flat", "for-the-badge", "social"] {
        let (own, added) =
            (style(&themes, &[("style", look)]), style(&themes, &[("style", look), ("font", name)]));
        assert_ne!(own, added);
        assert!(render(&own, Value::Count(42)) != render(&added, Value::Count(42)), "{look}");
        assert_ne!(svg(&own, Value::Count(42)), svg(&added, Value::Count(42)), "{look}");
    }
}

#[test]
fn a_font_that_is_wrong_is_refused_in_a_sentence() {
    let mut themes = Themes::default();
    themes.add_font(Path::new(FONT)).unwrap();
    let twice = themes.add_font(Path::new(FONT)).unwrap_err().to_string();
    assert!(twice.contains("another font has this name"), "{twice}");
    let dir = fresh("font");
    let bytes = fs::read(FONT).unwrap();
    for (name, bytes) in
        [("text", b"no font".to_vec()), ("cut", bytes[..999].to_vec()), ("empty", Vec::new())]
    {
        let file = dir.join(format!("{name}.ttf"));
        fs::write(&file, bytes).unwrap();
        let refusal = themes.add_font(&file).unwrap_err().to_string();
        assert!(refusal.starts_with("can't take ") && refusal.contains(name), "{refusal}");
    }
    let large = dir.join("large.ttf");
    fs::File::create(&large).unwrap().set_len(9 << 20).unwrap();
    assert!(themes.add_font(&large).unwrap_err().to_string().contains("it has more than 8192 KiB"));
}

/// An empty folder.
fn fresh(name: &str) -> PathBuf {
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("themes").join(name);
    let _ = fs::remove_dir_all(&dir);
    fs::create_dir_all(&dir).unwrap();
    dir
}

fn theme(dir: &Path, name: &str, draw: impl Fn(u8) -> Vec<u8>) {
    fs::create_dir(dir.join(name)).unwrap();
    for digit in 0..10 {
        fs::write(dir.join(name).join(format!("{digit}.png")), draw(digit)).unwrap();
    }
}

/// A PNG file of one red, which is the digit times 20.
fn square(width: u32, height: u32, digit: u8) -> Vec<u8> {
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

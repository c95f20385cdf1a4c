//! Golden pictures: each picture has the pixels of the one that was accepted.
//!
//! To change a picture, run `ONLOOKERS_ACCEPT_PICTURES=1 cargo test -p onlookers-picture --test pictures`, look at each
//! file that git shows as changed (magnified too, on white and on dark), and commit the ones that are right.

use std::path::Path;
use std::process::Command;
use std::{env, fs};

use bytes::Bytes;
use onlookers_picture::{Appearance, Label, RankingStyle, Row, Strip, Style, Themes, Value, notice, render};

use crate::{languages, style};

const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/pictures/golden");

#[test]
fn pictures_are_those_that_were_accepted() {
    let accept = env::var_os("ONLOOKERS_ACCEPT_PICTURES").is_some();
    let wrong: Vec<String> =
        pictures().into_iter().filter_map(|(name, file)| judge(&name, &file, accept).err()).collect();
    assert!(wrong.is_empty(), "{}\nThe head of goldens.rs says how to accept them.", wrong.join("\n"));
}

#[test]
fn every_picture_is_sound_to_pngcheck() {
    for (name, file) in pictures() {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("check-{name}.png"));
        fs::write(&path, &file).unwrap();
        let run = Command::new("pngcheck").arg("-v").arg(&path).output();
        let run = run.expect("pngcheck must be installed (Debian and Ubuntu: apt-get install pngcheck)");
        let said = String::from_utf8_lossy(&run.stdout);
        assert!(run.status.success() && said.contains("No errors detected"), "{said}");
    }
}

/// The design allows 800; docs/png.md has what was reached, and this keeps it.
#[test]
fn three_digits_take_at_most_640_bytes() {
    for n in (100..1000).step_by(7) {
        let file = render(&Style::default(), Value::Count(n)).encode();
        assert!(file.len() <= 640, "{n}: {} bytes", file.len());
    }
}

#[test]
fn every_style_takes_at_most_1536_bytes() {
    for (name, query, _) in looks() {
        for n in [0, 42, 907, 1_234] {
            let file = render(&style(query), Value::Peak { now: n, peak: 56_789 }).encode();
            assert!(file.len() <= 1536, "{name} of {n}: {} bytes", file.len());
        }
    }
}

#[test]
fn no_picture_jumps_when_99_becomes_100() {
    for (name, query, _) in looks() {
        let size = |n| style(query).size(Value::Peak { now: n, peak: 999 });
        assert!([0, 9, 10, 99].iter().all(|&n| size(n) == size(100)), "{name}");
    }
}

#[test]
fn a_picture_is_as_large_as_its_style_says_at_every_scale() {
    for (name, query, value) in looks() {
        for wanted in 1..=4 {
            let style = style(&format!("{query}&scale={wanted}"));
            let (raster, size, scale) = (render(&style, value), style.size(value), u32::from(style.scale()));
            assert!(scale == wanted || (wanted > 2 && scale >= 2), "{name}: {scale} for {wanted}");
            assert_eq!((raster.width(), raster.height()), (size.0 * scale, size.1 * scale), "{name}");
        }
    }
}

/// Painting time is shared by all who ask: a long label mustn't take sixteen times as much of it.
#[test]
fn a_wide_picture_has_a_smaller_scale() {
    for (query, wide) in [("style=plain", 3), ("style=flat", 1), ("style=plastic", 1), ("style=social", 1)] {
        let scale = |label: &str| style(&format!("{query}&label={label}&scale=4")).scale();
        assert!(scale("on") > wide && scale(&"W".repeat(64)) <= wide, "{query}");
    }
}

fn pictures() -> Vec<(String, Bytes)> {
    let plain = |name: &str, label: &str, value| {
        (name.to_owned(), render(&Style::plain(Label::new(label).unwrap()), value).encode())
    };
    let mut all = vec![
        plain("plain-ended", "Users online", Value::Ended),
        plain("plain-long-label", "People who are reading this very page now", Value::Count(42)),
        plain("plain-accents", "Želite više? Größe · Çà", Value::Count(3)),
        plain("plain-missing-glyphs", "在线 viewers", Value::Count(5)),
        plain("plain-no-label", "", Value::Count(42)),
    ];
    for n in [0, 1, 42, 111, 678, 905, 1_234, 1_234_567, u64::MAX] {
        all.push(plain(&format!("plain-{n}"), "Users online", Value::Count(n)));
    }
    for (name, text) in [
        ("notice-short", "Not allowed here"),
        ("notice-middle", "Too many viewers: try again soon"),
        ("notice-long", "This counter is not for example.com yet"),
        ("notice-cut", "This counter is for its own site alone, and so there is no number to be seen here"),
    ] {
        all.push((name.to_owned(), notice(text)));
    }
    for scale in [1, 2] {
        for (name, query, value) in looks() {
            let style = style(&format!("{query}&scale={scale}"));
            all.push((format!("{name}@{scale}"), render(&style, value).encode()));
        }
    }
    for (name, label) in languages::LABELS {
        let plain = languages::styled(label, &[]);
        all.push((format!("language-{name}"), render(&plain, Value::Count(42)).encode()));
        let badge = languages::styled(label, &[("style", "flat"), ("scale", "2")]);
        all.push((format!("language-{name}-flat@2"), render(&badge, Value::Count(42)).encode()));
    }
    all.extend(rankings());
    all.extend(strips());
    all
}

fn rankings() -> Vec<(String, Bytes)> {
    let paths = PAGES.map(|(page, count)| Row { page, title: None, count });
    let titles = PAGES.iter().zip(TITLES).map(|(&(page, count), title)| Row { page, title, count });
    let titles: Vec<_> = titles.collect();
    let (themes, none) = (languages::themes(), Themes::default());
    let list = |name: &str, rows: &[Row<'_>], width, parameters: &[_], themes| {
        let style = RankingStyle::new(8, width, appearance(parameters), themes).unwrap();
        (name.to_owned(), style.paint(rows))
    };
    vec![
        list("ranking", &paths, None, &[], &none),
        list("ranking-empty", &[], None, &[], &none),
        list("ranking-light", &paths, None, &[("theme", "light")], &none),
        list("ranking-narrow", &paths, Some(160), &[("color", "gold")], &none),
        list("ranking-titles", &titles, None, &[], &themes),
        list("ranking-titles-light@2", &titles, Some(240), &[("theme", "light"), ("scale", "2")], &themes),
        list("ranking-boxes", &titles, None, &[], &none),
    ]
}

fn strips() -> Vec<(String, Bytes)> {
    let light = [("theme", "light")];
    let blue = [("theme", "dark"), ("color", "cornflowerblue"), ("scale", "2")];
    let strip = |name: &str, width, height, readers: usize, parameters: &[_]| {
        let strip = Strip::new(width, height).unwrap().with(appearance(parameters));
        // Most are at the beginning.
        let heat = strip.heat((0..readers).map(|reader| (reader as f32 / readers as f32).powi(3)));
        (name.to_owned(), strip.paint(&heat))
    };
    vec![
        strip("strip", 200, 12, 80, &[]),
        strip("strip-upright", 12, 160, 9, &[]),
        strip("strip-empty", 200, 12, 0, &[]),
        strip("strip-light", 200, 12, 80, &light),
        strip("strip-dark-blue@2", 200, 12, 80, &blue),
    ]
}

fn appearance(parameters: &[(&str, &str)]) -> Appearance {
    let mut appearance = Appearance::default();
    for (name, value) in parameters {
        assert_eq!(appearance.take(name, value), Ok(true));
    }
    appearance
}

/// Every style, and what its parameters do to it.
fn looks() -> Vec<(&'static str, &'static str, Value)> {
    let (count, ended) = (Value::Count(42), Value::Ended);
    let peak = Value::Peak { now: 1_234, peak: 56_789 };
    vec![
        ("plain-dark", "theme=dark", count),
        ("plain-color", "color=cornflowerblue", count),
        ("plain-grouped", "format=1,234", Value::Count(1_234_567)),
        ("plain-peak", "peak=1&format=1.2k", peak),
        ("flat", "style=flat", count),
        ("flat-colors", "style=flat&color=yellow&labelColor=blue", Value::Count(1_234)),
        ("flat-no-label", "style=flat&label=", count),
        ("flat-peak", "style=flat&peak=1&format=1,234", peak),
        ("flat-ended", "style=flat", ended),
        ("flat-square", "style=flat-square", count),
        ("plastic", "style=plastic", count),
        ("for-the-badge", "style=for-the-badge", count),
        ("for-the-badge-peak", "style=for-the-badge&peak=1&format=1.2k&color=critical", peak),
        ("social", "style=social", count),
        ("odometer", "style=digits", count),
        ("odometer-digits", "theme=odometer", Value::Count(9_876_543_210)),
        ("odometer-ended", "theme=odometer", ended),
        ("seven-segment", "theme=seven-segment", count),
        ("seven-segment-digits", "theme=seven-segment", Value::Count(9_876_543_210)),
        ("seven-segment-ended", "theme=seven-segment", ended),
        ("seven-segment-colors", "theme=seven-segment&color=blue&labelColor=fff", count),
        ("pixel", "theme=pixel", count),
        ("pixel-digits", "theme=pixel", Value::Count(9_876_543_210)),
        ("pixel-ended", "theme=pixel", ended),
    ]
}

const PAGES: [(&str, u64); 6] = [
    ("/", 1_234),
    ("/posts/2026/how-many-people-are-looking-at-this-very-page-right-now.html", 111),
    ("/caf%C3%A9/men%C3%BA", 42),
    ("/%D0%BD%D0%BE%D0%B2%D0%BE%D1%81%D1%82%D0%B8", 9),
    ("/%E6%BC%A2%E5%AD%97", 2),
    ("/a%E2%80%AEb", 1),
];

/// Of the same pages.
const TITLES: [Option<&str>; 6] = [
    Some("Hello world"),
    Some("How many people are looking at this very page right now, and what do they do there?"),
    Some("在线人数 (cafe)"),
    Some("المتصلون الآن"),
    None,
    Some("ऑनलाइन पाठक 😀"),
];

/// Compares pixels, not bytes: a better compression needs no new acceptance.
fn judge(name: &str, file: &[u8], accept: bool) -> Result<(), String> {
    let path = Path::new(GOLDEN).join(format!("{name}.png"));
    let golden = fs::read(&path).ok();
    if golden.as_deref().map(decode) == Some(decode(file)) {
        return Ok(());
    }
    if accept {
        return fs::write(&path, file).map_err(|error| format!("{}: {error}", path.display()));
    }
    let made = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}.png"));
    fs::write(&made, file).unwrap();
    Err(format!("{name}: the picture is now {}, accepted was {}", made.display(), path.display()))
}

/// Width, and the pixels as RGBA.
fn decode(file: &[u8]) -> (u32, Vec<u8>) {
    let mut decoder = png::Decoder::new(std::io::Cursor::new(file));
    decoder.set_transformations(png::Transformations::EXPAND | png::Transformations::ALPHA);
    let mut reader = decoder.read_info().unwrap();
    let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
    let frame = reader.next_frame(&mut pixels).unwrap();
    assert_eq!(frame.color_type, png::ColorType::Rgba);
    (frame.width, pixels)
}

//! Badges, judged by the badge services' own library: the npm package badge-maker. Chromium paints its badges beside
//! ours, and sizes and grounds are compared. (Letters are not: they depend on the fonts that are installed.)

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use onlookers_picture::{Style, StyleBuilder, Themes, Value, render};

use crate::chromium::{self, Screen};

const BADGE_MAKER: &str = "badge-maker@6.0.0";

/// Reads one badge a line, its parts between tabs, and writes 0.svg, 1.svg, …
const SCRIPT: &str = "
import fs from 'node:fs';
import { makeBadge } from 'badge-maker';
fs.readFileSync('badges.txt', 'utf8').split('\\n').forEach((line, i) => {
  const [style, label, message, color, labelColor] = line.split('\\t');
  const badge = { style, label, message };
  if (color) badge.color = color;
  if (labelColor) badge.labelColor = labelColor;
  fs.writeFileSync(i + '.svg', makeBadge(badge));
});
";

struct Badge {
    style: Style,
    value: Value,
    /// As badge-maker is told.
    line: String,
}

#[test]
fn badges_have_the_sizes_and_grounds_of_badge_makers() {
    let dir = chromium::folder("badges");
    let badges = badges();
    make(&dir, &badges);
    let screen = paint(&dir, &badges);
    let wrong: Vec<String> =
        badges.iter().enumerate().filter_map(|(i, badge)| judge(&dir, i, badge, &screen).err()).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

const STYLES: [&str; 5] = ["flat", "flat-square", "plastic", "for-the-badge", "social"];

fn badges() -> Vec<Badge> {
    let mut all = Vec::new();
    for look in STYLES {
        for label in ["Users online", "WWW iii, lots of @ and %!", "Çà et là: žluť", ""] {
            for (value, format) in [(888, "1234"), (1_234_567, "1,234"), (45_678, "1.2k")] {
                all.push(badge(look, label, value, format, "", ""));
            }
        }
        all.push(badge(look, "Readers", 123, "1234", "yellow", "orange"));
        all.push(badge(look, "Readers", 123, "1234", "fff", "eee"));
    }
    for color in [
        "brightgreen",
        "green",
        "yellow",
        "yellowgreen",
        "orange",
        "red",
        "blue",
        "grey",
        "lightgrey",
        "gray",
        "lightgray",
        "critical",
        "important",
        "success",
        "informational",
        "inactive",
        "cornflowerblue",
        "tomato",
        "ABC",
        "123456",
        "black",
        "white",
    ] {
        all.push(badge("flat-square", "Readers", 123, "1234", color, color));
    }
    all
}

fn badge(look: &str, label: &str, number: u64, format: &str, color: &str, label_color: &str) -> Badge {
    let mut builder = StyleBuilder::default();
    let named =
        [("color", color), ("labelColor", label_color)].into_iter().filter(|named| !named.1.is_empty());
    for (name, value) in [("style", look), ("label", label), ("format", format)].into_iter().chain(named) {
        assert_eq!(builder.take(name, value), Ok(true));
    }
    let style = builder.build(&Themes::default()).unwrap();
    let value = Value::Count(number);
    let line = [look, label, &style.message(value), color, label_color].join("\t");
    Badge { style, value, line }
}

fn make(dir: &Path, badges: &[Badge]) {
    let lines: Vec<&str> = badges.iter().map(|badge| badge.line.as_str()).collect();
    fs::write(dir.join("badges.txt"), lines.join("\n")).unwrap();
    fs::write(dir.join("make.mjs"), SCRIPT).unwrap();
    std::os::unix::fs::symlink(badge_maker().join("node_modules"), dir.join("node_modules")).unwrap();
    run(Command::new("node").arg("make.mjs").current_dir(dir), "node must be installed");
    for (i, badge) in badges.iter().enumerate() {
        fs::write(dir.join(format!("{i}.png")), render(&badge.style, badge.value).encode()).unwrap();
    }
}

/// A folder that has the package below `node_modules`, installed once.
fn badge_maker() -> PathBuf {
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join(BADGE_MAKER);
    let done = dir.join("installed");
    if !done.exists() {
        fs::create_dir_all(&dir).unwrap();
        fs::write(dir.join("package.json"), "{\"private\": true}").unwrap();
        let install = ["install", "--no-audit", "--no-fund", BADGE_MAKER];
        run(
            Command::new("npm").args(install).current_dir(&dir),
            "npm must be installed and reach its registry",
        );
        fs::write(done, "").unwrap();
    }
    dir
}

/// Runs a command to its end; fails with its output, and `need`, unless it succeeds.
fn run(command: &mut Command, need: &str) {
    let output = command.output().unwrap_or_else(|error| panic!("{need}: {error}"));
    let text = [&output.stdout[..], &output.stderr[..]].concat();
    assert!(output.status.success(), "{need}: {}", String::from_utf8_lossy(&text));
}

/// Pixels from one badge to the next below, and from theirs to ours.
const ROW: u32 = 40;
const COLUMN: u32 = 500;

fn paint(dir: &Path, badges: &[Badge]) -> Screen {
    let image = |i: usize, left: u32, file: &str| {
        let top = i as u32 * ROW;
        format!("<img src={i}.{file} style='position:absolute;left:{left}px;top:{top}px'>")
    };
    let images: String = (0..badges.len()).map(|i| image(i, 0, "svg") + &image(i, COLUMN, "png")).collect();
    let page = format!("<!doctype html><meta charset=utf-8><body style='margin:0;background:#fff'>{images}");
    Screen::of(dir, &page, (2 * COLUMN, badges.len() as u32 * ROW))
}

/// How far a ground may be off, of 255: a gradient has more colours than our pictures (palette.rs).
fn near(badge: &Badge) -> u8 {
    if badge.line.starts_with("flat-square") || badge.line.starts_with("for-the-badge") { 0 } else { 12 }
}

fn judge(dir: &Path, i: usize, badge: &Badge, screen: &Screen) -> Result<(), String> {
    let svg = fs::read_to_string(dir.join(format!("{i}.svg"))).unwrap();
    let theirs = (attribute(&svg, "width"), attribute(&svg, "height"));
    let (width, height) = badge.style.size(badge.value);
    let off = (theirs.0 - width as f32).abs().max((theirs.1 - height as f32).abs());
    if off > 2.0 {
        return Err(format!("{}: {width}×{height} pixels, not {theirs:?}", badge.line));
    }
    // The first and the last columns have no letters and no round corner.
    for (x, their_x) in [(3, 3), (width - 4, theirs.0 as u32 - 4)] {
        for y in 2..height - 2 {
            let (their, our) =
                (screen.pixel(their_x, i as u32 * ROW + y), screen.pixel(COLUMN + x, i as u32 * ROW + y));
            if (0..3).any(|c| their[c].abs_diff(our[c]) > near(badge)) {
                return Err(format!("{}: {our:?} at {x}, {y}, not {their:?}", badge.line));
            }
        }
    }
    Ok(())
}

/// The first attribute of this name: the picture's own.
fn attribute(svg: &str, name: &str) -> f32 {
    let value = svg.split_once(&format!(" {name}=\"")).unwrap().1;
    value.split_once('"').unwrap().0.parse().unwrap()
}

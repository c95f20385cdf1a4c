//! A list of pages and their numbers.

use bytes::Bytes;
use percent_encoding::percent_decode_str;
use tiny_skia::{Color, Mask, Paint, Pixmap, Rect, Transform};

use crate::Raster;
use crate::font::Face;
use crate::text::Line;

/// Pixels: enough for a path of about forty characters.
const WIDTH: u32 = 320;
const ROW: u32 = 20;
const MARGIN: u32 = 8;
/// The most rows of a picture.
const MAX_ROWS: usize = 50;
const SIZE: f32 = 12.0;
/// The width of a digit: whole, so that a digit has the same pixels in each position.
const CELL: f32 = 8.0;
/// The column of numbers is wide enough for this many digits.
const MIN_DIGITS: usize = 4;
/// Pixels between a name and its number.
const GAP: f32 = 12.0;
/// White text on this background has a contrast of 11 to 1 on any page. Every second row is lighter.
const BACKGROUND: [u8; 3] = [51, 51, 51];
const STRIPE: [u8; 3] = [64, 64, 64];
const LETTERS: [u8; 3] = [255, 255, 255];
const NOBODY: &str = "No page is open right now";

/// A PNG file that lists pages with the number of each, in the order given.
///
/// A page is named by its percent-encoded path, which is painted decoded where that is readable. The picture is 320
/// pixels wide and 20 high for each of `places` (clamped to 1 to 50), with a margin of 8 above and below, so that its
/// size doesn't depend on the number of `rows`. Takes some milliseconds.
pub fn ranking(rows: &[(&str, u64)], places: usize) -> Bytes {
    paint(rows, places.clamp(1, MAX_ROWS)).encode()
}

fn paint(rows: &[(&str, u64)], places: usize) -> Raster {
    let mut pixmap = background(places);
    let mut letters = Mask::new(pixmap.width(), pixmap.height()).expect("neither side is zero");
    let face = Face::dejavu(SIZE);
    if rows.is_empty() {
        Line::at(MARGIN as f32, face).even(NOBODY).draw(&mut letters, baseline(0));
    }
    let digits = rows.iter().take(places).map(|row| digits(row.1)).max().unwrap_or_default().max(MIN_DIGITS);
    for (place, &(page, number)) in rows.iter().take(places).enumerate() {
        let left = (WIDTH - MARGIN) as f32 - CELL * digits as f32;
        let name = cut(&readable(page, face), face, left - GAP - MARGIN as f32);
        Line::at(MARGIN as f32, face).even(&name).draw(&mut letters, baseline(place));
        let number = format!("{number:>digits$}");
        Line::at(left, face).cells(CELL, &number).draw(&mut letters, baseline(place));
    }
    fill(&mut pixmap, (0, letters.height()), LETTERS, Some(&letters));
    pixmap.into()
}

fn digits(number: u64) -> usize {
    number.checked_ilog10().unwrap_or_default() as usize + 1
}

fn background(places: usize) -> Pixmap {
    let height = places as u32 * ROW + 2 * MARGIN;
    let mut pixmap = Pixmap::new(WIDTH, height).expect("neither side is zero");
    fill(&mut pixmap, (0, height), BACKGROUND, None);
    for place in (0..places as u32).step_by(2) {
        fill(&mut pixmap, (MARGIN + place * ROW, ROW), STRIPE, None);
    }
    pixmap
}

fn baseline(place: usize) -> i32 {
    (MARGIN as usize + place * ROW as usize + 14) as i32
}

fn fill(pixmap: &mut Pixmap, (top, height): (u32, u32), [r, g, b]: [u8; 3], mask: Option<&Mask>) {
    let mut paint = Paint::default();
    paint.set_color(Color::from_rgba8(r, g, b, 255));
    let band = Rect::from_xywh(0.0, top as f32, WIDTH as f32, height as f32);
    pixmap.fill_rect(
        band.expect("the sides are small and not negative"),
        &paint,
        Transform::identity(),
        mask,
    );
}

/// The path decoded, except for characters that have no glyph, unusual spaces and control characters. A path that is
/// not UTF-8 stays as it is.
fn readable(page: &str, face: Face) -> String {
    let Ok(decoded) = percent_decode_str(page).decode_utf8() else {
        return page.to_owned();
    };
    let mut shown = String::with_capacity(page.len());
    for c in decoded.chars() {
        if face.has(c) && (c == ' ' || !c.is_whitespace()) && !c.is_control() && c != SOFT_HYPHEN {
            shown.push(c);
        } else {
            c.encode_utf8(&mut [0; 4]).bytes().for_each(|byte| shown.push_str(&format!("%{byte:02X}")));
        }
    }
    shown
}

const SOFT_HYPHEN: char = '\u{ad}';

/// `text`, or its beginning and end with an ellipsis between them, in at most `max_width` pixels.
fn cut(text: &str, face: Face, max_width: f32) -> String {
    if text.len() < 1000 && face.width(text) <= max_width {
        return text.to_owned();
    }
    let (mut head, mut tail) = (String::new(), Vec::new());
    let mut left = max_width - face.advance('…');
    let mut chars = text.chars();
    while let Some(c) = if head.chars().count() > tail.len() { chars.next_back() } else { chars.next() } {
        left -= face.advance(c);
        if left < 0.0 {
            break;
        }
        if head.chars().count() > tail.len() { tail.push(c) } else { head.push(c) }
    }
    head.push('…');
    head.extend(tail.iter().rev());
    head
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_decoded_where_they_stay_readable() {
        for (path, shown) in [
            ("/posts/1", "/posts/1"),
            ("/caf%C3%A9", "/café"),
            ("/%D0%BA%D1%82%D0%BE", "/кто"),
            ("/a%20b", "/a b"),
            ("/%E2%80%AEgnp.exe", "/%E2%80%AEgnp.exe"),
            ("/a%0Ab%C2%ADc", "/a%0Ab%C2%ADc"),
            ("/%E6%BC%A2", "/%E6%BC%A2"),
            ("/%FF", "/%FF"),
            ("/100%", "/100%"),
        ] {
            assert_eq!(readable(path, Face::dejavu(SIZE)), shown);
        }
    }

    #[test]
    fn a_long_name_keeps_its_beginning_and_its_end() {
        let face = Face::dejavu(SIZE);
        let name = cut(&format!("/archive/{}/index.html", "long/".repeat(100_000)), face, 200.0);
        assert!(
            name.starts_with("/archive/") && name.contains('…') && name.ends_with("index.html"),
            "{name}"
        );
        assert!(face.width(&name) <= 200.0);
        assert_eq!(cut("/short", face, 200.0), "/short");
    }

    #[test]
    fn the_size_depends_on_the_places_alone() {
        let many = vec![("/page", u64::MAX); 80];
        for rows in [&[][..], &many[..3], &many] {
            assert_eq!((paint(rows, 10).width(), paint(rows, 10).height()), (320, 216));
        }
        for (places, rows) in [(0, 1), (1, 1), (50, 50), (usize::MAX, 50)] {
            let file = ranking(&many, places);
            assert_eq!(u32::from_be_bytes(file[20..24].try_into().unwrap()), rows * ROW + 2 * MARGIN);
        }
    }

    #[test]
    fn a_digit_has_the_same_pixels_in_each_position() {
        let raster = paint(&[("/", 8888)], 1);
        let columns = |x: u32| -> Vec<_> {
            let rows = raster.pixels().chunks_exact(WIDTH as usize);
            rows.flat_map(|row| row[x as usize..][..CELL as usize].to_vec()).collect()
        };
        let last = WIDTH - MARGIN - CELL as u32;
        assert!((1..4).all(|place| columns(last) == columns(last - place * CELL as u32)));
    }
}

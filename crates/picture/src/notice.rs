//! A sentence in place of a count.

use bytes::Bytes;
use tiny_skia::{FillRule, Mask, Paint, Path, PathBuilder, Pixmap, Transform};

use crate::Raster;
use crate::font::Face;
use crate::text::Line;

/// The size in the image tag, to which browsers scale any other picture.
const SIZE: (u32, u32) = (200, 30);
const MARGIN: f32 = 8.0;
const CORNER: f32 = 4.0;
/// White text on this background has a contrast of 7.5 to 1 on any page, and the background is visible on white and
/// on black.
const BACKGROUND: [u8; 3] = [85, 85, 85];
const LETTERS: [u8; 3] = [255, 255, 255];
/// Heights of capitals, in pixels. Anton is not readable below nine.
const CAPITALS: [f32; 8] = [16.0, 15.0, 14.0, 13.0, 12.0, 11.0, 10.0, 9.0];
/// Longer texts never fit, so the rest is not measured.
const MAX_CHARS_READ: usize = 100;

/// A PNG file of 200×30 pixels that says `text`, in letters as large as fit. A text too long for the smallest (some
/// forty characters) is cut off, with an ellipsis.
pub fn notice(text: &str) -> Bytes {
    paint(text).encode()
}

fn paint(text: &str) -> Raster {
    let (capitals, text) = fit(text);
    let face = Face::anton(capitals);
    let (mut pixmap, mut letters) = blank();
    let x = (SIZE.0 as f32 - face.width(&text)) / 2.0;
    let baseline = ((SIZE.1 as f32 + capitals) / 2.0).round() as i32;
    Line::at(x, face).even(&text).draw(&mut letters, baseline);
    fill(&mut pixmap, BACKGROUND, None);
    fill(&mut pixmap, LETTERS, Some(&letters));
    pixmap.into()
}

/// The largest capitals with which the text fits; else the smallest, and as much of the text as fits.
fn fit(text: &str) -> (f32, String) {
    let mut cut: String = text.chars().take(MAX_CHARS_READ).collect();
    if let Some(capitals) = CAPITALS.into_iter().find(|&capitals| fits(capitals, &cut)) {
        return (capitals, cut);
    }
    let smallest = CAPITALS[CAPITALS.len() - 1];
    while !fits(smallest, &format!("{cut}…")) {
        cut.pop();
    }
    (smallest, format!("{}…", cut.trim_end()))
}

fn fits(capitals: f32, text: &str) -> bool {
    Face::anton(capitals).width(text) <= SIZE.0 as f32 - 2.0 * MARGIN
}

fn blank() -> (Pixmap, Mask) {
    let layers = Pixmap::new(SIZE.0, SIZE.1).zip(Mask::new(SIZE.0, SIZE.1));
    layers.expect("the size is a constant and not empty")
}

/// A rectangle with round corners and the size of the picture.
fn rounded_rectangle() -> Path {
    let (width, height) = (SIZE.0 as f32, SIZE.1 as f32);
    let (right, bottom) = (width - CORNER, height - CORNER);
    let mut path = PathBuilder::new();
    path.move_to(CORNER, 0.0);
    path.line_to(right, 0.0);
    path.quad_to(width, 0.0, width, CORNER);
    path.line_to(width, bottom);
    path.quad_to(width, height, right, height);
    path.line_to(CORNER, height);
    path.quad_to(0.0, height, 0.0, bottom);
    path.line_to(0.0, CORNER);
    path.quad_to(0.0, 0.0, CORNER, 0.0);
    path.close();
    path.finish().expect("the corners are not all one point")
}

fn fill(pixmap: &mut Pixmap, [red, green, blue]: [u8; 3], mask: Option<&Mask>) {
    let mut paint = Paint::default();
    paint.set_color_rgba8(red, green, blue, 255);
    pixmap.fill_path(&rounded_rectangle(), &paint, FillRule::Winding, Transform::identity(), mask);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_sentence_is_large_and_a_long_one_small_but_whole() {
        assert_eq!(fit("Not allowed here"), (16.0, "Not allowed here".to_owned()));
        let (capitals, text) = fit("You can't view this image directly.");
        assert!(capitals < 16.0 && text.ends_with('.'), "{capitals} {text}");
    }

    #[test]
    fn a_very_long_text_is_cut_off() {
        let (capitals, text) = fit(&"much too long ".repeat(100_000));
        assert!(capitals == 9.0 && text.ends_with('…') && text.chars().count() < 60, "{capitals} {text}");
    }

    #[test]
    fn every_text_gives_a_picture_of_the_tags_size() {
        for text in ["", "Too many viewers", &"W".repeat(500)] {
            assert_eq!((paint(text).width(), paint(text).height()), SIZE);
        }
    }

    #[test]
    fn the_background_is_grey_and_the_text_white() {
        let raster = paint("Too many viewers");
        let ground = raster.pixels()[15 * 200 + 2];
        assert_eq!(ground, [85, 85, 85, 255]);
        assert!(raster.pixels().contains(&[255; 4]));
    }
}

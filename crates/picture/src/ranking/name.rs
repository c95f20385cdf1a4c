//! Names of pages, in the room that there is for them.

use percent_encoding::percent_decode_str;
use unicode_bidi::{BidiClass, bidi_class};

use super::Row;
use crate::font::Face;
use crate::shaping::clusters;
use crate::text::Line;

/// The title of a page, or its path, from `x` on and at most `max_width` pixels wide.
pub(super) fn of<'a>(row: &Row<'_>, face: Face<'a>, x: f32, max_width: f32) -> Line<'a> {
    match row.title {
        Some(text) => title(text, face, x, max_width),
        None => Line::at(x, face).even(&cut(&readable(row.page, face), face, max_width)),
    }
}

/// A text in any script. Of one that is too long the beginning is left, and an ellipsis.
pub(super) fn title<'a>(text: &str, face: Face<'a>, x: f32, max_width: f32) -> Line<'a> {
    let width = |cluster: &str| cluster.chars().map(|c| face.likely_advance(c)).sum::<f32>();
    // Joined letters may be narrower, but seldom by half. The rest of a text that is much too long is not shaped.
    if text.len() < MAX_MEASURED && width(text) <= 2.0 * max_width {
        let whole = Line::at(x, face).even(text);
        if whole.end() - x <= max_width {
            return whole;
        }
    }
    let mut available = max_width - face.advance('…');
    loop {
        let mut left = available;
        let fits = |cluster: &&str| {
            left -= width(cluster);
            left >= 0.0
        };
        let beginning: String = clusters(text).take_while(fits).collect();
        let line = Line::at(x, face).even(&with_ellipsis(beginning.trim_end()));
        let excess = line.end() - x - max_width;
        if excess <= 0.0 || beginning.is_empty() {
            return line;
        }
        // Letters that are wider together than alone.
        available -= excess.max(1.0);
    }
}

/// Texts that are longer, in bytes, are never whole.
const MAX_MEASURED: usize = 1000;

/// The ellipsis stands at the end of the last word, as that is read.
fn with_ellipsis(beginning: &str) -> String {
    let strong = |c: &char| matches!(bidi_class(*c), BidiClass::L | BidiClass::R | BidiClass::AL);
    let last = beginning.chars().rfind(strong).map(bidi_class);
    let mark = if matches!(last, Some(BidiClass::R | BidiClass::AL)) { RIGHT_TO_LEFT_MARK } else { "" };
    format!("{beginning}…{mark}")
}

const RIGHT_TO_LEFT_MARK: &str = "\u{200f}";

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
    if text.len() < MAX_MEASURED && face.width(text) <= max_width {
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
    use super::super::SIZE;
    use super::*;
    use crate::Themes;

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
    fn a_long_title_keeps_its_beginning() {
        let mut themes = Themes::default();
        for (name, file) in [
            ("cjk", &include_bytes!("../../tests/pictures/fonts/cjk.ttc")[..]),
            ("arabic", include_bytes!("../../tests/pictures/fonts/arabic.ttf")),
        ] {
            themes.add_font(name, file.to_vec()).unwrap();
        }
        let fallback = themes.fallback();
        let face = Face::dejavu(SIZE).or(fallback.added());
        for text in
            ["Hello world ", "在线人数", "المتصلون الآن ", "\u{301}", "W\u{301}", "😀\u{200d}", "\u{200d}"]
        {
            for width in [0.0, 5.0, 60.0, 200.0] {
                let line = title(&text.repeat(2000), face, 8.0, width);
                assert!(
                    line.end() - 8.0 <= width.max(face.advance('…')),
                    "{text} in {width}: {}",
                    line.end()
                );
            }
        }
        let whole =
            |text: &str, width| title(text, face, 0.0, width).end() == Line::at(0.0, face).even(text).end();
        assert!(whole("在线人数", 48.0) && !whole("在线人数", 47.0));
    }

    #[test]
    fn an_ellipsis_ends_the_text_in_its_own_direction() {
        assert_eq!(with_ellipsis("Hello"), "Hello…");
        assert_eq!(with_ellipsis("المتصلون 12"), "المتصلون 12…\u{200f}");
        assert_eq!(with_ellipsis("الآن in"), "الآن in…");
        assert_eq!(with_ellipsis(""), "…");
    }
}

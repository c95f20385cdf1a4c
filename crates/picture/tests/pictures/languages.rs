//! Labels in other scripts than Latin: with fonts that have them, and without.

use onlookers_picture::{Raster, Style, StyleBuilder, Themes, Value, render, svg};

use crate::style;

/// Names, and labels that say how many are online.
pub(crate) const LABELS: [(&str, &str); 9] = [
    ("chinese", "在线人数"),
    ("korean", "온라인 접속자"),
    ("arabic", "المتصلون الآن"),
    ("hebrew", "מחוברים כעת"),
    ("hindi", "ऑनलाइन पाठक"),
    ("thai", "ผู้อ่านออนไลน์"),
    ("vietnamese", "Người đang xem"),
    ("emoji", "😀 online 😎"),
    ("mixed", "在线 viewers (الآن)"),
];

const FONTS: [(&str, &[u8]); 7] = [
    ("vietnamese", include_bytes!("fonts/vietnamese.ttf")),
    ("cjk", include_bytes!("fonts/cjk.ttc")),
    ("arabic", include_bytes!("fonts/arabic.ttf")),
    ("hebrew", include_bytes!("fonts/hebrew.ttf")),
    ("devanagari", include_bytes!("fonts/devanagari.ttf")),
    ("thai", include_bytes!("fonts/thai.ttf")),
    ("emoji", include_bytes!("fonts/emoji.ttf")),
];

/// A font for each script.
pub(crate) fn themes() -> Themes {
    let mut themes = Themes::default();
    for (name, file) in FONTS {
        themes.add_font(name, file.to_vec()).unwrap();
    }
    themes
}

/// With a font for each script, none of which is asked for.
pub(crate) fn styled(label: &str, parameters: &[(&str, &str)]) -> Style {
    let mut builder = StyleBuilder::default();
    for (name, value) in [("label", label)].iter().chain(parameters) {
        assert_eq!(builder.take(name, value), Ok(true));
    }
    builder.build(&themes()).unwrap()
}

#[test]
fn no_glyph_of_any_language_is_missing() {
    for (name, label) in LABELS {
        for look in ["plain", "flat", "for-the-badge", "social"] {
            let style = styled(label, &[("style", look)]);
            assert!(style.missing_glyphs(Value::Count(42)).is_empty(), "{name} {look}");
            let svg = svg(&style, Value::Count(42));
            assert!(!svg.contains("<text") && svg.contains("<path"), "{name} {look}: {svg}");
        }
    }
}

#[test]
fn cyrillic_and_greek_need_no_font() {
    for label in ["Сейчас читают", "Αναγνώστες"] {
        assert!(Style::plain(label.parse().unwrap()).missing_glyphs(Value::Count(42)).is_empty(), "{label}");
    }
}

#[test]
fn arabic_letters_join_and_run_from_right_to_left() {
    let of = |label: &str| render(&styled(label, &[("style", "flat-square")]), Value::Count(1));
    // ALEF alone, and LAM with ALEF, which are one glyph together and narrower than both.
    let width = |label: &str| styled(label, &[("style", "flat-square")]).size(Value::Count(1)).0;
    assert!(width("لا") < width("ل") + width("ا") - width(""));
    // The override turns the order round: pictures are mirrored word by word, not equal.
    assert!(of("الآن") != of("\u{202d}الآن\u{202c}"));
}

#[test]
fn marks_stand_over_their_letters() {
    let width = |label: &str| styled(label, &[("style", "flat-square")]).size(Value::Count(1)).0;
    assert_eq!(width("ผู้"), width("ผ"), "Thai vowel and tone");
}

#[test]
fn letters_with_marks_of_their_own_are_the_composed_ones() {
    for (composed, marks) in
        [("Người đang đọc", "Ngu\u{31b}o\u{31b}\u{300}i đang đo\u{323}c"), ("Größe", "Gro\u{308}ße")]
    {
        for look in ["plain", "flat", "for-the-badge", "social"] {
            let [one, other] = [composed, marks].map(|label| styled(label, &[("style", look)]));
            assert_eq!(one.label(), other.label(), "{look}");
            assert!(render(&one, Value::Count(42)) == render(&other, Value::Count(42)), "{look}");
        }
    }
}

#[test]
fn svg_has_text_where_no_font_has_the_letters() {
    for (_, label) in LABELS.iter().take(6) {
        let svg = svg(&style(&format!("style=flat&label={label} <b>")), Value::Count(42));
        let word = label.split(' ').next().unwrap();
        assert!(svg.contains(&format!(">{word}</text>")), "{svg}");
        assert!(!svg.contains("<b>"), "{svg}");
    }
}

#[test]
fn a_png_has_a_box_where_no_font_has_the_letter() {
    let missing = style("label=在");
    assert!(missing.missing_glyphs(Value::Count(4)).contains(&'在'));
    assert!(ink(&render(&missing, Value::Count(4))) > ink(&render(&style("label="), Value::Count(4))));
}

#[test]
fn latin_labels_have_the_same_pixels_with_fonts_added() {
    for (look, label) in [("plain", "Größe"), ("flat", "Žluť"), ("for-the-badge", "Users"), ("social", "Кто")]
    {
        let (with, without) =
            (styled(label, &[("style", look)]), style(&format!("style={look}&label={label}")));
        assert!(render(&with, Value::Count(42)) == render(&without, Value::Count(42)), "{look}");
    }
}

fn ink(raster: &Raster) -> usize {
    raster.pixels().iter().filter(|pixel| pixel[3] > 0).count()
}

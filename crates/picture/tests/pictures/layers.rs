//! A number that is composed of layers has the pixels of one that is painted whole.

use onlookers_picture::{Layers, StyleBuilder, Themes, Value, render};

use crate::themes;

const LOOKS: [(&str, &str); 10] = [
    ("style", "plain"),
    ("style", "flat"),
    ("style", "flat-square"),
    ("style", "plastic"),
    ("style", "for-the-badge"),
    ("style", "social"),
    ("theme", "odometer"),
    ("theme", "seven-segment"),
    ("theme", "pixel"),
    ("theme", "mine"),
];

#[test]
fn composed_pictures_are_those_painted_whole() {
    let mut themes = themes::with_digits(|digit| themes::square(if digit == 1 { 3 } else { 5 }, 8, digit));
    themes.add_font("face", themes::FONT.to_vec()).unwrap();
    for look in LOOKS {
        // A label with digits, in another font or another size than the number's.
        for (label, font) in [("Users online", None), ("", None), ("Top 10 of 1987", Some("face"))] {
            for scale in ["1", "2", "3", "4"] {
                for format in ["1234", "1,234"] {
                    compare(&themes, look, label, font, scale, format);
                }
            }
        }
    }
}

fn compare(themes: &Themes, look: (&str, &str), label: &str, font: Option<&str>, scale: &str, format: &str) {
    let mut builder = StyleBuilder::default();
    let font = font.filter(|_| look.0 == "style").map(|font| ("font", font));
    let parameters = [look, ("label", label), ("scale", scale), ("format", format), ("peak", "1")];
    for (name, value) in parameters.into_iter().chain(font) {
        assert_eq!(builder.take(name, value), Ok(true));
    }
    let style = builder.build(themes).unwrap();
    // Each is painted by the layers that those before it have left, whether or not it is as wide.
    let layers = Layers::new(&style, Value::Count(0));
    let empty = layers.bytes();
    for value in values() {
        let composed = layers.render(value);
        assert!(composed == render(&style, value), "{look:?} {label} {scale} {format} {value:?}");
    }
    assert!(layers.bytes() > empty, "{look:?}: nothing was kept");
}

fn values() -> impl Iterator<Item = Value> {
    let counts = [0, 1, 8, 77, 407, 123, 456, 789, 999, 1_234, 9_876, 0, 54_321, 1_000_000, u64::MAX];
    let peaks = [(3, 97), (42, 56), (42, 1_234)].map(|(now, peak)| Value::Peak { now, peak });
    counts.map(Value::Count).into_iter().chain(peaks).chain([Value::Ended, Value::Count(5)])
}

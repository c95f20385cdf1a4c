//! What pictures cost: `cargo bench --bench render`. First the bytes of their files, then the time to make one of each
//! style, and to get one that was made before.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use onlookers::painting::Pictures;
use onlookers_picture::{
    Appearance, Label, Layers, RankingStyle, Row, Strip, Style, StyleBuilder, Themes, Value, notice, render,
    svg,
};

/// As many as one server can hold.
const LARGE: Value = Value::Peak { now: 999_999, peak: 999_999 };

const STYLES: [&str; 9] = [
    "plain",
    "flat",
    "flat-square",
    "plastic",
    "for-the-badge",
    "social",
    "odometer",
    "seven-segment",
    "pixel",
];

fn style(name: &str) -> Style {
    let mut builder = StyleBuilder::default();
    let digits = ["odometer", "seven-segment", "pixel"].contains(&name);
    let taken = builder.take(if digits { "theme" } else { "style" }, name);
    assert_eq!(taken, Ok(true));
    builder.build(&Themes::default()).expect("each is a style of the program's own")
}

/// The style of the largest picture: at the largest scale, with as many of the widest letters as make it largest. More
/// letters can make it smaller, as they make the scale smaller.
fn largest(name: &str) -> Style {
    let pixels = |style: &Style| render(style, LARGE).pixels().len();
    let labels = (0..=Label::MAX_CHARS).map(|letters| "W".repeat(letters));
    labels.map(|label| heavy(name, &label)).max_by_key(pixels).expect("there are labels")
}

fn heavy(name: &str, label: &str) -> Style {
    let mut builder = StyleBuilder::default();
    let digits = ["odometer", "seven-segment", "pixel"].contains(&name);
    let parameters = [
        (if digits { "theme" } else { "style" }, name),
        ("label", label),
        ("scale", "4"),
        ("peak", "1"),
        ("format", "1,234"),
        ("color", "123456"),
        ("labelColor", "fedcba"),
    ];
    assert!(parameters.iter().all(|(name, value)| builder.take(name, value) == Ok(true)));
    builder.build(&Themes::default()).expect("each is a style of the program's own")
}

/// What an attacker would ask for: it costs at most 3 ms.
fn time_of_largest(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("render and encode, the largest");
    for name in STYLES {
        let style = largest(name);
        let raster = render(&style, LARGE);
        println!("{name}, the largest: {} x {} pixels", raster.width(), raster.height());
        group
            .bench_function(BenchmarkId::from_parameter(name), |b| b.iter(|| render(&style, LARGE).encode()));
    }
    for look in ["plain", "flat", "plastic", "for-the-badge", "social"] {
        let themes = themes_of_many_scripts();
        let mut labels = (0..).map(|turn| label_of_many_scripts(turn % Label::MAX_CHARS));
        group.bench_function(BenchmarkId::new("many scripts", look), |b| {
            b.iter(|| {
                let mut builder = StyleBuilder::default();
                let label = labels.next().expect("there is always another");
                for (name, value) in [("style", look), ("label", &label), ("scale", "4"), ("peak", "1")] {
                    assert_eq!(builder.take(name, value), Ok(true));
                }
                let style = builder.build(&themes).expect("it is a style of the program's own");
                Layers::new(&style, LARGE).render(LARGE).encode()
            })
        });
    }
    group.finish();
}

/// One font for each of several scripts.
fn themes_of_many_scripts() -> Themes {
    let mut themes = Themes::default();
    for name in ["arabic.ttf", "cjk.ttc", "devanagari.ttf", "emoji.ttf", "hebrew.ttf", "thai.ttf"] {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/crates/picture/tests/pictures/fonts");
        let file = std::fs::read(format!("{folder}/{name}")).expect("a font for tests");
        themes.add_font(&name[..3], file).expect("it is a font");
    }
    themes
}

/// The longest label, in which each letter needs another font than the one before. No two of them begin alike.
fn label_of_many_scripts(turn: usize) -> String {
    let letters = "在ال😀חऑผ线人ن😎מक数न온".chars().cycle();
    letters.skip(turn).step_by(1 + turn % 3).take(Label::MAX_CHARS).collect()
}

fn bytes(_: &mut Criterion) {
    for (digits, numbers) in [(1, 0..10), (2, 10..100), (4, 1_000..10_000)] {
        print_sizes("plain", &format!("{digits} digits"), numbers);
    }
    for name in STYLES {
        print_sizes(name, "3 digits", (100..1_000).step_by(7));
    }
}

fn print_sizes(name: &str, digits: &str, numbers: impl Iterator<Item = u64>) {
    let style = style(name);
    let mut sizes: Vec<usize> = numbers.map(|n| render(&style, Value::Count(n)).encode().len()).collect();
    sizes.sort_unstable();
    let mean = sizes.iter().sum::<usize>() / sizes.len();
    let vector = svg(&style, Value::Count(123)).len();
    println!(
        "{name}, {digits}: {} to {} bytes, {mean} on average (SVG: {vector})",
        sizes[0],
        sizes[sizes.len() - 1]
    );
}

fn time(criterion: &mut Criterion) {
    let mut n = 99;
    let mut next = || {
        n = if n == 999 { 100 } else { n + 1 };
        Value::Count(n)
    };
    let mut cold = criterion.benchmark_group("render and encode, cold");
    for name in STYLES {
        let style = style(name);
        cold.bench_function(BenchmarkId::from_parameter(name), |b| {
            b.iter(|| render(&style, next()).encode())
        });
    }
    cold.finish();
    let mut composed = criterion.benchmark_group("compose and encode");
    for name in STYLES {
        let style = style(name);
        let layers = Layers::new(&style, next());
        composed
            .bench_function(BenchmarkId::from_parameter(name), |b| b.iter(|| layers.render(next()).encode()));
    }
    composed.finish();
    let mut cached = criterion.benchmark_group("cached");
    let pictures = Pictures::new(32 << 20);
    for name in STYLES {
        let style = style(name);
        for n in 100..1_000 {
            let _ = pictures.png(&style, Value::Count(n));
        }
        cached.bench_function(BenchmarkId::from_parameter(name), |b| {
            b.iter(|| pictures.png(black_box(&style), next()))
        });
    }
    cached.finish();
    criterion.bench_function("SVG of flat", |b| b.iter(|| svg(&style("flat"), next())));
    criterion.bench_function("notice", |b| b.iter(|| notice(black_box("Too many viewers: try again soon"))));
    bench_rankings(criterion);
}

/// The longest ones too, at the largest scale that they can have.
fn bench_rankings(criterion: &mut Criterion) {
    let page = "/posts/2026/some-page.html";
    let rows: Vec<Row<'_>> = (0..50).map(|n| Row { page, title: None, count: n * 7 }).collect();
    let titled: Vec<Row<'_>> = rows.iter().map(|row| Row { title: Some(TITLE), ..*row }).collect();
    let mut scaled = Appearance::default();
    scaled.take("scale", "4").expect("4 is a scale");
    for (name, most, width, appearance, rows) in [
        ("ranking of 20 pages", 20, 320, Appearance::default(), &rows),
        ("ranking of 10 pages, scale 4", 10, 320, scaled, &rows),
        ("ranking of 50 pages, 1000 wide", 50, 1000, Appearance::default(), &rows),
        ("ranking of 50 titles, 1000 wide", 50, 1000, Appearance::default(), &titled),
    ] {
        let style =
            RankingStyle::new(most, Some(width), appearance, &Themes::default()).expect("the width is fine");
        criterion.bench_function(name, |b| b.iter(|| style.paint(black_box(rows))));
    }
    for (name, width, height, appearance) in
        [("largest strip", 2000, 100, Appearance::default()), ("strip 500×50, scale 4", 500, 50, scaled)]
    {
        let strip = Strip::new(width, height).expect("the size is fine").with(appearance);
        let heat = strip.heat((0..500).map(|n| n as f32 / 500.0));
        criterion.bench_function(name, |b| b.iter(|| strip.paint(black_box(&heat))));
    }
}

const TITLE: &str = "How many people are looking at this very page right now, and what do they do there all day long, \
    if they do anything at all, or is it a list of pages that nobody looks at except for the one who made it?";

criterion_group!(benches, bytes, time, time_of_largest);
criterion_main!(benches);

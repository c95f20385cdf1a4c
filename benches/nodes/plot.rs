//! How the figures grow, as an SVG: a row of panels for each thing that grows.

use crate::{Outcome, load::axes::Axes, report::value, scale::Growth};
use std::{fmt::Write, fs, path::Path};

/// A panel's inside, in pixels.
const WIDTH: f64 = 190.0;
const HEIGHT: f64 = 140.0;

/// From one panel to the next.
const RIGHT: f64 = 265.0;
const DOWN: f64 = 240.0;

/// The page may be light or dark, so each colour comes twice.
const STYLE: &str = "text{font:13px system-ui,sans-serif;fill:#1f2328}path{fill:none;stroke:#0969da;stroke-width:2}\
    circle{fill:#0969da}.grid{stroke:#d1d9e0;stroke-width:1}.tick{font-size:11px}\
    @media(prefers-color-scheme:dark){text{fill:#f0f6fc}path{stroke:#4493f8}circle{fill:#4493f8}.grid{stroke:#3d444d}}";

const PANELS: [(&str, &str); 3] = [
    ("Redis, % of a core", "churn: Redis, % of a core"),
    ("MiB a second from Redis", "churn: KiB/s from Redis"),
    ("95 % everywhere after, ms", "churn: until the last node has 95 % of the changes, ms"),
];

pub(crate) fn write(path: &Path, rows: &[(&str, &Growth)]) -> Outcome<()> {
    let height = DOWN * rows.len() as f64;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 800 {height}\" role=\"img\">\n\
         <title>What Redis does, and how late changes are, by nodes, rooms and changes a second</title>\n\
         <style>{STYLE}</style>\n"
    );
    for (row, (what, growth)) in rows.iter().enumerate() {
        for (column, (title, figure)) in PANELS.iter().enumerate() {
            let (x, y) = (45.0 + RIGHT * column as f64, 40.0 + DOWN * row as f64);
            writeln!(svg, "<g transform=\"translate({x} {y})\">\n<text y=\"-18\">{title}</text>")?;
            panel(&mut svg, what, &points(growth, figure))?;
            svg.push_str("</g>\n");
        }
    }
    svg.push_str("</svg>\n");
    fs::write(path, svg).map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(())
}

fn points(growth: &Growth, figure: &str) -> Vec<(f64, f64)> {
    let scale = if figure.contains("KiB") { 1024.0 } else { 1.0 };
    growth
        .iter()
        .map(|(at, figures)| (*at, value(figures, figure) / scale))
        .filter(|point| point.1.is_finite())
        .collect()
}

fn panel(svg: &mut String, what: &str, points: &[(f64, f64)]) -> Outcome<()> {
    let axes = Axes::around(WIDTH, HEIGHT, points.iter().copied());
    axes.draw(svg, what)?;
    let places: Vec<_> = points.iter().map(|&point| axes.place(point)).collect();
    let steps: Vec<_> = places.iter().map(|(x, y)| format!("{x:.1} {y:.1}")).collect();
    writeln!(svg, "<path d=\"M{}\"/>", steps.join("L"))?;
    for (x, y) in places {
        writeln!(svg, "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3.5\"/>")?;
    }
    Ok(())
}

//! The figures as an SVG: how CPU a frame and memory a viewer go with the number of viewers.

use crate::{
    Outcome, figure,
    load::{
        axes::Axes,
        options::Build,
        samples::{Sample, quantile, values},
    },
    server::{Kind, Subject},
};
use std::{fmt::Write, fs, path::Path};

/// A panel's inside, in pixels.
const WIDTH: f64 = 250.0;
const HEIGHT: f64 = 200.0;
/// Between two labels at the ends of lines.
const LINE: f64 = 16.0;

/// The page may be light or dark, so each colour comes twice; labels stand at the lines, no legend is needed.
const STYLE: &str = "text{font:13px system-ui,sans-serif;fill:#1f2328}.floor{--c:#59636e}.onlookers{--c:#1a7f37}\
    .nchan{--c:#bc4c00}.events{--c:#0969da}\
    .onlookers\\+tls{--c:#8250df}.nchan\\+tls{--c:#cf222e}path{fill:none;stroke:var(--c);stroke-width:2}circle{fill:var(--c)}.name{fill:var(--c)}\
    .grid{stroke:#d1d9e0;stroke-width:1}.tick{font-size:11px}\
    @media(prefers-color-scheme:dark){text{fill:#f0f6fc}.floor{--c:#9198a1}.onlookers{--c:#3fb950}\
    .nchan{--c:#f0883e}.events{--c:#4493f8}\
    .onlookers\\+tls{--c:#a371f7}.nchan\\+tls{--c:#f85149}.grid{stroke:#3d444d}.name{fill:var(--c)}}";

struct Panel {
    figure: &'static str,
    left: f64,
}

const PANELS: [Panel; 2] =
    [Panel { figure: figure::FRAME, left: 45.0 }, Panel { figure: figure::MEMORY, left: 445.0 }];

/// Medians over the rounds, one dot for each number of viewers.
pub(crate) fn write(path: &Path, samples: &[Sample<Subject>]) -> Outcome<()> {
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 790 280\" role=\"img\">\n\
         <title>CPU a delivered frame and memory a viewer, by the number of viewers</title>\n\
         <style>{STYLE}</style>\n"
    );
    for panel in &PANELS {
        panel.draw(&mut svg, samples)?;
    }
    svg.push_str("</svg>\n");
    fs::write(path, svg).map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(())
}

/// A server's line: its viewers and medians.
type Line = (Kind, Vec<(f64, f64)>);

impl Panel {
    fn draw(&self, svg: &mut String, samples: &[Sample<Subject>]) -> Outcome<()> {
        let lines: Vec<_> = Kind::ALL.into_iter().filter_map(|kind| self.line(samples, kind)).collect();
        let axes = Axes::around(WIDTH, HEIGHT, lines.iter().flat_map(|(_, points)| points.iter().copied()));
        writeln!(svg, "<g transform=\"translate({} 40)\">", self.left)?;
        writeln!(svg, "<text y=\"-18\">{}</text>", self.figure)?;
        axes.draw(svg, "viewers")?;
        let place = |&point: &(f64, f64)| axes.place(point);
        let mut lines: Vec<Line> =
            lines.iter().map(|(kind, points)| (*kind, points.iter().map(place).collect())).collect();
        lines.sort_by(|a, b| end(b).total_cmp(&end(a)));
        let mut lowest = f64::MAX;
        for line in &lines {
            lowest = end(line).min(lowest - LINE);
            draw(svg, line, lowest)?;
        }
        svg.push_str("</g>\n");
        Ok(())
    }

    fn line(&self, samples: &[Sample<Subject>], kind: Kind) -> Option<Line> {
        let mut sizes: Vec<_> = samples.iter().map(|sample| sample.viewers).collect();
        sizes.sort_unstable();
        sizes.dedup();
        let point = |size: usize| {
            let of_size: Vec<_> = samples.iter().filter(|sample| sample.viewers == size).collect();
            let median =
                quantile(&values(&of_size, Subject { kind, build: Build::Current }, self.figure), 0.5)?;
            Some((size as f64, median.max(0.0)))
        };
        let points: Vec<_> = sizes.into_iter().filter_map(point).collect();
        (!points.is_empty()).then_some((kind, points))
    }
}

fn end(line: &Line) -> f64 {
    line.1.last().map_or(0.0, |point| point.1)
}

fn draw(svg: &mut String, (kind, points): &Line, label: f64) -> Outcome<()> {
    let steps: Vec<_> = points.iter().map(|(x, y)| format!("{x:.1} {y:.1}")).collect();
    writeln!(svg, "<g class=\"{kind}\"><path d=\"M{}\"/>", steps.join("L"))?;
    for (x, y) in points {
        writeln!(svg, "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3.5\"/>")?;
    }
    let (x, y) = (WIDTH + 9.0, label + 4.0);
    writeln!(svg, "<text class=\"name\" x=\"{x}\" y=\"{y:.1}\">{kind}</text></g>")?;
    Ok(())
}

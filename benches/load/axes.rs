//! The axes of a panel of a plot, in an SVG.

use super::Outcome;
use std::fmt::Write;

/// A panel's inside, in pixels, and how much of what it shows from its lower left corner to its upper right one.
pub(crate) struct Axes {
    pub(crate) width: f64,
    pub(crate) height: f64,
    right: f64,
    top: f64,
}

impl Axes {
    /// Axes of which all points are inside.
    pub(crate) fn around(width: f64, height: f64, points: impl Iterator<Item = (f64, f64)> + Clone) -> Self {
        let right = points.clone().map(|point| point.0).fold(1.0, f64::max);
        let top = ceiling(points.map(|point| point.1).fold(0.1, f64::max));
        Self { width, height, right, top }
    }

    /// Where a point is, in pixels.
    pub(crate) fn place(&self, (x, y): (f64, f64)) -> (f64, f64) {
        (x / self.right * self.width, self.height * (1.0 - y / self.top))
    }

    /// Lines and numbers, and what grows to the right.
    pub(crate) fn draw(&self, svg: &mut String, what: &str) -> Outcome<()> {
        let Self { width, height, right, top } = self;
        for quarter in 0..=4 {
            let share = f64::from(quarter) / 4.0;
            let (y, value) = (height * (1.0 - share), top * share);
            writeln!(svg, "<line class=\"grid\" x2=\"{width}\" y1=\"{y}\" y2=\"{y}\"/>")?;
            writeln!(
                svg,
                "<text class=\"tick\" x=\"-8\" y=\"{}\" text-anchor=\"end\">{value}</text>",
                y + 4.0
            )?;
        }
        for (x, value) in [(0.0, 0.0), (width / 2.0, right / 2.0), (*width, *right)] {
            let y = height + 18.0;
            writeln!(svg, "<text class=\"tick\" x=\"{x}\" y=\"{y}\" text-anchor=\"middle\">{value}</text>")?;
        }
        let (x, y) = (width / 2.0, height + 34.0);
        writeln!(svg, "<text class=\"tick\" x=\"{x}\" y=\"{y}\" text-anchor=\"middle\">{what}</text>")?;
        Ok(())
    }
}

/// The next of 1, 2, 4, 10, 20, … so that the grid lines, a quarter apart, fall on short numbers.
fn ceiling(most: f64) -> f64 {
    let decade = 10f64.powf(most.log10().floor());
    [1.0, 2.0, 4.0, 10.0].map(|step| step * decade).into_iter().find(|&top| top >= most).unwrap_or(most)
}

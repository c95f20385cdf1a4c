//! A drawing to SVG.

use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use skrifa::instance::{LocationRef, Size};
use skrifa::outline::{DrawSettings, OutlinePen};
use skrifa::{GlyphId, MetadataProvider};
use tiny_skia::{Path, PathSegment};

use crate::drawing::{Drawing, Fill, Image, Ink, Part, Text};
use crate::paint::{BLUR, BLURRED, SHADOW};
use crate::text::Line;
use crate::{Style, Value};

/// An SVG file that looks like the PNG file and has its size on the page. Letters are outlines, so that it looks the
/// same where the fonts are missing. Its title is for screen readers.
pub fn svg(style: &Style, value: Value) -> String {
    let drawing = style.draw(value);
    let (width, height) = (drawing.width, drawing.height);
    let title = escaped(&title(style, value));
    let mut svg = format!(
        r#"<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" role="img" aria-label="{title}"><title>{title}</title>"#
    );
    Writer { drawing: &drawing, to: &mut svg, ids: 0 }.all();
    svg.push_str("</svg>\n");
    svg
}

/// The text for screen readers.
fn title(style: &Style, value: Value) -> String {
    let number = match value {
        Value::Ended => "no number".to_owned(),
        _ => style.message(value),
    };
    match style.label().as_str() {
        "" => number,
        label => format!("{label}: {number}"),
    }
}

/// Escapes a text for XML content and attributes. Two characters that XML can't contain are replaced.
fn escaped(text: &str) -> String {
    let mut xml = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => xml.push_str("&amp;"),
            '<' => xml.push_str("&lt;"),
            '>' => xml.push_str("&gt;"),
            '"' => xml.push_str("&quot;"),
            '\u{fffe}' | '\u{ffff}' => xml.push('\u{fffd}'),
            c => xml.push(c),
        }
    }
    xml
}

struct Writer<'a> {
    drawing: &'a Drawing<'a>,
    to: &'a mut String,
    /// The last id that was given to an element.
    ids: u32,
}

impl Writer<'_> {
    fn all(&mut self) {
        let drawing = self.drawing;
        let pale = drawing.alpha < 255;
        if pale {
            self.put(format_args!(r#"<g opacity="{}">"#, short(f32::from(drawing.alpha) / 255.0)));
        }
        self.parts(&drawing.parts);
        if pale {
            self.to.push_str("</g>");
        }
    }

    fn parts(&mut self, parts: &[Part]) {
        for part in parts {
            match part {
                Part::Shape(path, fill) => self.shape(path, fill),
                Part::Text(text) => self.text(text),
                Part::Image(image) => self.image(image),
                Part::Cell(cell) => self.parts(&cell.parts),
            }
        }
    }

    fn put(&mut self, text: std::fmt::Arguments) {
        self.to.write_fmt(text).expect("writing to a String cannot fail");
    }

    fn id(&mut self) -> u32 {
        self.ids += 1;
        self.ids
    }

    fn shape(&mut self, path: &Path, fill: &Fill) {
        let outline = outline(path);
        match fill {
            Fill::Solid(ink) => {
                self.put(format_args!(r#"<path d="{outline}"{}/>"#, attributes("fill", *ink)))
            }
            Fill::Down(stops) => {
                let id = self.id();
                let height = self.drawing.height;
                self.put(format_args!(
                    r#"<linearGradient id="g{id}" gradientUnits="userSpaceOnUse" x2="0" y2="{height}">"#
                ));
                for (at, ink) in stops {
                    let ink = attributes("stop", *ink);
                    self.put(format_args!(r#"<stop offset="{}"{ink}/>"#, short(*at)));
                }
                self.put(format_args!(r#"</linearGradient><path d="{outline}" fill="url(#g{id})"/>"#));
            }
        }
    }

    fn text(&mut self, text: &Text) {
        let outline = letters(&text.line, text.baseline as f32);
        let ink = attributes("fill", text.ink.into());
        let Some(shadow) = text.shadow else {
            return self.put(format_args!(r#"<path{ink} d="{outline}"/>"#));
        };
        let id = self.id();
        self.put(format_args!(r##"<filter id="b{id}"><feGaussianBlur stdDeviation="{BLUR}"/></filter>"##));
        self.put(format_args!(r##"<defs><path id="t{id}" d="{outline}"/></defs><g fill="#{shadow}">"##));
        self.put(format_args!(r##"<use href="#t{id}" y="1" fill-opacity="{SHADOW}"/>"##));
        self.put(format_args!(
            r##"<use href="#t{id}" y="1" fill-opacity="{BLURRED}" filter="url(#b{id})"/></g>"##
        ));
        self.put(format_args!(r##"<use href="#t{id}"{ink}/>"##));
    }

    fn image(&mut self, image: &Image) {
        let (x, y, width) = (image.x, image.y, image.width);
        let height = image.pixels.len() as u32 / width.max(1);
        let file = STANDARD.encode(image.file);
        self.put(format_args!(
            r#"<image x="{x}" y="{y}" width="{width}" height="{height}" style="image-rendering:pixelated" href="data:image/png;base64,{file}"/>"#
        ));
    }
}

/// The attributes for the colour of a `fill` or a `stop`.
fn attributes(name: &str, Ink { rgb, alpha }: Ink) -> String {
    let color = if name == "stop" { "stop-color" } else { name };
    let opacity = if alpha < 1.0 { format!(r#" {name}-opacity="{}""#, short(alpha)) } else { String::new() };
    format!(r##" {color}="#{rgb}"{opacity}"##)
}

/// Rounds to hundredths, which are finer than any screen.
fn short(number: f32) -> f32 {
    (number * 100.0).round() / 100.0
}

fn outline(path: &Path) -> String {
    let mut pen = Pen { to: String::new(), x: 0.0, y: 0.0, scale: 1.0, up: 1.0 };
    for segment in path.segments() {
        match segment {
            PathSegment::MoveTo(p) => pen.move_to(p.x, p.y),
            PathSegment::LineTo(p) => pen.line_to(p.x, p.y),
            PathSegment::QuadTo(a, p) => pen.quad_to(a.x, a.y, p.x, p.y),
            PathSegment::CubicTo(a, b, p) => pen.curve_to(a.x, a.y, b.x, b.y, p.x, p.y),
            PathSegment::Close => pen.close(),
        }
    }
    pen.to
}

/// The outlines of all letters of a line that stands on `baseline`.
fn letters(line: &Line, baseline: f32) -> String {
    let (face, glyphs) = line.glyphs();
    let Ok(font) = face.typeface.outlines() else {
        return String::new();
    };
    // In the font's own units, which the pen scales.
    let (size, location) = (Size::unscaled(), LocationRef::default());
    let scale = face.px / f32::from(font.metrics(size, location).units_per_em);
    let (characters, outlines) = (font.charmap(), font.outline_glyphs());
    let mut pen = Pen { to: String::new(), x: 0.0, y: baseline, scale, up: -1.0 };
    for &(c, x) in glyphs {
        pen.x = x;
        if let Some(outline) = outlines.get(characters.map(c).unwrap_or(GlyphId::NOTDEF)) {
            // A glyph that is broken in the font's file stays as it is up to there.
            let _ = outline.draw(DrawSettings::unhinted(size, location), &mut pen);
        }
    }
    pen.to
}

/// Writes outlines as the path data of SVG, moved and scaled.
struct Pen {
    to: String,
    x: f32,
    y: f32,
    scale: f32,
    /// 1, or -1 for fonts, in which y grows upwards.
    up: f32,
}

impl Pen {
    fn put(&mut self, command: char, points: &[(f32, f32)]) {
        self.to.push(command);
        for (i, (x, y)) in points.iter().enumerate() {
            let space = if i == 0 { "" } else { " " };
            let (x, y) = (short(self.x + x * self.scale), short(self.y + y * self.scale * self.up));
            write!(self.to, "{space}{x} {y}").expect("writing to a String cannot fail");
        }
    }
}

impl OutlinePen for Pen {
    fn move_to(&mut self, x: f32, y: f32) {
        self.put('M', &[(x, y)]);
    }

    fn line_to(&mut self, x: f32, y: f32) {
        self.put('L', &[(x, y)]);
    }

    fn quad_to(&mut self, x1: f32, y1: f32, x: f32, y: f32) {
        self.put('Q', &[(x1, y1), (x, y)]);
    }

    fn curve_to(&mut self, x1: f32, y1: f32, x2: f32, y2: f32, x: f32, y: f32) {
        self.put('C', &[(x1, y1), (x2, y2), (x, y)]);
    }

    fn close(&mut self) {
        self.to.push('Z');
    }
}

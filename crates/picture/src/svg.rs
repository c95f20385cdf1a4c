//! A drawing to SVG.

use std::collections::BTreeMap;
use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use skrifa::outline::OutlinePen;
use tiny_skia::{Path, PathSegment};

use crate::drawing::{Drawing, Fill, Image, Ink, Part, Text};
use crate::paint::{BLUR, BLURRED, SHADOW};
use crate::text::{Line, Mark, Missing, Placed};
use crate::{Style, Value};

/// An SVG file that looks like the PNG file and has its size on the page. Letters are outlines, so that it looks the
/// same where the fonts are missing; only those that no font here has are text. Its title is for screen readers.
pub fn svg(style: &Style, value: Value) -> String {
    let drawing = style.draw(value);
    let (width, height) = (drawing.width, drawing.height);
    let title = escaped(&title(style, value));
    let mut svg = format!(
        r#"<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" role="img" aria-label="{title}"><title>{title}</title>"#
    );
    Writer { drawing: &drawing, to: &mut svg, ids: 0, images: BTreeMap::new() }.all();
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
    /// The id of each image, and how far from the left it is, by the address of its file: a digit may be there several times.
    images: BTreeMap<usize, (u32, u32)>,
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
        self.missing(text, &ink);
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

    /// The letters that no font here has: the browser may have one.
    fn missing(&mut self, text: &Text, ink: &str) {
        let (y, size) = (text.baseline, short(text.line.glyphs().0.px));
        for Missing { text, x, width } in text.line.missing() {
            let (x, width, text) = (short(*x), short(*width), escaped(text));
            self.put(format_args!(
                r#"<text{ink} x="{x}" y="{y}" font-family="sans-serif" font-size="{size}" textLength="{width}" lengthAdjust="spacingAndGlyphs">{text}</text>"#
            ));
        }
    }

    fn image(&mut self, image: &Image) {
        let Image { x, y, width, height, .. } = *image;
        let address = image.file.as_ptr().addr();
        if let Some((id, at)) = self.images.get(&address) {
            let (id, x) = (*id, i64::from(x) - i64::from(*at));
            return self.put(format_args!(r##"<use href="#i{id}" x="{x}"/>"##));
        }
        let id = self.id();
        self.images.insert(address, (id, x));
        let file = STANDARD.encode(image.file);
        self.put(format_args!(
            r#"<image id="i{id}" x="{x}" y="{y}" width="{width}" height="{height}" style="image-rendering:pixelated" href="data:image/png;base64,{file}"/>"#
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

/// The outlines of all letters of a line that stands on `baseline`. Those that no font has are left out.
fn letters(line: &Line, baseline: f32) -> String {
    let (face, glyphs) = line.glyphs();
    let mut pen = Pen { to: String::new(), x: 0.0, y: 0.0, scale: 1.0, up: -1.0 };
    for &Placed { mark, x } in glyphs {
        let (typeface, id, rise) = match mark {
            Mark::Char(c) => (face.typeface, face.glyph(c), 0.0),
            Mark::Glyph(typeface, id, rise) => (typeface, id, rise),
            Mark::Box => continue,
        };
        (pen.x, pen.y) = (x, baseline - rise);
        typeface.outline(id, face.px, &mut pen);
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
            if i > 0 {
                self.to.push(' ');
            }
            push_short(&mut self.to, self.x + x * self.scale);
            self.to.push(' ');
            push_short(&mut self.to, self.y + y * self.scale * self.up);
        }
    }
}

/// Writes what [`short`] gives, in a fifth of the time: a label in Chinese has thousands of numbers.
fn push_short(to: &mut String, number: f32) {
    let hundredths = (number * 100.0).round() as i32;
    if hundredths < 0 {
        to.push('-');
    }
    let (whole, rest) = (hundredths.unsigned_abs() / 100, hundredths.unsigned_abs() % 100);
    let written = match (rest / 10, rest % 10) {
        (0, 0) => write!(to, "{whole}"),
        (tenths, 0) => write!(to, "{whole}.{tenths}"),
        (tenths, hundredths) => write!(to, "{whole}.{tenths}{hundredths}"),
    };
    written.expect("writing to a String cannot fail");
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

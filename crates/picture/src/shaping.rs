//! Texts of any script: split by direction, font and script, in the order in which they are seen, and shaped.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex, PoisonError};

use harfrust::Direction;
use unicode_bidi::{BidiInfo, Level, ParagraphInfo};
use unicode_normalization::UnicodeNormalization;
use unicode_script::{Script, UnicodeScript};

use crate::font::{Face, Source};
use crate::typeface::{Shaped, Typeface};

/// A part of a text, of one font.
pub(crate) enum Piece {
    /// Characters that the face's own glyphs stand for, one beside the other.
    Simple(String),
    /// Glyphs from left to right.
    Shaped(Source, Vec<Shaped>),
    /// Characters that no font has.
    Missing(String),
}

/// The pieces of `text` from left to right. Numbers stand right of their label in every picture, so a line runs from left
/// to right, whatever its first letter is.
pub(crate) fn pieces(text: &str, face: Face) -> Arc<Vec<Piece>> {
    match face.fallback {
        Some(added) => added.shaped.find_or_make(text, face),
        None => Arc::new(split(text, face)),
    }
}

/// The pieces of the latest texts. Each picture of a style measures and draws its label several times, and a label of 64
/// characters in as many scripts takes up to a millisecond to shape.
#[derive(Default)]
pub(crate) struct Pieces([Mutex<Option<Entry>>; 32]);

struct Entry {
    text: String,
    /// The address of the face's own font, which is kept as long as the others.
    font: usize,
    pieces: Arc<Vec<Piece>>,
}

impl Pieces {
    fn find_or_make(&self, text: &str, face: Face) -> Arc<Vec<Piece>> {
        let font = std::ptr::from_ref(face.typeface).addr();
        let mut hasher = DefaultHasher::new();
        (text, font).hash(&mut hasher);
        let slot = &self.0[hasher.finish() as usize % self.0.len()];
        let locked = || slot.lock().unwrap_or_else(PoisonError::into_inner);
        let is_it = |entry: &&Entry| entry.text == text && entry.font == font;
        if let Some(entry) = locked().as_ref().filter(is_it) {
            return entry.pieces.clone();
        }
        let pieces = Arc::new(split(text, face));
        *locked() = Some(Entry { text: text.to_owned(), font, pieces: pieces.clone() });
        pieces
    }
}

fn split(text: &str, face: Face) -> Vec<Piece> {
    let bidi = BidiInfo::new(text, Some(Level::ltr()));
    bidi.paragraphs.iter().flat_map(|paragraph| visual_pieces(&bidi, paragraph, face)).collect()
}

fn visual_pieces(bidi: &BidiInfo, paragraph: &ParagraphInfo, face: Face) -> Vec<Piece> {
    let (levels, runs) = bidi.visual_runs(paragraph, paragraph.range.clone());
    let mut pieces = Vec::new();
    for run in runs {
        let is_rtl = levels.get(run.start).is_some_and(Level::is_rtl);
        let direction = if is_rtl { Direction::RightToLeft } else { Direction::LeftToRight };
        let mut parts = parts(&bidi.text[run], face);
        if is_rtl {
            parts.reverse();
        }
        pieces.extend(parts.into_iter().map(|part| part.shape(face, direction)));
    }
    pieces
}

/// Characters of one script and one font, in the order in which they are read.
struct Part {
    text: String,
    script: Script,
    font: Option<Source>,
}

fn parts(text: &str, face: Face) -> Vec<Part> {
    let mut parts: Vec<Part> = Vec::new();
    for cluster in clusters(text) {
        let script = cluster.chars().next().map_or(Script::Common, |c| c.script());
        let has = |font: &Typeface, c| is_invisible(c) || font.glyph(c).is_some();
        let has_all = |font: &Typeface| cluster.chars().all(|c| has(font, c));
        // A letter and its marks, where a font has no glyph for both together.
        let has_parts = |font: &Typeface| cluster.nfd().all(|c| has(font, c));
        let has_first = |font: &Typeface| cluster.chars().next().is_some_and(|c| has(font, c));
        let is_of = |&source: &Source| cluster == " " && has_all(face.typeface_of(source));
        let space_of = parts.last().and_then(|last| last.font).filter(is_of);
        let font = space_of.or_else(|| face.find(has_all)).or_else(|| face.find(has_parts));
        let font = font.or_else(|| face.find(has_first));
        match parts.last_mut() {
            Some(last) if last.takes(script, font) => last.add(cluster, script),
            _ => parts.push(Part { text: cluster.to_owned(), script, font }),
        }
    }
    parts
}

/// Each character with the marks that follow it.
pub(crate) fn clusters(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let extends = |&(_, c): &(usize, char)| c.script() != Script::Inherited && !is_invisible(c);
        let end = rest.char_indices().skip(1).find(extends).map_or(rest.len(), |(at, _)| at);
        let (cluster, after) = rest.split_at(end);
        rest = after;
        (!cluster.is_empty()).then_some(cluster)
    })
}

impl Part {
    fn takes(&self, script: Script, font: Option<Source>) -> bool {
        self.font == font && (self.script == script || is_any(self.script) || is_any(script))
    }

    fn add(&mut self, cluster: &str, script: Script) {
        self.text.push_str(cluster);
        if is_any(self.script) {
            self.script = script;
        }
    }

    fn shape(self, face: Face, direction: Direction) -> Piece {
        let Some(font) = self.font else {
            return Piece::Missing(self.text);
        };
        // Brackets are mirrored where the text runs from right to left.
        let is_plain = direction == Direction::LeftToRight && face.is_simple(&self.text);
        if is_plain && font == Source::Own {
            return Piece::Simple(self.text);
        }
        Piece::Shaped(font, face.typeface_of(font).shape(&self.text, direction))
    }
}

/// Whether characters of all scripts may stand beside those of this one: spaces, digits, marks.
fn is_any(script: Script) -> bool {
    matches!(script, Script::Common | Script::Inherited)
}

/// Whether a character is not seen itself: it joins others, selects a variant, or sets the direction.
pub(crate) fn is_invisible(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{e0000}'..='\u{e0fff}')
}

/// Whether a character is as wide as high in fonts that have it: those of East Asia, and emoji.
pub(crate) fn is_wide(c: char) -> bool {
    matches!(c, '\u{1100}'..='\u{115f}' | '\u{2e80}'..='\u{a4cf}' | '\u{ac00}'..='\u{d7a3}' | '\u{f900}'..='\u{faff}'
        | '\u{fe30}'..='\u{fe6f}' | '\u{ff00}'..='\u{ff60}' | '\u{1f300}'..='\u{1faff}' | '\u{20000}'..='\u{3fffd}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shared::Shared;
    use crate::themes::AddedFonts;
    use crate::typeface::Typeface;

    #[test]
    fn a_text_is_shaped_once_and_few_are_kept() {
        let font = include_bytes!("../tests/pictures/fonts/hebrew.ttf");
        let font = Shared::new(Typeface::added(font.to_vec()).unwrap());
        let added = AddedFonts { fonts: vec![font], shaped: Pieces::default() };
        let face = |px| Face::anton(px).or(Some(&added));
        let shaped = pieces("מחוברים", face(16.0));
        assert!(Arc::ptr_eq(&shaped, &pieces("מחוברים", face(32.0))), "at any size");
        assert!(
            !Arc::ptr_eq(&shaped, &pieces("מחוברים", Face::bold(16.0).or(Some(&added)))),
            "in another font"
        );
        for n in 0..1000 {
            let _ = pieces(&format!("מ{n}"), face(16.0));
        }
        let kept = |slot: &&Mutex<Option<Entry>>| slot.lock().unwrap().is_some();
        assert_eq!(added.shaped.0.iter().filter(kept).count(), added.shaped.0.len());
        assert_eq!(Arc::strong_count(&shaped), 1, "others took its place");
    }
}

//! The cache of encoded pictures.

use std::collections::BTreeSet;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use onlookers_picture::{Layers, RankingStyle, Raster, Row, Style, Value, load_fonts, render, svg};
use onlookers_rooms::sync::Mutex;

use super::generations::Generations;
use crate::metrics::Counter;
use crate::wire::multipart;

/// PNG files by style and value, each followed by what comes after it in a stream. A picture is encoded when it is first
/// requested, once for all viewers, and kept while there is room. So are the layers that the pictures of a style have in
/// common, of which the next number is composed.
pub struct Pictures {
    files: Mutex<Generations<(Style, Value), Slot>>,
    layers: Mutex<Generations<Size, Arc<Layers>>>,
    /// Characters that the log has named because a font has no glyph for them.
    missing: Mutex<BTreeSet<char>>,
    /// How often a picture was there already, and how often it had to be made.
    pub(crate) hits: Counter,
    pub(crate) misses: Counter,
}

/// The first caller fills it; the others wait for the slot, not for the lock.
type Slot = Arc<OnceLock<Bytes>>;

/// A style, and the width of the picture: the number may make it wider.
type Size = (Style, u32);

/// The layers' share of the limit: they save a fifth of a picture's time at best.
const SHARE_OF_LAYERS: usize = 4;

/// About what an entry takes beyond the file and the label: its key twice (a table is up to half empty), its slot, and
/// what the allocator adds to each of the three pieces of memory.
const ENTRY_BYTES: usize = 2 * size_of::<((Style, Value), Slot)>() + 128;

/// Labels in all the world's scripts fill no more lines of the log than this.
const MAX_MISSING_LOGGED: usize = 100;

impl Pictures {
    /// Keeps pictures up to `limit` bytes in all. Loads the fonts, so that no viewer waits for them.
    pub fn new(limit: usize) -> Self {
        load_fonts();
        let of_layers = limit / SHARE_OF_LAYERS;
        Self {
            files: Mutex::new(Generations::new(limit - of_layers, cost)),
            layers: Mutex::new(Generations::new(of_layers, cost_of_layers)),
            missing: Mutex::default(),
            hits: Counter::default(),
            misses: Counter::default(),
        }
    }

    /// The PNG file that shows `value` in `style`: rendered and encoded the first time, a pointer to the same bytes
    /// afterwards.
    pub fn png(&self, style: &Style, value: Value) -> Bytes {
        png_of(&self.frame(style, value))
    }

    /// The file, if it was made before.
    pub(crate) fn find_png(&self, style: &Style, value: Value) -> Option<Bytes> {
        self.find_frame(style, value).map(|frame| png_of(&frame))
    }

    /// The frame, if it was made before.
    pub(crate) fn find_frame(&self, style: &Style, value: Value) -> Option<Bytes> {
        let key = (style.clone(), value);
        let mut files = self.files.lock();
        let frame = files.peek(&key)?.get()?.clone();
        files.get_or_make(&key, Slot::default);
        self.hits.count();
        Some(frame)
    }

    /// The same file as a frame of a stream: all rooms that show this picture have these bytes in common.
    pub(crate) fn frame(&self, style: &Style, value: Value) -> Bytes {
        let key = (style.clone(), value);
        let slot = self.files.lock().get_or_make(&key, Slot::default);
        let mut made = false;
        let frame = slot.get_or_init(|| {
            made = true;
            self.warn_of_missing_glyphs(style.missing_glyphs(value));
            multipart::frame(&self.render(style, value).encode())
        });
        if made {
            self.misses.count()
        } else {
            self.hits.count()
        }
        if made {
            self.files.lock().count(&key, cost(&key, &slot));
        }
        frame.clone()
    }

    /// Composes the picture of layers, and keeps those that it had to paint.
    fn render(&self, style: &Style, value: Value) -> Raster {
        if value == Value::Ended {
            return render(style, value);
        }
        let key = (style.clone(), style.size(value).0);
        let layers = self.layers.lock().get_or_make(&key, || Arc::new(Layers::new(style, value)));
        let before = layers.bytes();
        let raster = layers.render(value);
        self.layers.lock().count(&key, layers.bytes() - before);
        raster
    }

    /// The SVG file that shows `value` in `style`; made each time.
    pub fn svg(&self, style: &Style, value: Value) -> Bytes {
        self.warn_of_missing_glyphs(style.missing_glyphs(value));
        svg(style, value).into()
    }

    /// The PNG file that lists `rows` in `style`; made each time.
    pub(crate) fn ranking(&self, style: &RankingStyle, rows: &[Row<'_>]) -> Bytes {
        self.warn_of_missing_glyphs(style.missing_glyphs(rows));
        style.paint(rows)
    }

    /// Logs each character for which no font has a glyph, once.
    fn warn_of_missing_glyphs(&self, missing: BTreeSet<char>) {
        for c in missing {
            let mut logged = self.missing.lock();
            if logged.len() < MAX_MISSING_LOGGED && logged.insert(c) {
                tracing::warn!(
                    "no font has a glyph for U+{:04X}, so it is painted as a box: add a font that has it with --font FILE",
                    u32::from(c)
                );
            }
        }
    }
}

fn png_of(frame: &Bytes) -> Bytes {
    frame.slice(..frame.len() - multipart::TAIL)
}

/// Nothing for a slot that is not filled yet.
fn cost((style, _): &(Style, Value), slot: &Slot) -> usize {
    slot.get().map_or(0, |file| file.len() + style.label().as_str().len() + ENTRY_BYTES)
}

fn cost_of_layers(_: &Size, layers: &Arc<Layers>) -> usize {
    layers.bytes() + ENTRY_BYTES
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;
    use onlookers_picture::{Label, StyleBuilder, Themes};

    #[test]
    fn all_who_ask_at_once_get_the_same_bytes() {
        let pictures = Pictures::new(1 << 20);
        let ask = || pictures.png(&Style::default(), Value::Count(7)).as_ptr().addr();
        let places: Vec<usize> = thread::scope(|s| {
            let askers: Vec<_> = (0..8).map(|_| s.spawn(ask)).collect();
            askers.into_iter().map(|asker| asker.join().unwrap()).collect()
        });
        assert!(places.iter().all(|&place| place == ask()), "made more than once");
    }

    #[test]
    fn memory_is_bounded() {
        let limit = 20_000;
        let pictures = Pictures::new(limit);
        for n in 0..100 {
            let _ = pictures.png(&Style::default(), Value::Count(n));
            assert!(kept_bytes(&pictures) <= limit);
        }
        assert!(kept_bytes(&pictures) > limit / 4, "keeps something");
    }

    #[test]
    fn a_picture_in_use_stays() {
        let pictures = Pictures::new(20_000);
        let ask = |value| pictures.png(&Style::default(), value).as_ptr();
        let first = ask(Value::Ended);
        for n in 0..100 {
            let _ = ask(Value::Count(n));
            assert_eq!(ask(Value::Ended), first);
        }
    }

    #[test]
    fn a_limit_too_small_for_any_picture_still_serves_them() {
        let pictures = Pictures::new(0);
        for _ in 0..2 {
            let file = pictures.png(&Style::default(), Value::Count(7));
            assert_eq!(file, render(&Style::default(), Value::Count(7)).encode());
        }
        assert!(kept_bytes(&pictures) < 2000);
    }

    #[test]
    fn labels_in_all_scripts_do_not_fill_the_log() {
        let pictures = Pictures::new(0);
        let ask = |label: &str| pictures.png(&Style::plain(Label::new(label).unwrap()), Value::Count(7));
        let scripts: Vec<char> = ('一'..).take(3 * Label::MAX_CHARS).collect();
        for label in scripts.chunks(Label::MAX_CHARS) {
            let _ = ask(&label.iter().collect::<String>());
        }
        let logged = pictures.missing.lock();
        assert!(logged.contains(&'一') && logged.len() == MAX_MISSING_LOGGED);
    }

    #[test]
    fn layers_are_kept_and_bounded() {
        let limit = 800_000;
        let (pictures, mut most) = (Pictures::new(limit), 0);
        for n in 0..40 {
            let mut parameters = StyleBuilder::default();
            let color = format!("{n:06x}");
            for (name, value) in [("style", "flat"), ("scale", "2"), ("color", color.as_str())] {
                assert_eq!(parameters.take(name, value), Ok(true));
            }
            let style = parameters.build(&Themes::default()).unwrap();
            for value in [Value::Count(7), Value::Count(1_234), Value::Ended] {
                assert_eq!(pictures.png(&style, value), render(&style, value).encode());
                let bytes = pictures.layers.lock().bytes();
                assert!(bytes <= limit / SHARE_OF_LAYERS, "{bytes}");
                most = most.max(bytes);
            }
        }
        assert!(most > limit / SHARE_OF_LAYERS / 4, "keeps something");
    }

    fn kept_bytes(pictures: &Pictures) -> usize {
        let files = pictures.files.lock().bytes();
        files + pictures.layers.lock().bytes()
    }
}

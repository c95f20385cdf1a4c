//! The cache of encoded pictures.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use onlookers_picture::{Style, Value, load_fonts, render, svg};
use onlookers_rooms::sync::Mutex;

use crate::wire::multipart;

/// PNG files by style and value, each followed by what comes after it in a stream. A picture is encoded when it is first
/// requested, once for all viewers, and kept while there is room.
///
/// Two generations bound it without a list of uses: when the young entries fill half of the limit, they become the old
/// ones and the old ones are dropped. An old entry that is requested becomes young again.
pub struct Pictures {
    kept: Mutex<Kept>,
    /// Characters that the log has named because a font has no glyph for them.
    missing: Mutex<BTreeSet<char>>,
}

#[derive(Default)]
struct Kept {
    /// Bytes that one generation may take.
    limit: usize,
    young: Generation,
    old: Generation,
    /// Bytes that the young ones take, or slightly more.
    taken: usize,
}

type Generation = HashMap<(Style, Value), Slot>;
/// The first caller fills it; the others wait for the slot, not for the lock.
type Slot = Arc<OnceLock<Bytes>>;

/// About what an entry takes beyond the file and the label: its key twice (a table is up to half empty), its slot, and
/// what the allocator adds to each of the three pieces of memory.
const ENTRY_BYTES: usize = 2 * size_of::<((Style, Value), Slot)>() + 128;

/// Labels in all the world's scripts fill no more lines of the log than this.
const MAX_MISSING_LOGGED: usize = 100;

impl Pictures {
    /// Keeps pictures up to `limit` bytes in all. Loads the fonts, so that no viewer waits for them.
    pub fn new(limit: usize) -> Self {
        load_fonts();
        let kept = Kept { limit: limit / 2, ..Kept::default() };
        Self { kept: Mutex::new(kept), missing: Mutex::default() }
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
        self.with(|kept| kept.find(&key))
    }

    /// The same file as a frame of a stream: all rooms that show this picture have these bytes in common.
    pub(crate) fn frame(&self, style: &Style, value: Value) -> Bytes {
        let key = (style.clone(), value);
        let slot = self.with(|kept| kept.slot(&key));
        if let Some(file) = slot.get() {
            return file.clone();
        }
        let mut made = false;
        let file = slot.get_or_init(|| {
            made = true;
            self.warn_of_missing_glyphs(style, value);
            multipart::frame(&render(style, value).encode())
        });
        if made {
            self.with(|kept| kept.count(&key, cost(&key, file)));
        }
        file.clone()
    }

    /// The SVG file that shows `value` in `style`; made each time.
    pub fn svg(&self, style: &Style, value: Value) -> Bytes {
        self.warn_of_missing_glyphs(style, value);
        svg(style, value).into()
    }

    /// Logs each character for which the style's font has no glyph, once.
    fn warn_of_missing_glyphs(&self, style: &Style, value: Value) {
        for c in style.missing_glyphs(value) {
            let mut logged = self.missing.lock();
            if logged.len() < MAX_MISSING_LOGGED && logged.insert(c) {
                tracing::warn!("no font has a glyph for U+{:04X}: it is painted as a box", u32::from(c));
            }
        }
    }

    fn with<T>(&self, act: impl FnOnce(&mut Kept) -> T) -> T {
        act(&mut self.kept.lock())
    }
}

impl Kept {
    /// The file in a slot that is filled.
    fn find(&mut self, key: &(Style, Value)) -> Option<Bytes> {
        let slot = self.young.get(key).or_else(|| self.old.get(key))?;
        slot.get()?;
        self.slot(key).get().cloned()
    }

    fn slot(&mut self, key: &(Style, Value)) -> Slot {
        if let Some(slot) = self.young.get(key) {
            return slot.clone();
        }
        let slot = self.old.remove(key).unwrap_or_default();
        self.young.insert(key.clone(), slot.clone());
        if let Some(file) = slot.get() {
            self.count(key, cost(key, file));
        }
        slot
    }

    /// Counts a young picture that takes `bytes`. If that is too much, all others grow old.
    fn count(&mut self, key: &(Style, Value), bytes: usize) {
        if self.taken + bytes > self.limit {
            self.old = std::mem::take(&mut self.young);
            self.taken = 0;
            let own = self.old.remove(key).filter(|_| bytes <= self.limit);
            self.young.extend(own.map(|slot| (key.clone(), slot)));
        }
        self.taken += bytes;
    }
}

fn png_of(frame: &Bytes) -> Bytes {
    frame.slice(..frame.len() - multipart::TAIL)
}

fn cost((style, _): &(Style, Value), file: &Bytes) -> usize {
    file.len() + style.label().as_str().len() + ENTRY_BYTES
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;
    use onlookers_picture::Label;

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

    fn kept_bytes(pictures: &Pictures) -> usize {
        let kept = pictures.kept.lock();
        let made = |(key, slot): (&_, &Slot)| slot.get().map(|file| cost(key, file));
        kept.young.iter().chain(&kept.old).filter_map(made).sum()
    }
}

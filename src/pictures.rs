//! The cache of encoded pictures.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use bytes::Bytes;

use crate::delivery::multipart;
use crate::picture::{Style, Value, load_fonts, render};

/// PNG files by style and value, each followed by what comes after it in a stream. A picture is encoded when it is first
/// requested, once for all viewers, and kept while there is room.
///
/// Two generations bound it without a list of uses: when the young entries fill half of the limit, they become the old
/// ones and the old ones are dropped. An old entry that is requested becomes young again.
pub struct Pictures {
    kept: Mutex<Kept>,
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
const ENTRY: usize = 2 * size_of::<((Style, Value), Slot)>() + 128;

impl Pictures {
    /// Keeps pictures up to `limit` bytes in all. Loads the fonts, so that no viewer waits for them.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        load_fonts();
        Self { kept: Mutex::new(Kept { limit: limit / 2, ..Kept::default() }) }
    }

    /// The PNG file that shows `value` in `style`: rendered and encoded the first time, a pointer to the same bytes
    /// afterwards.
    #[must_use]
    pub fn png(&self, style: &Style, value: Value) -> Bytes {
        let frame = self.frame(style, value);
        frame.slice(..frame.len() - multipart::BETWEEN)
    }

    /// The same file as a frame of a stream: all rooms that show this picture have these bytes in common.
    #[must_use]
    pub(crate) fn frame(&self, style: &Style, value: Value) -> Bytes {
        let key = (style.clone(), value);
        let slot = self.with(|kept| kept.slot(&key));
        if let Some(file) = slot.get() {
            return file.clone();
        }
        let mut made = false;
        let file = slot.get_or_init(|| {
            made = true;
            multipart::frame(&render(style, value).encode())
        });
        if made {
            self.with(|kept| kept.count(&key, cost(&key, file)));
        }
        file.clone()
    }

    fn with<T>(&self, act: impl FnOnce(&mut Kept) -> T) -> T {
        act(&mut self.kept.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Kept {
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

fn cost((style, _): &(Style, Value), file: &Bytes) -> usize {
    file.len() + style.label().as_str().len() + ENTRY
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

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
    fn what_is_kept_is_bounded() {
        let limit = 20_000;
        let pictures = Pictures::new(limit);
        for n in 0..100 {
            let _ = pictures.png(&Style::default(), Value::Count(n));
            assert!(kept_bytes(&pictures) <= limit);
        }
        assert!(kept_bytes(&pictures) > limit / 4, "keeps something");
    }

    #[test]
    fn what_is_asked_for_again_and_again_stays() {
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

    fn kept_bytes(pictures: &Pictures) -> usize {
        let kept = pictures.kept.lock().unwrap();
        let made = |(key, slot): (&_, &Slot)| slot.get().map(|file| cost(key, file));
        kept.young.iter().chain(&kept.old).filter_map(made).sum()
    }
}

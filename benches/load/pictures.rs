//! The pictures that the viewers hold: which there are, and how many viewers hold each.

use std::collections::HashMap;

/// What every PNG starts with.
pub(crate) const SIGNATURE: &[u8] = b"\x89PNG\r\n\x1a\n";
/// What every PNG ends with: the name of its last chunk, which is empty, and that chunk's checksum.
pub(crate) const END: &[u8] = b"IEND\xaeB`\x82";

/// What follows each picture: the next part's head goes out with it.
pub(crate) const NEXT_PART: &[u8] = b"\r\n--frame\r\nContent-Type: image/png\r\n\r\n";

/// A stand-in for a picture of `count`: as long as one, and like no other count's.
pub(crate) fn made_up(count: usize, bytes: usize) -> Vec<u8> {
    let mut picture = SIGNATURE.to_vec();
    picture.extend(format!("{count:08}").bytes());
    picture.resize(bytes - END.len(), b'.');
    picture.extend_from_slice(END);
    picture
}

/// A picture, by its number in the order of appearance.
pub(crate) type Id = usize;

/// Every different picture seen. Bounded by the counts that the bench makes.
#[derive(Default)]
pub(crate) struct Pictures {
    ids: HashMap<Vec<u8>, Id>,
    holders: Vec<usize>,
    newest: (Vec<u8>, Id),
}

impl Pictures {
    /// The picture that came last, to whomever.
    pub(crate) fn newest(&self) -> Id {
        self.newest.1
    }

    pub(crate) fn newest_png(&self) -> &[u8] {
        &self.newest.0
    }

    pub(crate) fn holders(&self, id: Id) -> usize {
        self.holders.get(id).copied().unwrap_or(0)
    }

    /// Nearly every frame is the same picture as the frame before it, so that comparison comes first.
    pub(crate) fn recognise(&mut self, png: &[u8]) -> Id {
        if self.newest.0 != png {
            self.newest = (png.to_vec(), self.number(png));
        }
        self.newest.1
    }

    fn number(&mut self, png: &[u8]) -> Id {
        if let Some(&id) = self.ids.get(png) {
            return id;
        }
        self.ids.insert(png.to_vec(), self.holders.len());
        self.holders.push(0);
        self.holders.len() - 1
    }

    pub(crate) fn swap(&mut self, old: Option<Id>, new: Option<Id>) {
        if old != new {
            if let Some(old) = old {
                self.holders[old] -= 1;
            }
            if let Some(new) = new {
                self.holders[new] += 1;
            }
        }
    }
}

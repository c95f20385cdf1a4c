//! A hash table for what is seldom looked at twice: finding an entry among millions costs one look at memory that is not
//! in the processor's cache. The standard library's costs two, for its entries lie apart from what it sorts them by.
//!
//! Entries lie where their hash points, or in the next free place behind (linear probing; Knuth, The Art of Computer
//! Programming, volume 3, section 6.4, algorithms L and R). The hash has to be keyed if strangers choose what is kept.

use std::hint::black_box;

/// What can be kept: it knows its own hash.
pub(crate) trait Hashed {
    /// Always the same.
    fn hash(&self) -> u64;
}

/// A set of entries.
#[derive(Debug)]
pub(crate) struct Table<T> {
    /// None, or a power of two.
    places: Box<[Option<T>]>,
    len: usize,
}

/// The fewest places of a table that isn't empty.
const FEWEST: usize = 8;

impl<T> Default for Table<T> {
    fn default() -> Self {
        Self { places: Box::default(), len: 0 }
    }
}

impl<T: Hashed> Table<T> {
    /// How many entries there are.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// The entry with that hash for which `is` holds.
    pub(crate) fn find(&self, hash: u64, is: impl FnMut(&T) -> bool) -> Option<&T> {
        let place = self.place(hash, is)?;
        self.places[place].as_ref()
    }

    /// An entry with that hash is about to be looked for: the processor is to fetch its place meanwhile. Nothing waits for
    /// what is read here.
    pub(crate) fn expect(&self, hash: u64) {
        black_box(self.places.get(self.home(hash)).is_some_and(Option::is_some));
    }

    /// The same, to be changed; its hash stays.
    pub(crate) fn find_mut(&mut self, hash: u64, is: impl FnMut(&T) -> bool) -> Option<&mut T> {
        let place = self.place(hash, is)?;
        self.places[place].as_mut()
    }

    /// Adds an entry; it is not asked whether there is one like it.
    pub(crate) fn insert(&mut self, entry: T) {
        let place = self.take_place(entry.hash());
        self.places[place] = Some(entry);
    }

    /// The entry with that hash for which `is` holds; if there is none, the one that `make` makes, with that hash.
    pub(crate) fn find_or_insert(
        &mut self,
        hash: u64,
        is: impl FnMut(&T) -> bool,
        make: impl FnOnce() -> T,
    ) -> &mut T {
        let place = self.place(hash, is).unwrap_or_else(|| self.take_place(hash));
        self.places[place].get_or_insert_with(make)
    }

    /// Removes the entry with that hash for which `is` holds, and says whether there was one.
    pub(crate) fn remove(&mut self, hash: u64, is: impl FnMut(&T) -> bool) -> bool {
        let Some(place) = self.place(hash, is) else { return false };
        self.places[place] = None;
        self.len -= 1;
        self.close_gap(place);
        // A table that was once large gives its memory back.
        if self.len < self.places.len() / 8 {
            self.resize(if self.len == 0 { 0 } else { (self.places.len() / 4).max(FEWEST) });
        }
        true
    }

    /// All entries, in no order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.places.iter().flatten()
    }

    fn place(&self, hash: u64, mut is: impl FnMut(&T) -> bool) -> Option<usize> {
        let mut place = self.home(hash);
        while let Some(entry) = self.places.get(place)? {
            if is(entry) {
                return Some(place);
            }
            place = self.next(place);
        }
        None
    }

    /// A free place for an entry that goes there at once.
    fn take_place(&mut self, hash: u64) -> usize {
        // Above five in eight, searches would grow long.
        if self.len >= self.places.len() / 8 * 5 {
            self.resize((self.places.len() * 2).max(FEWEST));
        }
        self.len += 1;
        self.free_place(hash)
    }

    fn free_place(&self, hash: u64) -> usize {
        let mut place = self.home(hash);
        while self.places[place].is_some() {
            place = self.next(place);
        }
        place
    }

    /// No search may end early: those behind a gap whose home is before it move into it, and leave another.
    fn close_gap(&mut self, mut gap: usize) {
        let mut place = self.next(gap);
        while let Some(entry) = &self.places[place] {
            let from_home = self.distance(self.home(entry.hash()), place);
            if from_home >= self.distance(gap, place) {
                self.places.swap(gap, place);
                gap = place;
            }
            place = self.next(place);
        }
    }

    fn resize(&mut self, places: usize) {
        let empty = (0..places).map(|_| None).collect();
        for entry in std::mem::replace(&mut self.places, empty).into_iter().flatten() {
            let place = self.free_place(entry.hash());
            self.places[place] = Some(entry);
        }
    }

    fn home(&self, hash: u64) -> usize {
        hash as usize & self.places.len().wrapping_sub(1)
    }

    fn next(&self, place: usize) -> usize {
        (place + 1) & (self.places.len() - 1)
    }

    fn distance(&self, from: usize, to: usize) -> usize {
        to.wrapping_sub(from) & (self.places.len() - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashSet;

    impl Hashed for u64 {
        /// Many share a home, the last one too, from which searches go on at the first.
        fn hash(&self) -> u64 {
            self.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 61
        }
    }

    fn has(table: &Table<u64>, number: u64) -> bool {
        table.find(number.hash(), |entry| *entry == number).is_some()
    }

    #[test]
    fn memory_follows_the_entries() {
        let mut table = Table::default();
        assert!(!has(&table, 0) && table.places.is_empty());
        (0..1_000).for_each(|number| table.insert(number));
        assert_eq!((table.len(), table.places.len()), (1_000, 2_048));
        assert!((0..995).all(|number| table.remove(number.hash(), |entry| *entry == number)));
        assert!(table.places.len() <= 32 && (995..1_000).all(|number| has(&table, number)));
        assert!((995..1_000).all(|number| table.remove(number.hash(), |entry| *entry == number)));
        assert!(table.places.is_empty());
    }

    proptest! {
        #[test]
        fn it_holds_what_a_plain_set_holds(steps in prop::collection::vec((0..3_u8, 0..40_u64), 0..300)) {
            let mut table = Table::default();
            let mut plain = HashSet::new();
            for (kind, number) in steps {
                if kind == 0 {
                    prop_assert_eq!(table.remove(number.hash(), |entry| *entry == number), plain.remove(&number));
                } else if kind == 1 && plain.insert(number) {
                    table.insert(number);
                } else if kind == 2 {
                    let is = |entry: &u64| *entry == number;
                    prop_assert_eq!(*table.find_or_insert(number.hash(), is, || number), number);
                    plain.insert(number);
                }
                prop_assert_eq!(table.len(), plain.len());
                prop_assert_eq!(table.iter().copied().collect::<HashSet<_>>(), plain.clone());
                prop_assert!((0..40).all(|number| has(&table, number) == plain.contains(&number)));
            }
        }
    }
}

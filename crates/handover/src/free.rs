//! Which parts of the arena are free.

use std::collections::BTreeMap;

/// Bytes of the unit in which the arena is given away: a line of the processor's cache.
pub(crate) const UNIT: usize = 64;

/// Units in a row.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Extent {
    pub(crate) start: u32,
    pub(crate) units: u32,
}

/// From which end of the arena units are taken. What comes and goes with frames would leave holes between what stays.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum End {
    Low,
    High,
}

/// The free extents, none of which touches another one.
#[derive(Debug)]
pub(crate) struct Free {
    /// How many units, by the first.
    extents: BTreeMap<u32, u32>,
}

impl Extent {
    /// The units that hold the given bytes; at least one.
    pub(crate) fn of_bytes(start: usize, bytes: usize) -> Self {
        let first = start / UNIT;
        let end = (start + bytes).div_ceil(UNIT).max(first + 1);
        // The arena has no more bytes than fit into 32 bits.
        Self { start: first as u32, units: (end - first) as u32 }
    }

    fn end(self) -> u32 {
        self.start.saturating_add(self.units)
    }
}

impl Free {
    pub(crate) fn new(units: u32) -> Self {
        Self { extents: BTreeMap::from([(0, units)]) }
    }

    /// Takes as many units; none, if there aren't so many in a row.
    pub(crate) fn take(&mut self, units: u32, from: End) -> Option<Extent> {
        let fits = |&(_, free): &(&u32, &u32)| *free >= units;
        let (&start, &free) = match from {
            End::Low => self.extents.iter().find(fits)?,
            End::High => self.extents.iter().rev().find(fits)?,
        };
        let taken = match from {
            End::Low => Extent { start, units },
            End::High => Extent { start: start + free - units, units },
        };
        self.cut(start, free, taken);
        Some(taken)
    }

    /// Takes what is free of `wanted`, which may be any.
    pub(crate) fn take_of(&mut self, wanted: Extent) -> Vec<Extent> {
        let before = self.extents.range(..=wanted.start).next_back();
        let from = before.map_or(wanted.start, |(start, _)| *start);
        let found: Vec<(u32, u32)> =
            self.extents.range(from..wanted.end().max(from)).map(|(start, free)| (*start, *free)).collect();
        let mut taken = Vec::new();
        for (start, free) in found {
            let (first, end) = (start.max(wanted.start), (start + free).min(wanted.end()));
            if first < end {
                let part = Extent { start: first, units: end - first };
                self.cut(start, free, part);
                taken.push(part);
            }
        }
        taken
    }

    /// Gives back what was taken.
    pub(crate) fn give(&mut self, Extent { mut start, mut units }: Extent) {
        if let Some((&before, &free)) = self.extents.range(..start).next_back()
            && before + free == start
        {
            self.extents.remove(&before);
            (start, units) = (before, units + free);
        }
        if let Some(free) = self.extents.remove(&(start + units)) {
            units += free;
        }
        self.extents.insert(start, units);
    }

    fn cut(&mut self, start: u32, free: u32, taken: Extent) {
        self.extents.remove(&start);
        if start < taken.start {
            self.extents.insert(start, taken.start - start);
        }
        if taken.end() < start + free {
            self.extents.insert(taken.end(), start + free - taken.end());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn extent(start: u32, units: u32) -> Extent {
        Extent { start, units }
    }

    #[test]
    fn what_is_given_back_is_one_again() {
        let mut free = Free::new(10);
        let low = free.take(3, End::Low).unwrap();
        let high = free.take(3, End::High).unwrap();
        let middle = free.take(4, End::Low).unwrap();
        assert_eq!((low, high, middle), (extent(0, 3), extent(7, 3), extent(3, 4)));
        assert_eq!(free.take(1, End::Low), None);
        free.give(low);
        free.give(high);
        assert_eq!(free.take(4, End::High), None);
        free.give(middle);
        assert_eq!(free.take(10, End::Low), Some(extent(0, 10)));
    }

    #[test]
    fn only_what_is_free_of_an_extent_is_taken() {
        let mut free = Free::new(10);
        assert_eq!(free.take_of(extent(2, 2)), [extent(2, 2)]);
        assert_eq!(free.take_of(extent(1, 5)), [extent(1, 1), extent(4, 2)]);
        assert_eq!(free.take_of(extent(3, 1)), []);
        assert_eq!(free.take_of(extent(8, 100)), [extent(8, 2)]);
        assert_eq!(free.take_of(extent(u32::MAX, u32::MAX)), []);
        free.give(extent(1, 5));
        assert_eq!(free.take(8, End::Low), Some(extent(0, 8)));
    }

    #[test]
    fn bytes_are_in_the_units_that_they_touch() {
        assert_eq!(Extent::of_bytes(0, 0), extent(0, 1));
        assert_eq!(Extent::of_bytes(63, 2), extent(0, 2));
        assert_eq!(Extent::of_bytes(64, 64), extent(1, 1));
    }
}

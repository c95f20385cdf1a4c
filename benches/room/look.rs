//! What one look at memory costs that is in none of the processor's caches: the unit in which counting among very many
//! rooms has to be seen, for it is another on each machine, and at each hour of a shared one.

use std::hint::black_box;
use std::time::{Duration, Instant};

/// Far more than caches hold: what a million rooms take.
const BYTES: usize = 300 << 20;

/// As much as a processor fetches at once.
#[derive(Clone, Copy)]
#[repr(align(64))]
struct Line {
    next: u32,
}

/// A walk through memory in which each place says where the next is.
pub(crate) struct Walk {
    lines: Box<[Line]>,
    at: u32,
}

impl Walk {
    pub(crate) fn new() -> Self {
        let lines = (BYTES / size_of::<Line>()) as u32;
        let mut order: Vec<u32> = (0..lines).collect();
        shuffle(&mut order);
        let mut walk = vec![Line { next: 0 }; lines as usize].into_boxed_slice();
        for (from, to) in order.iter().zip(order.iter().cycle().skip(1)) {
            walk[*from as usize].next = *to;
        }
        Self { lines: walk, at: 0 }
    }

    /// How long so many looks take, one after the other.
    pub(crate) fn time(&mut self, looks: u64) -> Duration {
        let started = Instant::now();
        for _ in 0..looks {
            self.at = self.lines[self.at as usize].next;
        }
        black_box(self.at);
        started.elapsed()
    }
}

/// Fisher and Yates's, by Marsaglia's generator (xorshift64): the same on each run.
fn shuffle(order: &mut [u32]) {
    let mut random = 88_172_645_463_325_252_u64;
    for last in (1..order.len()).rev() {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        order.swap(last, (random % (last as u64 + 1)) as usize);
    }
}

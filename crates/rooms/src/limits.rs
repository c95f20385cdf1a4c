//! How many rooms there may be.

use std::fmt;

/// How many rooms there may be. A tab that is counted is never put out for a newcomer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Sites with open tabs.
    pub sites: usize,
    /// Pages of one site with open tabs.
    pub pages_per_site: usize,
}

/// Why a newcomer isn't let in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LimitReached {
    /// There are as many sites as there may be.
    Sites,
    /// The site has as many pages as it may have.
    Pages,
}

impl Default for Limits {
    fn default() -> Self {
        Self { sites: 100_000, pages_per_site: 10_000 }
    }
}

impl fmt::Display for LimitReached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sites => "too many sites",
            Self::Pages => "too many pages of one site",
        })
    }
}

impl std::error::Error for LimitReached {}

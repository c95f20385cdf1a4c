#![doc = include_str!("../README.md")]
//!
//! # The path of the data
//!
//! 1. A [`RoomName`] is parsed once: a [`Site`], and a [`Page`] of it if one is meant.
//! 2. [`Rooms::join`] finds the site's entry in a [`registry`], by a keyed hash of its name, and the page in the entry.
//! 3. The site counts the tab as that of a [`Visitor`], under one lock for the site and its pages, within [`Limits`].
//! 4. The [`CountGuard`] that comes back is the count: dropping it leaves, and nothing else changes a number.
//! 5. A [`Room`] is a page or site that somebody looks at: its [`Counts`], their peak, the ranking of a site's pages, and
//!    the [`Position`]s of its readers.
//! 6. After each change, with all locks released, the room's [`Observer`]s are told. They look for themselves.
//!
//! # Locks
//!
//! There are seven kinds: a registry's shards, the sites, the observers and the inbox of a room, the early marks, what is to be
//! told to others, and the visitors' keys.
//! No lock is taken while another of them is held, no code of a caller runs under one, except the `make` of
//! [`Registry::open`](registry::Registry::open), and no reference is dropped under one whose drop would lock.
//! [`sync`] checks the order in debug builds, and has callers rank their own locks before these.

#[cfg(all(test, feature = "shuttle"))]
mod interleavings;
#[cfg(test)]
mod tests;

pub mod registry;
#[doc(hidden)]
pub mod sync;

mod early_marks;
mod guard;
mod journal;
mod limits;
mod marks;
mod name;
mod observers;
mod others;
mod pages;
mod position;
mod posts;
mod presence;
mod rankings;
mod readers;
mod room;
mod rooms;
mod shrink;
mod site;
mod state;
mod tally;
mod totals;
mod visitor;
mod visitor_counts;

pub use guard::CountGuard;
pub use journal::LocalChange;
pub use limits::{LimitReached, Limits};
pub use name::{
    NameError, Page, PageError, PageQuery, PageRules, ReaderName, RoomName, RoomNameError, Site, SiteError,
    canonical_host, path_of_url, split_port, split_url,
};
pub use observers::{EntryObserver, Observer};
pub use others::{Report, Reported, SourceId, VisitorKey, is_sampled};
pub use position::{Position, PositionError};
pub use posts::Post;
pub use presence::{Presence, PresentId};
pub use rankings::RankingWatch;
pub use readers::{Reader, ReaderGuard, ViewerId};
pub use room::{Room, RoomRef};
pub use rooms::Rooms;
pub use tally::{Counting, Counts, Identity};
pub use visitor::{DailyKeys, Keys, Visitor, VisitorHash};

//! Hands open sockets to another process.
//!
//! A [`Link`] is a Unix socket between two processes of one machine. A message has bytes and up to [`MAX_DESCRIPTORS`] descriptors
//! (`SCM_RIGHTS`), which are open in both processes from then on:
//!
//! ```
//! # use std::net::TcpListener;
//! # use std::os::fd::AsFd;
//! use onlookers_handover::Link;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let (old, new) = Link::pair()?; // `new` is for a child process.
//! let listener = TcpListener::bind("127.0.0.1:0")?;
//! old.send(b"a listener", &[listener.as_fd()])?;
//!
//! let mut message = Link::from(new).receive()?;
//! let same = TcpListener::from(message.descriptors.remove(0));
//! assert_eq!(same.local_addr()?, listener.local_addr()?);
//! # Ok(())
//! # }
//! ```
//!
//! A [`Ledger`] is memory that another process keeps, with a record of each connection: what it is, what is being sent on it, and what
//! has come and isn't obeyed yet. When a process is killed, the next one asks the kernel how much each socket has taken, and how much was
//! read ([`Facts`]), sends what is missing, obeys what wasn't, and goes on: [`Record::recover`].
//!
//! A process that keeps such memory gets a new version of its own program without letting go of anything: [`exec::replace`].

mod arena;
pub mod exec;
mod facts;
mod free;
mod input;
mod ledger;
mod link;
mod memory;
mod options;
mod record;
mod recover;
mod rest;

pub use arena::{Block, Piece};
pub use facts::Facts;
pub use input::ReadBuffer;
pub use ledger::{Ledger, Opened};
pub use link::{Link, LinkError, MAX_BYTES, MAX_DESCRIPTORS, Message, Peer, SHORT, inherit};
pub use record::Record;
pub use recover::{Kept, Missing, Recovered};

//! Thousands of small sends to as many sockets in a few system calls: a safe interface to io_uring for one-to-many sending.
//!
//! A server that pushes the same few hundred bytes to everybody pays the kernel's entry and exit for each socket. A
//! [`Ring`] hands hundreds of sends over at a time, as `send(2)` with `MSG_DONTWAIT | MSG_NOSIGNAL` would do each:
//!
//! ```no_run
//! # use std::{io, net::TcpStream, os::fd::AsFd};
//! fn publish(frame: &[u8], viewers: &[TcpStream]) -> io::Result<()> {
//!     let mut ring = onlookers_ring::Ring::new()?;
//!     ring.send_all(viewers.iter().map(|viewer| (viewer.as_fd(), frame)), |number, taken| {
//!         if !taken.is_ok_and(|bytes| bytes == frame.len()) {
//!             println!("viewer {number} has not taken it all");
//!         }
//!     })
//! }
//! ```
//!
//! # Why this is safe
//!
//! io_uring reads the caller's memory after the call that asked for it, so an interface by reference is sound only if
//! no send can outlive the call. Here none can:
//!
//! - [`Ring::send_all`] returns, and calls back, only when the kernel has reported the end of every send it took on.
//!   The caller's code (the iterator, the callback) runs only while no send is under way: it may panic.
//! - The kernel takes sends on in the order of the queue, and the queue's shared head says how many. What it did not
//!   take on, it forgets with the ring, which is closed at the first refusal.
//! - The completion queue has twice the room of the submission queue and is emptied between two batches: it can't
//!   overflow.
//! - If the kernel refuses even to wait for what is under way, the memory can't be given back: the process aborts. No
//!   way to get there is known.
//!
//! Outside of Linux there is no ring: [`Ring::new`] fails.

#[cfg(not(target_os = "linux"))]
mod elsewhere;
#[cfg(target_os = "linux")]
mod ring;

#[cfg(not(target_os = "linux"))]
pub use elsewhere::Ring;
#[cfg(target_os = "linux")]
pub use ring::Ring;

//! Systems without io_uring.

use std::convert::Infallible;
use std::io;
use std::os::fd::BorrowedFd;

/// There is none here.
#[derive(Debug)]
pub struct Ring(Infallible);

impl Ring {
    /// Fails.
    ///
    /// # Errors
    /// Always `Unsupported`.
    pub fn new() -> io::Result<Self> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Can't be called, as there is no ring to call it on.
    ///
    /// # Errors
    /// None.
    pub fn send_all<'a>(
        &mut self,
        _: impl IntoIterator<Item = (BorrowedFd<'a>, &'a [u8])>,
        _: impl FnMut(usize, io::Result<usize>),
    ) -> io::Result<()> {
        match self.0 {}
    }
}

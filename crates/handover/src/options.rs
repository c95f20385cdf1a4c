//! Socket options that come as structures of the kernel.
#![allow(unsafe_code)]

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, BorrowedFd};

/// A structure that any bytes are.
///
/// # Safety
/// It has integers only.
unsafe trait Integers: Copy {}

// SAFETY: three integers.
unsafe impl Integers for libc::ucred {}
// SAFETY: integers only.
unsafe impl Integers for libc::tcp_info {}

/// The process and the user at the other end of a Unix socket, as they were when it was connected.
pub(crate) fn peer(socket: BorrowedFd<'_>) -> io::Result<(i32, u32)> {
    let peer: libc::ucred = option(socket, libc::SOL_SOCKET, libc::SO_PEERCRED)?;
    Ok((peer.pid, peer.uid))
}

/// The state and the counters of a TCP connection; those that an old kernel doesn't have are 0.
pub(crate) fn tcp_info(socket: BorrowedFd<'_>) -> io::Result<libc::tcp_info> {
    option(socket, libc::IPPROTO_TCP, libc::TCP_INFO)
}

fn option<T: Integers>(socket: BorrowedFd<'_>, level: i32, name: i32) -> io::Result<T> {
    let mut value = MaybeUninit::<T>::zeroed();
    let mut length = size_of::<T>() as libc::socklen_t;
    // SAFETY: the kernel writes at most `length` bytes to `value`, which has as many, and which nobody else knows.
    let result = unsafe {
        libc::getsockopt(socket.as_raw_fd(), level, name, value.as_mut_ptr().cast(), &raw mut length)
    };
    if result != 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: it was all zeros, and is integers only, which any bytes are.
    Ok(unsafe { value.assume_init() })
}

//! The sockets that systemd passes to a program, as owned descriptors.
//!
//! systemd opens sockets for a service and passes them as descriptors from 3 on (sd_listen_fds(3)), of which the environment
//! says the number and the names. A number doesn't own a descriptor, so each is duplicated: the only unsafe line is the one that
//! borrows it meanwhile. The descriptors themselves stay open until the process ends.

use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};

/// A socket that was passed.
#[derive(Debug)]
pub struct Passed {
    /// A duplicate of the descriptor, which child processes don't inherit.
    pub fd: OwnedFd,
    /// Its name in `LISTEN_FDNAMES`; `unknown` if there are no names.
    pub name: String,
}

/// The sockets that were passed to this process, in the order of the descriptors; none, if the environment names another process.
///
/// # Errors
/// If the environment says something about descriptors that can't be read, or names one that isn't open.
pub fn passed() -> io::Result<Vec<Passed>> {
    let passed = sd_notify::listen_fds_with_names()?;
    passed
        .map(|(fd, name)| {
            // SAFETY: the call above has failed if one of the descriptors wasn't open. They belong to nobody in this process who
            // could close them meanwhile; if the environment lies, the worst is a duplicate of something else, which its owner
            // still owns.
            let fd = unsafe { BorrowedFd::borrow_raw(fd) };
            Ok(Passed { fd: fd.try_clone_to_owned()?, name })
        })
        .collect()
}

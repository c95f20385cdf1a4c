//! The ring: a queue of sends, and the one place that hands memory to the kernel.

use std::io::{self, ErrorKind, Write};
use std::os::fd::{AsRawFd, BorrowedFd};
use std::process;

use io_uring::{EnterFlags, IoUring, Probe, opcode, squeue, types};

/// Sends in a submission. 256 small ones keep a thread in the kernel for 2 ms; 1,024 would for 8 ms, and save nothing
/// more (docs/io_uring.md).
const BATCH: usize = 256;

/// Sends to many sockets by few system calls.
pub struct Ring {
    /// None once the kernel has refused it something.
    uring: Option<IoUring>,
    /// The batch; its pointers mean nothing outside of `send_all`.
    entries: Vec<squeue::Entry>,
    /// The result of each send of the batch: bytes, or an error's number below zero.
    results: Vec<i32>,
}

impl Ring {
    /// A ring of its own, with about 50 KiB of memory, half of it the kernel's.
    ///
    /// # Errors
    /// The system's, where there is no io_uring (Linux before 5.6) or where it isn't allowed (containers, mostly).
    pub fn new() -> io::Result<Self> {
        let uring = IoUring::new(BATCH as u32)?;
        let mut probe = Probe::new();
        uring.submitter().register_probe(&mut probe)?;
        if !probe.is_supported(opcode::Send::CODE) || !uring.params().is_feature_nodrop() {
            return Err(ErrorKind::Unsupported.into());
        }
        Ok(Self {
            uring: Some(uring),
            entries: Vec::with_capacity(BATCH),
            results: Vec::with_capacity(BATCH),
        })
    }

    /// Sends each of `sends` as `send(2)` with `MSG_DONTWAIT | MSG_NOSIGNAL` would, and tells `done` its number and
    /// what came of it: how many bytes the socket took, perhaps not all, or an error, `WouldBlock` for one. The sends
    /// are carried out, and `done` is called, in the order of `sends`. Two sends to one socket may be in it.
    ///
    /// # Errors
    /// The system's, if it takes no more; the sends that `done` was not called for have not been carried out and
    /// never will be. The ring can't be used again after that: it gives `BrokenPipe`.
    pub fn send_all<'a>(
        &mut self,
        sends: impl IntoIterator<Item = (BorrowedFd<'a>, &'a [u8])>,
        mut done: impl FnMut(usize, io::Result<usize>),
    ) -> io::Result<()> {
        let (mut sends, mut number) = (sends.into_iter(), 0);
        loop {
            self.entries.clear();
            self.entries.extend((0..BATCH as u64).zip(&mut sends).map(entry));
            if self.entries.is_empty() {
                return Ok(());
            }
            let carried_out = self.carry_out();
            for &result in &self.results {
                done(number, taken(result));
                number += 1;
            }
            carried_out?;
        }
    }

    /// Has the kernel carry out `entries`. When this returns nothing is under way, and `results` tells of those done.
    fn carry_out(&mut self) -> io::Result<()> {
        self.results.clear();
        let mut uring = self.uring.take().ok_or(ErrorKind::BrokenPipe)?;
        // SAFETY: the sockets and bytes are borrowed for `'a` of `send_all`, which outlasts this call, and this call
        // does not end before the end of every entry that the kernel takes on: `settle` sees to that, and nothing from
        // here to there can panic. Those that it doesn't take on, it can't any more once the ring is dropped.
        unsafe { uring.submission().push_multiple(&self.entries) }.map_err(io::Error::other)?;
        let submitted = submit(&mut uring);
        self.results.resize(self.entries.len() - uring.submission().len(), 0);
        settle(&mut uring, &mut self.results);
        submitted?;
        self.uring = Some(uring);
        Ok(())
    }
}

fn entry((number, (socket, bytes)): (u64, (BorrowedFd<'_>, &[u8]))) -> squeue::Entry {
    // More than a result could report is sent in part, as sockets do anyway.
    let length = bytes.len().min(i32::MAX as usize) as u32;
    let send = opcode::Send::new(types::Fd(socket.as_raw_fd()), bytes.as_ptr(), length);
    send.flags(libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL).build().user_data(number)
}

/// Hands over what is queued; the queue tells how much of it the kernel has taken on.
fn submit(uring: &mut IoUring) -> io::Result<()> {
    while !uring.submission().is_empty() {
        match uring.submit() {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Err(error) if error.kind() != ErrorKind::Interrupted => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

/// Returns when as many sends have ended as there are `results`, with what came of them. A send that doesn't wait is
/// over before the submission is; but nobody promises that.
fn settle(uring: &mut IoUring, results: &mut [i32]) {
    let mut ended = 0;
    loop {
        for completion in uring.completion() {
            if let Some(result) = results.get_mut(completion.user_data() as usize) {
                *result = completion.result();
            }
            ended += 1;
        }
        if ended >= results.len() {
            return;
        }
        wait(uring, results.len() - ended);
    }
}

/// Waits for the end of `sends` more, or a signal.
fn wait(uring: &IoUring, sends: usize) {
    let (nothing, events) = (0, EnterFlags::GETEVENTS.bits());
    // SAFETY: it submits nothing, and has no argument to point to.
    let waited = unsafe { uring.submitter().enter::<()>(nothing, sends as u32, events, None) };
    if let Err(error) = waited
        && error.kind() != ErrorKind::Interrupted
    {
        // The kernel may read the caller's memory at any time from now on: nobody may ever use it again.
        let _ = writeln!(io::stderr(), "io_uring doesn't say when it is done: {error}");
        process::abort();
    }
}

fn taken(result: i32) -> io::Result<usize> {
    usize::try_from(result).map_err(|_| io::Error::from_raw_os_error(-result))
}

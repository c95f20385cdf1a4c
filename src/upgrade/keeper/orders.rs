//! The signals that the keeper gets, as something that it can wait for beside its servers.

use std::io::{self, PipeReader, PipeWriter, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::thread;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::Signal;

use crate::signals::Signals;

/// The byte of each signal.
const BYTES: [(u8, Signal); 3] = [(b't', Signal::TERM), (b'h', Signal::HUP), (b'u', Signal::USR2)];

/// The signals that nobody has obeyed yet.
pub(super) struct Orders(PipeReader);

impl Orders {
    /// Those that come from now on.
    ///
    /// # Errors
    /// The system's.
    pub(super) fn new(signals: Signals) -> io::Result<Self> {
        let Signals { mut reload, mut upgrade, stop, stop_now } = signals;
        let (orders, writer) = io::pipe()?;
        let writer = Arc::new(writer);
        let start = |name: &str, task: Box<dyn FnOnce(&PipeWriter) + Send>| {
            let writer = Arc::clone(&writer);
            thread::Builder::new().name(name.to_owned()).spawn(move || task(&writer)).map(drop)
        };
        start(
            "stop",
            Box::new(move |writer| {
                for stop in [stop, stop_now] {
                    // Without the thread of signals there is no way to stop but by killing.
                    if stop.blocking_recv().is_err() || write(writer, Signal::TERM).is_err() {
                        return;
                    }
                }
            }),
        )?;
        start(
            "reload",
            Box::new(
                move |writer| {
                    while reload.blocking_recv().is_some() && write(writer, Signal::HUP).is_ok() {}
                },
            ),
        )?;
        start(
            "upgrade",
            Box::new(
                move |writer| {
                    while upgrade.blocking_recv().is_some() && write(writer, Signal::USR2).is_ok() {}
                },
            ),
        )?;
        Ok(Self(orders))
    }

    /// Whether one has come.
    pub(super) fn are_there(&self) -> bool {
        let mut polled = [PollFd::from_borrowed_fd(self.as_fd(), PollFlags::IN)];
        poll(&mut polled, Some(&Timespec::default())).is_ok_and(|ready| ready > 0)
    }

    /// The next one; none if it isn't known what it was. Blocks until there is one.
    ///
    /// # Errors
    /// The system's.
    pub(super) fn next(&mut self) -> io::Result<Option<Signal>> {
        let mut byte = [0];
        self.0.read_exact(&mut byte)?;
        Ok(BYTES.iter().find(|(other, _)| [*other] == byte).map(|(_, signal)| *signal))
    }
}

impl AsFd for Orders {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

fn write(mut writer: &PipeWriter, signal: Signal) -> io::Result<()> {
    let bytes: Vec<u8> = BYTES.iter().filter(|(_, other)| *other == signal).map(|(byte, _)| *byte).collect();
    writer.write_all(&bytes)
}

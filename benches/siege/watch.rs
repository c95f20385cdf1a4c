//! What a server has in memory and open.

use crate::{
    Outcome,
    load::{account::Account, samples::mib},
};
use std::{
    thread,
    time::{Duration, Instant},
};

/// How long the server may take to notice that everybody has left.
const NOTICE: Duration = Duration::from_secs(30);

/// How long it may take to give memory back.
const SETTLE: Duration = Duration::from_secs(10);

#[derive(Clone, Copy)]
pub(crate) struct Watch {
    /// Bytes.
    pub(crate) resident: u64,
    pub(crate) files: usize,
}

impl Watch {
    pub(crate) fn look(account: Account) -> Outcome<Self> {
        Ok(Self { resident: account.resident()?, files: account.open_files()? })
    }
}

/// The most in some time. Prints what there is in memory every minute: what goes on growing is a leak.
pub(crate) fn most(account: Account, time: Duration) -> Outcome<Watch> {
    let (start, mut files, mut minutes) = (Instant::now(), 0, 0);
    while let Some(left) = time.checked_sub(start.elapsed()) {
        files = account.open_files()?.max(files);
        if start.elapsed().as_secs() / 60 > minutes {
            minutes += 1;
            println!("after {minutes} min: {:.1} MiB resident, {files} open files", mib(account.resident()?));
        }
        thread::sleep(left.min(Duration::from_millis(500)));
    }
    // The kernel's own account of the peak is a little late.
    Ok(Watch { resident: account.peak()?.max(account.resident()?), files })
}

/// What there is when as few files are open as before, and memory has been given back.
pub(crate) fn settle(account: Account, before: &Watch) -> Outcome<Watch> {
    let deadline = Instant::now() + NOTICE;
    while account.open_files()? > before.files && Instant::now() < deadline {
        thread::sleep(Duration::from_millis(100));
    }
    thread::sleep(SETTLE);
    Watch::look(account)
}

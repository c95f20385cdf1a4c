//! Where the servers of tests log. `tests/run` runs them once more with logs on a full disk.

use std::fs::File;
use std::sync::Once;

use onlookers::logging::{Layout, Log};
use tracing::level_filters::LevelFilter;

/// An environment variable that names a file for the logs of all servers whose test doesn't read them; they then log
/// everything that `-v` does.
pub(crate) const VARIABLE: &str = "ONLOOKERS_TEST_STDERR";

/// That file, open.
pub(crate) fn destination() -> Option<File> {
    let path = std::env::var_os(VARIABLE)?;
    Some(File::options().append(true).open(path).unwrap())
}

/// Has the servers in this process log there.
pub(crate) fn start() {
    static STARTED: Once = Once::new();
    STARTED.call_once(|| {
        if let Some(file) = destination() {
            std::mem::forget(Log::start(LevelFilter::DEBUG, file, Layout::default()).unwrap());
        }
    });
}

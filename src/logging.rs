//! The log: lines on standard error, which may be a full disk, or a pipe that nobody reads.
//!
//! Logging adds a line to a bounded `queue`, which never waits; one thread writes. When standard error takes no more, lines
//! are dropped and counted. The same line is printed ten times a second at most (`repetitions`).
//!
//! Nothing else may write to standard error after the start: a thread that is blocked in a write holds its lock, so that
//! another would wait for ever.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::io::{self, Write};
use std::panic::{self, PanicHookInfo};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use tracing::field::display;
use tracing::level_filters::LevelFilter;

pub use layout::{Layout, LogFormat};
use queue::{Events, Queue};

mod layout;
pub(crate) mod once_per_site;
mod queue;
mod repetitions;

/// How long the lines that wait at the end may take to be written.
const FLUSH: Duration = Duration::from_millis(500);

/// The log of this process. Dropping it writes the lines that wait, for half a second at most.
pub struct Log(Arc<Queue>);

impl Log {
    /// Logs to standard error from now on.
    ///
    /// # Errors
    /// The system's, if it has no thread to give; or if the process has a log already.
    pub fn to_stderr(level: LevelFilter, layout: Layout) -> io::Result<Self> {
        Self::start(level, io::stderr(), layout)
    }

    /// Logs to `output` from now on.
    ///
    /// # Errors
    /// As for [`Log::to_stderr`].
    pub fn start(
        level: LevelFilter,
        output: impl Write + Send + 'static,
        layout: Layout,
    ) -> io::Result<Self> {
        let queue = Arc::new(Queue::new(layout));
        let lines = Arc::clone(&queue);
        thread::Builder::new().name("log".to_owned()).spawn(move || write(&lines, output))?;
        let events = tracing_subscriber::fmt()
            .with_max_level(level)
            .with_ansi(layout.in_colour)
            // The queue adds it, after it has looked for repetitions.
            .without_time()
            // It would print those to standard error itself.
            .log_internal_errors(false)
            .with_writer(Events(Arc::clone(&queue)));
        match layout.format {
            LogFormat::Text => events.try_init(),
            // Spans are those of other crates.
            LogFormat::Json => {
                events.json().flatten_event(true).with_current_span(false).with_span_list(false).try_init()
            }
        }
        .map_err(io::Error::other)?;
        Ok(Self(queue))
    }

    /// Writes the sentence that ends the program.
    pub fn end_with(&self, sentence: &str) {
        self.0.add_last_line(sentence);
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        self.0.flush(FLUSH);
    }
}

/// Logs panics from now on. The standard library would write them to standard error itself, and so block.
pub fn log_panics() {
    panic::set_hook(Box::new(|info| {
        let backtrace = Backtrace::capture();
        let backtrace = (backtrace.status() == BacktraceStatus::Captured).then(|| display(&backtrace));
        let place = info.location().map(display);
        tracing::error!(thread = thread::current().name(), place, backtrace, "panicked: {}", words(info));
    }));
}

fn words<'i>(info: &'i PanicHookInfo<'_>) -> &'i str {
    info.payload_as_str().unwrap_or("without words")
}

/// Writes lines for ever. What can't be written is dropped.
fn write(queue: &Queue, mut output: impl Write) {
    let mut is_cut = false;
    loop {
        let lines = queue.next();
        // The write that failed may have ended within a line.
        let end = if is_cut { &b"\n"[..] } else { &[] };
        is_cut = output.write_all(end).and_then(|()| output.write_all(&lines.text)).is_err();
        if is_cut {
            queue.count_dropped(lines.number);
        }
    }
}

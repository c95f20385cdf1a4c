//! The lines that wait to be written.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tracing::{Level, Metadata};
use tracing_subscriber::fmt::MakeWriter;

use super::layout::Layout;
use super::repetitions::{LeftOut, Repetitions};

/// How many lines may wait, and how many bytes they may have together.
const MAX_LINES: usize = 1024;
const MAX_BYTES: usize = 256 * 1024;

/// A bounded queue of lines. Adding one never waits for the output.
///
/// The lock is the standard library's: something may be logged while any of the ranked ones is held.
pub(super) struct Queue {
    state: Mutex<State>,
    added: Condvar,
    /// Nothing waits any more, and nothing is being written.
    done: Condvar,
    layout: Layout,
}

#[derive(Default)]
struct State {
    lines: VecDeque<Vec<u8>>,
    bytes: usize,
    /// How many lines were dropped since the last report of that.
    dropped: u64,
    is_writing: bool,
    repetitions: Repetitions,
}

/// The lines to write next.
pub(super) struct Lines {
    pub(super) text: Vec<u8>,
    /// How many lines are lost if it can't be written, with those that it reports as dropped.
    pub(super) number: u64,
}

impl Queue {
    pub(super) fn new(layout: Layout) -> Self {
        Self { state: Mutex::default(), added: Condvar::new(), done: Condvar::new(), layout }
    }

    /// Adds the line of an event, unless it is one repetition too many.
    fn add(&self, level: Level, text: &[u8]) {
        let now = Instant::now();
        let mut state = self.lock();
        self.end_window(&mut state, now);
        if state.repetitions.admits(level, text, now) {
            state.add(self.layout.line(level, text));
            self.added.notify_one();
        }
    }

    /// Adds a sentence that is no event.
    pub(super) fn add_last_line(&self, sentence: &str) {
        self.lock().add(self.layout.last_line(sentence));
        self.added.notify_one();
    }

    /// Waits for something to write. The caller has written what it got before.
    pub(super) fn next(&self) -> Lines {
        let mut state = self.lock();
        state.is_writing = false;
        loop {
            let now = Instant::now();
            self.end_window(&mut state, now);
            if let Some(line) = state.take() {
                return self.with_report(&mut state, line);
            }
            self.done.notify_all();
            let window =
                state.repetitions.until().map_or(Duration::MAX, |until| until.saturating_duration_since(now));
            let waited = self.added.wait_timeout(state, window);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Notes that so many lines are lost.
    pub(super) fn count_dropped(&self, lines: u64) {
        self.lock().dropped += lines;
    }

    /// Waits until everything is written, `within` at most.
    pub(super) fn flush(&self, within: Duration) {
        let mut state = self.lock();
        self.report(&mut state, Repetitions::end);
        self.added.notify_one();
        let is_busy = |state: &mut State| state.is_writing || !state.lines.is_empty();
        drop(self.done.wait_timeout_while(state, within, is_busy));
    }

    fn end_window(&self, state: &mut State, now: Instant) {
        self.report(state, |repetitions| repetitions.end_if_over(now));
    }

    /// Adds a line for each that was left out too often.
    fn report(&self, state: &mut State, end: impl FnOnce(&mut Repetitions) -> Vec<LeftOut>) {
        for LeftOut { level, line, times } in end(&mut state.repetitions) {
            state.add(self.layout.repeated(level, &line, times));
        }
    }

    /// The line, after a report of those that were dropped.
    fn with_report(&self, state: &mut State, line: Vec<u8>) -> Lines {
        state.is_writing = true;
        let dropped = std::mem::take(&mut state.dropped);
        if dropped == 0 {
            return Lines { text: line, number: 1 };
        }
        let report = format!("lines dropped, because standard error took no more: {dropped}");
        let report = self.layout.message(Level::WARN, "onlookers::logging", &report);
        let mut text = self.layout.line(Level::WARN, &report);
        text.extend(line);
        Lines { text, number: dropped + 1 }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn add(&mut self, line: Vec<u8>) {
        if self.lines.len() >= MAX_LINES || self.bytes + line.len() > MAX_BYTES {
            self.dropped += 1;
            return;
        }
        self.bytes += line.len();
        self.lines.push_back(line);
    }

    fn take(&mut self) -> Option<Vec<u8>> {
        let line = self.lines.pop_front()?;
        self.bytes -= line.len();
        Some(line)
    }
}

/// Where tracing writes events.
pub(super) struct Events(pub(super) Arc<Queue>);

/// Where it writes one event: at once, with its line's end.
pub(super) struct EventWriter<'q> {
    queue: &'q Queue,
    level: Level,
}

impl<'q> MakeWriter<'q> for Events {
    type Writer = EventWriter<'q>;

    fn make_writer(&'q self) -> Self::Writer {
        EventWriter { queue: &self.0, level: Level::INFO }
    }

    fn make_writer_for(&'q self, event: &Metadata<'_>) -> Self::Writer {
        EventWriter { queue: &self.0, level: *event.level() }
    }
}

impl Write for EventWriter<'_> {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        self.queue.add(self.level, text);
        Ok(text.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_queue_drops_lines_and_reports_their_number() {
        let queue = Queue::new(Layout::default());
        for number in 0..MAX_LINES + 7 {
            queue.add(Level::WARN, format!(" INFO line {number}\n").as_bytes());
        }
        let first = queue.next();
        let text = String::from_utf8(first.text).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines[0].ends_with("took no more: 7") && lines[1].ends_with(" INFO line 0"), "{text}");
        // If that can't be written either, so many are lost.
        assert_eq!(first.number, 8);
        queue.count_dropped(first.number);
        let next = String::from_utf8(queue.next().text).unwrap();
        assert!(next.contains("took no more: 8\n") && next.ends_with(" INFO line 1\n"), "{next}");
    }

    #[test]
    fn long_lines_fill_the_queue_as_many_do() {
        let queue = Queue::new(Layout::default());
        for number in 0_u8..20 {
            queue.add(Level::WARN, &[&[b'a' + number; 16 * 1024][..], b"\n"].concat());
        }
        let state = queue.lock();
        assert!(state.bytes <= MAX_BYTES && state.lines.len() == 15 && state.dropped == 5);
    }

    #[test]
    fn a_repeated_line_is_left_out_and_counted_at_the_end() {
        let queue = Queue::new(Layout::default());
        for _ in 0..25 {
            queue.add(Level::WARN, b" WARN the same\n");
        }
        queue.flush(Duration::ZERO);
        let lines: Vec<_> = std::iter::from_fn(|| queue.lock().take()).collect();
        let lines: Vec<_> = lines.iter().map(|line| std::str::from_utf8(line).unwrap()).collect();
        assert!(lines[..10].iter().all(|line| line.ends_with("Z  WARN the same\n")), "{lines:?}");
        assert!(lines[10].ends_with("Z  WARN the same (left out 15 times within a second)\n"), "{lines:?}");
        assert_eq!(lines.len(), 11);
    }

    #[test]
    fn flushing_waits_no_longer_than_it_may() {
        let queue = Queue::new(Layout::default());
        queue.add_last_line("nobody writes this");
        let started = Instant::now();
        queue.flush(Duration::from_millis(20));
        assert!((20..5000).contains(&started.elapsed().as_millis()));
    }
}

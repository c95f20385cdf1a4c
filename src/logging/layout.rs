//! How a line looks: for people, for programs that read JSON, or in systemd's journal.

use std::borrow::Cow;
use std::io::{self, IsTerminal};

use clap::ValueEnum;
use rustix::fs::fstat;
use serde_json::json;
use tracing::Level;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};

/// The format of the log.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, ValueEnum)]
pub enum LogFormat {
    /// Words, for people
    #[default]
    Text,
    /// One JSON object a line
    Json,
}

/// How lines look.
///
/// An event comes from tracing as `text`, with its level and without the time: in this format, and with a line's end.
#[derive(Clone, Copy, Debug, Default)]
pub struct Layout {
    /// What the lines are.
    pub format: LogFormat,
    /// Whether words have colours, as on a terminal.
    pub in_colour: bool,
    /// Whether systemd's journal takes the lines. It reads their priority from `<4>` before them, and knows the time.
    pub for_journal: bool,
}

impl Layout {
    /// For standard error: with priorities if that is systemd's journal, in colour if it is a terminal and `NO_COLOR` isn't set.
    pub fn of_stderr(format: LogFormat) -> Self {
        let for_journal = is_journal().unwrap_or(false);
        let wants_colour = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        let in_colour = wants_colour && format == LogFormat::Text && io::stderr().is_terminal();
        Self { format, in_colour, for_journal }
    }

    /// Whether the lines are read by people who look at what the program prints.
    pub fn is_for_people(self) -> bool {
        self.format == LogFormat::Text && !self.for_journal
    }

    /// The line of a sentence that ends the program: without time and level where people read it.
    pub fn last_line(self, sentence: &str) -> Vec<u8> {
        match self.is_for_people() {
            true => format!("{sentence}\n").into_bytes(),
            false if self.format == LogFormat::Text => self.finish(Level::ERROR, sentence),
            false => self.line(Level::ERROR, &self.message(Level::ERROR, "onlookers", sentence)),
        }
    }

    /// The line of an event.
    pub(super) fn line(self, level: Level, text: &[u8]) -> Vec<u8> {
        let text = String::from_utf8_lossy(text);
        match (self.format, self.for_journal) {
            (LogFormat::Json, _) => {
                self.finish(level, &format!("{{\"timestamp\":\"{}\",{}", now(), &text[1..]))
            }
            (LogFormat::Text, true) => self.finish(level, &text),
            (LogFormat::Text, false) if self.in_colour => {
                self.finish(level, &format!("\x1b[2m{}\x1b[0m {text}", now()))
            }
            (LogFormat::Text, false) => self.finish(level, &format!("{} {text}", now())),
        }
    }

    /// The line of an event that was left out so many times.
    pub(super) fn repeated(self, level: Level, text: &[u8], times: u64) -> Vec<u8> {
        let text = String::from_utf8_lossy(text);
        let text = match self.format {
            LogFormat::Json => format!("{{\"left_out\":{times},{}", &text[1..]),
            LogFormat::Text => format!("{} (left out {times} times within a second)", text.trim_end()),
        };
        self.line(level, text.as_bytes())
    }

    /// An event of `target` without fields, as tracing would have it.
    pub(super) fn message(self, level: Level, target: &str, message: &str) -> Vec<u8> {
        let text = match self.format {
            LogFormat::Json => {
                json!({"level": level.as_str(), "message": message, "target": target}).to_string()
            }
            LogFormat::Text => format!("{level:>5} {target}: {message}"),
        };
        text.into_bytes()
    }

    /// One line, whatever is in `text`.
    fn finish(self, level: Level, text: &str) -> Vec<u8> {
        let line = one_line(text.trim_end());
        match self.for_journal {
            true => format!("<{}>{}\n", priority(level), line.trim_start()),
            false => format!("{line}\n"),
        }
        .into_bytes()
    }
}

/// Writes line ends as `\n`: an event is one line, and nothing that comes from outside can look like another.
fn one_line(text: &str) -> Cow<'_, str> {
    match text.contains(['\n', '\r']) {
        true => text.replace('\n', "\\n").replace('\r', "\\r").into(),
        false => text.into(),
    }
}

fn now() -> String {
    let mut time = String::new();
    // A time that can't be formatted is left out.
    let _ = SystemTime.format_time(&mut Writer::new(&mut time));
    time
}

/// The level as syslog(3) counts.
fn priority(level: Level) -> u8 {
    match level {
        Level::ERROR => 3,
        Level::WARN => 4,
        Level::INFO => 6,
        Level::DEBUG | Level::TRACE => 7,
    }
}

/// Whether standard error is what systemd has connected to its journal: the file that `JOURNAL_STREAM` names, as DEVICE:INODE.
/// A program that was started with standard error redirected inherits the variable all the same.
fn is_journal() -> Option<bool> {
    let stream = std::env::var("JOURNAL_STREAM").ok()?;
    let (device, inode) = stream.split_once(':')?;
    let file = fstat(io::stderr()).ok()?;
    Some(device.parse() == Ok(file.st_dev) && inode.parse() == Ok(file.st_ino))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: Layout = Layout { format: LogFormat::Text, in_colour: false, for_journal: false };
    const JSON: Layout = Layout { format: LogFormat::Json, ..TEXT };

    fn of_journal(layout: Layout) -> Layout {
        Layout { for_journal: true, ..layout }
    }

    fn string(line: Vec<u8>) -> String {
        String::from_utf8(line).unwrap()
    }

    #[test]
    fn an_event_is_one_line_whatever_is_in_it() {
        let line = string(TEXT.line(Level::WARN, b" WARN of: a\nb\r\nc\n"));
        assert!(line.ends_with("Z  WARN of: a\\nb\\r\\nc\n") && line.matches('\n').count() == 1, "{line:?}");
        assert_eq!(string(of_journal(TEXT).last_line("a\nb")), "<3>a\\nb\n");
        assert_eq!(string(TEXT.last_line("a\nb")), "a\nb\n");
    }

    #[test]
    fn the_journal_gets_priorities_and_no_time() {
        let line = |level| string(of_journal(TEXT).line(level, b" INFO of: words\n"));
        let levels = [Level::ERROR, Level::WARN, Level::INFO, Level::DEBUG, Level::TRACE];
        for (level, priority) in levels.into_iter().zip([3, 4, 6, 7, 7]) {
            assert_eq!(line(level), format!("<{priority}>INFO of: words\n"));
        }
    }

    #[test]
    fn every_line_of_json_is_an_object() {
        let text = JSON.message(Level::WARN, "of", "\"a\"\nb");
        for (line, left_out) in [
            (JSON.line(Level::WARN, &text), None),
            (JSON.repeated(Level::WARN, &text, 5), Some(5)),
            (of_journal(JSON).line(Level::WARN, &text).split_off(3), None),
        ] {
            let line = string(line);
            let object: serde_json::Value = serde_json::from_str(&line).unwrap();
            assert!(line.ends_with("}\n") && line.matches('\n').count() == 1, "{line:?}");
            assert!(object["timestamp"].as_str().unwrap().ends_with('Z'));
            assert_eq!((object["level"].as_str(), object["target"].as_str()), (Some("WARN"), Some("of")));
            assert_eq!(object["message"], "\"a\"\nb");
            assert_eq!(object["left_out"].as_u64(), left_out);
        }
        assert!(string(of_journal(JSON).last_line("the end")).starts_with("<3>{\"timestamp\":\""));
    }
}

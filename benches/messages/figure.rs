//! The names of what is measured, as the table shows them.

pub(crate) const CPU: &str = "CPU a message, µs";
pub(crate) const RATE: &str = "messages a second";
/// Connections that the server has closed, pictures and WebSockets.
pub(crate) const LOST: &str = "connections put out";
/// Messages of the type `error`: in a room where too many are waiting, the server refuses a message as `busy`.
pub(crate) const ERRORS: &str = "errors told";
/// Of the event loop that handled the fewest to the one that handled the most; 1 is evenly.
pub(crate) const EVEN: &str = "messages by loop, fewest to most";
pub(crate) const LOAD: &str = "load generator with messages, % of a core";

/// From a change until so many of the pictures have their frame: of each turn's changes the median.
pub(crate) const DELAYS: [(&str, f64); 3] = [
    ("until half have the frame, ms", 0.5),
    ("until 95 % have it, ms", 0.95),
    ("until the last has it, ms", 1.0),
];

/// A figure of the turn with messages, or of the one without.
pub(crate) fn of_turn(name: &str, messages: bool) -> String {
    format!("{}{name}", if messages { "with messages, " } else { "without, " })
}

/// CPU of a thread by its name, in a turn.
pub(crate) fn thread_cpu(thread: &str) -> String {
    format!("{thread}, % of a core")
}

/// The thread of a figure, if it is its CPU with messages.
pub(crate) fn thread(name: &str) -> Option<&str> {
    name.strip_prefix("with messages, ")?.strip_suffix(", % of a core")
}

/// How many messages a second a thread has handled, by its share of the CPU that messages took.
pub(crate) fn thread_messages(thread: &str) -> String {
    format!("{thread}, messages a second")
}

//! The names of what is measured, as the table shows them.

pub(crate) const FRAME: &str = "CPU a delivered frame, µs";
/// By how much all but the first have let it grow. What a burst of requests leaves in the allocator's hands is in it, less
/// what was there before: the first picture is painted in more memory than the first event is written in.
pub(crate) const MEMORY: &str = "user memory a viewer, KiB";
/// With what the server takes without them.
pub(crate) const MEMORY_ALL: &str = "… of server and viewers, MiB";
/// Without the frames that went out meanwhile, these at the measured price: below 0 where they were cheaper.
pub(crate) const JOIN: &str = "CPU a join, µs";
pub(crate) const JOIN_ALL: &str = "… with the frames meanwhile, µs";
pub(crate) const JOIN_FRAMES: &str = "frames a viewer while all join";
pub(crate) const JOIN_MOST: &str = "… the most for one viewer";
pub(crate) const JOIN_TIME: &str = "time to join, s";
pub(crate) const DELAY: &str = "until the last has the frame, ms";
pub(crate) const DELAY_99: &str = "… 99th percentile, ms";
pub(crate) const IDLE: &str = "idle with repaint, % of a core";
/// A second set of changes, while one viewer of onlookers doesn't read.
pub(crate) const DEAF: &str = "CPU a frame, one never reads, µs";
pub(crate) const DEAF_DELAY: &str = "… until the others have it, ms";
pub(crate) const BYTES: &str = "bytes a frame";
pub(crate) const LOAD: &str = "load generator, µs a frame";
pub(crate) const LOAD_JOIN: &str = "… and µs a join";

/// In the order of the table.
pub(crate) const ALL: [&str; 16] = [
    FRAME,
    MEMORY,
    MEMORY_ALL,
    JOIN,
    JOIN_ALL,
    JOIN_FRAMES,
    JOIN_MOST,
    JOIN_TIME,
    DELAY,
    DELAY_99,
    IDLE,
    DEAF,
    DEAF_DELAY,
    BYTES,
    LOAD,
    LOAD_JOIN,
];

pub(crate) fn without_unit(name: &str) -> &str {
    name.rsplit_once(", ").map_or(name, |(what, _unit)| what)
}

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

/// With `--tls` (fanout/rush.rs): on a server that has nothing else to do, until each of all has its first picture.
pub(crate) const RUSH_TIME: &str = "all join at once, s";
/// The longest of all changes, and of the viewers whose change it is the slowest.
pub(crate) const RUSH_LEAVE: &str = "… 100 others hear of a leave within, ms";
pub(crate) const PEACE_LEAVE: &str = "…… in peace, of a leave, ms";
/// With that join's own way in.
pub(crate) const RUSH_JOIN: &str = "… 100 others hear of a join within, ms";
pub(crate) const PEACE_JOIN: &str = "…… in peace, of a join, ms";
/// Of those that have joined already: their feed's pace, and this process's own delay, are in it.
pub(crate) const RUSH_GAP: &str = "… longest wait between two frames, ms";

/// In the order of the table.
pub(crate) const ALL: [&str; 22] = [
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
    RUSH_TIME,
    RUSH_LEAVE,
    PEACE_LEAVE,
    RUSH_JOIN,
    PEACE_JOIN,
    RUSH_GAP,
];

pub(crate) fn without_unit(name: &str) -> &str {
    name.rsplit_once(", ").map_or(name, |(what, _unit)| what)
}

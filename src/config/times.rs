//! Times, each within its bounds.

use std::ops::RangeInclusive;
use std::time::Duration;

pub(super) fn repaint(text: &str) -> Result<Duration, String> {
    duration(text, Duration::from_millis(100)..=Duration::from_hours(1), "it can be 100ms to 1h")
}

pub(super) fn drain(text: &str) -> Result<Duration, String> {
    duration(text, Duration::ZERO..=Duration::from_secs(60), "it can be 0s to 60s")
}

pub(super) fn linger(text: &str) -> Result<Duration, String> {
    duration(text, Duration::ZERO..=Duration::from_hours(7 * 24), "it can be 0s to 7d")
}

/// Parses a time within `bounds`; `refusal` says them.
fn duration(text: &str, bounds: RangeInclusive<Duration>, refusal: &str) -> Result<Duration, String> {
    let time = humantime::parse_duration(text).map_err(|error| format!("{error}; write 5s or 500ms"))?;
    if bounds.contains(&time) { Ok(time) } else { Err(refusal.to_owned()) }
}

//! When to order, and when to order again. Pure functions: the caller has the clock and the randomness.

use std::ops::Range;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The longest pause after failures.
pub(super) const LONGEST_BACKOFF: Duration = Duration::from_hours(6);

/// The longest time that an authority can ask to be left alone for.
pub(super) const LONGEST_RETRY_AFTER: Duration = Duration::from_hours(7 * 24);

/// Bounds for the pause after a success, whatever the authority says.
const PAUSES: [Duration; 2] = [Duration::from_secs(5), Duration::from_hours(1)];

/// Bounds for asking again when to renew.
const ASKING: [Duration; 2] = [Duration::from_mins(10), Duration::from_hours(24)];

/// When two thirds of a certificate's lifetime are over, or up to a thirtieth of it sooner; `share` is from 0 to 1. Not all
/// servers, and not all names of one, are to renew at once.
pub(super) fn two_thirds(validity: &Range<SystemTime>, share: f64) -> SystemTime {
    validity.start + lifetime(validity).mul_f64(2. / 3. - share / 30.)
}

/// When a tenth of a certificate's lifetime is left, or up to a thirtieth of it later: when a node that can't agree with the others
/// orders nevertheless.
pub(super) fn last_resort(validity: &Range<SystemTime>, share: f64) -> SystemTime {
    validity.start + lifetime(validity).mul_f64(0.9 + share / 30.)
}

/// The time in a window that the authority suggests (RFC 9773, section 4.2), unless that is after five sixths of the lifetime:
/// it must not let the certificate expire. None if there is no such window.
pub(super) fn within(
    window: &Range<SystemTime>,
    validity: &Range<SystemTime>,
    share: f64,
) -> Option<SystemTime> {
    let length = window.end.duration_since(window.start).ok()?;
    let latest = validity.start + lifetime(validity).mul_f64(5. / 6.);
    // A window may begin at any time, in the year 1 for example.
    let due = window.start.checked_add(length.mul_f64(share))?;
    Some(due.max(UNIX_EPOCH).min(latest))
}

/// How long to wait after so many failures in a row: `first`, and twice as long after each further one, up to 6 h; up to a
/// quarter more as `share` says; and as long as the authority has asked for.
pub(super) fn backoff(first: Duration, failures: u32, share: f64, asked: Option<Duration>) -> Duration {
    let doubled = first.saturating_mul(1 << failures.saturating_sub(1).min(20));
    let pause = doubled.min(LONGEST_BACKOFF).mul_f64(1. + share / 4.);
    pause.max(asked.unwrap_or_default())
}

/// The shortest time between two orders for a name that both succeed. An authority, or a clock, may be wrong.
pub(super) fn least_pause(validity: &Range<SystemTime>) -> Duration {
    (lifetime(validity) / 4).clamp(PAUSES[0], PAUSES[1])
}

/// How long to wait before the authority is asked again when to renew, given what it says.
pub(super) fn until_asking(said: Duration) -> Duration {
    said.clamp(ASKING[0], ASKING[1])
}

fn lifetime(validity: &Range<SystemTime>) -> Duration {
    validity.end.duration_since(validity.start).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_hours(24);

    fn days(from: u32, to: u32) -> Range<SystemTime> {
        UNIX_EPOCH + DAY * from..UNIX_EPOCH + DAY * to
    }

    #[test]
    fn renewal_is_at_two_thirds_of_any_lifetime() {
        for (from, to) in [(100, 190), (100, 106), (100, 500)] {
            let validity = days(from, to);
            let length = DAY * (to - from);
            for (share, part) in [(0., 2. / 3.), (0.5, 0.65), (1., 19. / 30.)] {
                let after = two_thirds(&validity, share).duration_since(validity.start).unwrap();
                assert!((after.as_secs_f64() / length.as_secs_f64() - part).abs() < 1e-6);
            }
        }
        let nothing = days(5, 4);
        assert_eq!(two_thirds(&nothing, 1.), nothing.start);
        assert_eq!(least_pause(&nothing), Duration::from_secs(5));
    }

    #[test]
    fn the_last_resort_is_in_the_last_tenth() {
        let validity = days(100, 190);
        assert_eq!(
            [0., 1.].map(|share| last_resort(&validity, share)),
            [181, 184].map(|day| days(day, 0).start)
        );
    }

    #[test]
    fn a_suggested_window_is_kept_unless_it_is_too_late() {
        let validity = days(100, 190);
        assert_eq!(within(&days(130, 140), &validity, 0.5), Some(days(135, 0).start));
        assert_eq!(within(&days(10, 20), &validity, 0.5), Some(days(15, 0).start));
        assert_eq!(within(&days(9000, 9900), &validity, 0.), Some(days(175, 0).start));
        assert_eq!(within(&days(140, 130), &validity, 0.5), None);
        // A window of the year 1969 says that it is time.
        let past = UNIX_EPOCH - Duration::from_hours(48)..UNIX_EPOCH - Duration::from_hours(24);
        assert_eq!(within(&past, &validity, 0.5), Some(UNIX_EPOCH));
    }

    #[test]
    fn pauses_grow_from_the_first_to_six_hours() {
        let first = Duration::from_mins(1);
        let minutes = |failures| backoff(first, failures, 0., None).as_secs() / 60;
        assert_eq!([1, 2, 3, 9, 10, 1000].map(minutes), [1, 2, 4, 256, 360, 360]);
        assert_eq!(backoff(first, 1, 1., None), Duration::from_secs(75));
        assert_eq!(backoff(first, 1, 0., Some(DAY)), DAY);
        assert_eq!(backoff(first, u32::MAX, 0., Some(first)), LONGEST_BACKOFF);
    }

    #[test]
    fn whatever_the_authority_says_it_is_not_asked_all_the_time() {
        assert_eq!(until_asking(Duration::ZERO), Duration::from_mins(10));
        assert_eq!(until_asking(DAY * 400), DAY);
        assert_eq!(least_pause(&days(100, 190)), Duration::from_hours(1));
    }
}

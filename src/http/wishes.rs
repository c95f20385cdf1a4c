//! The wishes that a visitor's browser sends in headers: privacy, and not to be counted.

use hyper::HeaderMap;
use hyper::header::COOKIE;

/// The cookie that `/ignore` sets.
pub(super) const IGNORE_COOKIE: &str = "onlookers-ignore";

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Wishes {
    /// Not to be told apart from other visitors (Global Privacy Control, Do Not Track).
    pub(super) no_tracking: bool,
    /// Not to be counted: the browser has the cookie of `/ignore`.
    pub(super) not_counted: bool,
}

impl Wishes {
    pub(super) fn of(headers: &HeaderMap) -> Self {
        Self {
            no_tracking: ["sec-gpc", "dnt"].iter().any(|name| headers.get(*name).is_some_and(|it| it == "1")),
            not_counted: has_ignore_cookie(headers),
        }
    }
}

fn has_ignore_cookie(headers: &HeaderMap) -> bool {
    let lines = headers.get_all(COOKIE).iter().filter_map(|line| line.to_str().ok());
    lines
        .flat_map(|line| line.split(';'))
        .any(|pair| pair.trim().split_once('=') == Some((IGNORE_COOKIE, "1")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::header::HeaderName;

    fn wishes(name: &'static str, value: &str) -> Wishes {
        Wishes::of(&HeaderMap::from_iter([(HeaderName::from_static(name), value.parse().unwrap())]))
    }

    #[test]
    fn the_ignore_cookie_is_found_among_others() {
        assert!(wishes("cookie", "a=b; onlookers-ignore=1").not_counted);
        assert!(!wishes("cookie", "xonlookers-ignore=1; onlookers-ignore=0").not_counted);
    }

    #[test]
    fn only_1_asks_for_privacy() {
        assert!(wishes("sec-gpc", "1").no_tracking && wishes("dnt", "1").no_tracking);
        assert!(!wishes("dnt", "0").no_tracking);
    }
}

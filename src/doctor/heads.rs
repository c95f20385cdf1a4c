//! What the head of an answer shows: that a cache has answered, or that headers were changed.

use std::io::Write;

use hyper::HeaderMap;

use super::fetch::joined;
use super::finding::Fault;
use super::report::Report;
use super::watch::Kind;

/// Reports an answer that a cache has given. `what` begins a sentence.
pub(super) fn check_cache<W: Write>(what: &str, headers: &HeaderMap, report: &mut Report<W>) {
    if let Some(sign) = cache_sign(headers) {
        report.fault(Fault::Caches, &format!("{what} came from a cache, which says {sign}"));
    }
}

/// The header by which a cache says that it has answered.
fn cache_sign(headers: &HeaderMap) -> Option<String> {
    let said = |name: &str| (joined(headers, name), name.to_owned());
    let hits =
        ["x-cache", "cf-cache-status", "x-cache-status", "x-proxy-cache", "cache-status", "x-cache-hits"];
    let is_hit = |value: &str, name: &str| match name {
        "x-cache-hits" => value.split(',').any(|hits| hits.trim().parse::<u32>().is_ok_and(|hits| hits > 0)),
        _ => value.to_ascii_lowercase().contains("hit"),
    };
    let aged = said("age");
    let varnish = said("x-varnish");
    if aged.0.trim().parse::<u64>().is_ok_and(|age| age > 0) {
        return Some(format!("Age: {}", aged.0));
    }
    // The request that filled the cache is named after this one.
    if varnish.0.split_whitespace().count() > 1 {
        return Some(format!("X-Varnish: {}", varnish.0));
    }
    let hit = hits.into_iter().map(said).find(|(value, name)| is_hit(value, name));
    hit.map(|(value, name)| format!("{name}: {value}"))
}

/// Reports headers of a stream that are missing or changed.
pub(super) fn check<W: Write>(kind: Kind, headers: &HeaderMap, origin: &str, report: &mut Report<W>) {
    let what = kind.name();
    check_cache(what, headers, report);
    for (name, wanted) in wanted(kind, origin) {
        let found = joined(headers, name);
        // Lists may be in any order, and have more in them.
        let has = match name {
            "cache-control" => found.split(',').any(|item| item.trim().eq_ignore_ascii_case(wanted)),
            _ => found.eq_ignore_ascii_case(wanted),
        };
        if !has {
            let found =
                if found.is_empty() { "it is missing".to_owned() } else { format!("there is {found:?}") };
            report.fault(Fault::Strips, &format!("{what} should come with {name}: {wanted}, and {found}"));
        }
    }
}

fn wanted(kind: Kind, origin: &str) -> Vec<(&'static str, &str)> {
    let uncached = [
        ("cache-control", "no-store"),
        ("cache-control", "no-transform"),
        ("x-content-type-options", "nosniff"),
    ];
    let of_kind: &[(&str, &str)] = match kind {
        Kind::Picture => {
            &[("cross-origin-resource-policy", "cross-origin"), ("access-control-allow-origin", "*")]
        }
        Kind::Events => {
            &[("access-control-allow-origin", origin), ("access-control-allow-credentials", "true")]
        }
        Kind::WebSocket => return vec![],
    };
    uncached.iter().chain(of_kind).copied().collect()
}

#[cfg(test)]
mod tests {
    use hyper::header::{HeaderName, HeaderValue};

    use super::*;

    fn headers(list: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in list {
            headers.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        headers
    }

    #[test]
    fn caches_are_known_by_their_signs() {
        for sign in
            [("age", "7"), ("x-cache", "HIT from x"), ("x-varnish", "32770 3"), ("x-cache-hits", "0, 2")]
        {
            assert!(cache_sign(&headers(&[sign])).is_some(), "{sign:?}");
        }
        for none in [("age", "0"), ("x-cache", "MISS"), ("x-varnish", "32770"), ("x-cache-hits", "0")] {
            assert_eq!(cache_sign(&headers(&[none])), None, "{none:?}");
        }
    }

    #[test]
    fn a_header_that_is_missing_or_twice_there_is_a_fault() {
        let whole = [
            ("cache-control", "no-store, no-transform"),
            ("x-content-type-options", "nosniff"),
            ("cross-origin-resource-policy", "cross-origin"),
            ("access-control-allow-origin", "*"),
        ];
        let faults = |list: &[(&'static str, &'static str)]| {
            let mut report = Report::new(Vec::new(), None);
            check(Kind::Picture, &headers(list), "", &mut report);
            report.faults()
        };
        assert_eq!(faults(&whole), 0);
        assert_eq!(faults(&whole[1..]), 2);
        assert_eq!(faults(&[&whole[..], &[("cross-origin-resource-policy", "same-origin")]].concat()), 1);
    }
}

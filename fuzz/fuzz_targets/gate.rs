//! Parses any query and judges any claim without a panic, and admits no site that isn't on the list.
#![no_main]

use libfuzzer_sys::fuzz_target;
use onlookers::gate::{Claim, Gate};
use onlookers_rooms::Site;

#[allow(dead_code, reason = "the server reads the rest")]
#[path = "../../src/http/query.rs"]
mod query;

fuzz_target!(|request: (Option<&str>, Option<&[u8]>, Option<&[u8]>, Option<&[u8]>, &str)| {
    let (url_query, referer, host, destination, pattern) = request;
    let Ok(query) = query::Query::parse(url_query) else { return };
    let claim = Claim { referer, host, destination, site: query.site.as_deref(), ..Claim::default() };
    let _ = Gate::default().admit(&claim);
    let Ok(allowed) = pattern.parse() else { return };
    let own = host.and_then(|host| std::str::from_utf8(host).ok()).and_then(|host| host.parse::<Site>().ok());
    if let Ok(admission) = Gate::new(vec![allowed]).admit(&claim) {
        let pattern: onlookers::gate::Pattern = pattern.parse().expect("parsed before");
        assert!(
            pattern.matches(&admission.site) || Some(admission.site.host()) == own.as_ref().map(Site::host)
        );
    }
});

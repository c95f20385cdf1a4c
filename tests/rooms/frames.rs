//! A frame that reloads itself: whose it is then.

use crate::common::client::{Response, get};
use crate::common::server::TestServer;

/// The frame with this query, where a browser says this much.
fn frame(server: &TestServer, query: &str, headers: &[&str]) -> Response {
    get(server.address, &format!("/embed{query}"), &[&["Sec-Fetch-Dest: iframe"], headers].concat())
}

/// The query to which the answer sends the browser.
fn location(response: &Response) -> String {
    assert_eq!(response.status, 302, "{}", response.text());
    response.header("location").unwrap().to_owned()
}

/// The picture of the frame.
fn picture(response: &Response) -> String {
    let (_, rest) = response.text().split_once("srcset=\"online.png?").unwrap();
    rest.split(',').next().unwrap().replace("&amp;", "&")
}

/// The seconds after which the page reloads itself.
fn seconds(response: &Response) -> Option<u64> {
    assert_eq!(response.header("refresh"), None);
    let (_, rest) = response.text().split_once("http-equiv=\"refresh\" content=\"")?;
    Some(rest.split('"').next().unwrap().parse().unwrap())
}

const FROM_SITE: &[&str] = &["Referer: https://example.com/posts/1", "Sec-Fetch-Site: cross-site"];

/// WCAG 2.2.1: not before the page's author has asked for it.
#[test]
fn a_frame_reloads_itself_only_where_its_url_says_so() {
    let server = TestServer::quiet(&[]);
    assert_eq!(seconds(&frame(&server, "", FROM_SITE)), None);
    let times: Vec<_> = (0..20)
        .map(|_| seconds(&frame(&server, "?site=example.com&refresh=10m", FROM_SITE)).unwrap())
        .collect();
    assert!(times.iter().all(|time| (300..900).contains(time)), "{times:?}");
    assert!(times.iter().any(|time| *time != times[0]), "not all come back at once");
}

/// Its Referer is its own URL then, in Chromium and Firefox.
#[test]
fn a_frame_that_reloads_itself_stays_on_its_site_and_page() {
    let server = TestServer::quiet(&["--allow", "example.com", "--name", "counter.example"]);
    for (query, told, shows) in [
        ("?refresh=5m", "?site=example.com&refresh=5m", "site=example.com"),
        (
            "?page=auto&refresh=5m&style=flat",
            "?site=example.com&page=%2Fposts%2F1&refresh=5m&style=flat",
            "site=example.com&page=%2Fposts%2F1&style=flat",
        ),
    ] {
        assert_eq!(location(&frame(&server, query, FROM_SITE)), told);
        let first = frame(&server, told, FROM_SITE);
        let itself = format!("Referer: http://counter.example/embed{told}");
        let again = frame(&server, told, &[&itself, "Sec-Fetch-Site: same-origin"]);
        assert!(seconds(&first).is_some() && seconds(&again).is_some(), "{query}");
        assert_eq!((picture(&first), picture(&again)), (shows.to_owned(), shows.to_owned()));
    }
}

#[test]
fn a_frame_of_pages_without_an_address_stays_theirs() {
    let server = TestServer::quiet(&["--name", "counter.example"]);
    let told = location(&frame(&server, "?refresh=5m", &["Sec-Fetch-Site: cross-site"]));
    assert_eq!(told, "?site=&refresh=5m");
    for from in ["cross-site", "same-origin"] {
        assert_eq!(picture(&frame(&server, &told, &[&format!("Sec-Fetch-Site: {from}")])), "site=");
    }
}

/// Or it would count there once it has reloaded itself.
#[test]
fn a_site_cannot_have_a_frame_speak_for_another() {
    let server = TestServer::quiet(&[]);
    let query = "?site=victim.example&refresh=10s";
    for (headers, told) in [
        (FROM_SITE, "?site=example.com&refresh=10s"),
        (&["Sec-Fetch-Site: cross-site"], "?site=&refresh=10s"),
    ] {
        assert_eq!(location(&frame(&server, query, headers)), told);
    }
    // Over plain http browsers say nothing about a page that hides its address.
    assert_eq!(
        location(&get(server.address, &format!("/embed{query}"), &[])),
        "?site=counter.example&refresh=10s"
    );
    assert_eq!(picture(&frame(&server, "?site=victim.example", FROM_SITE)), "site=example.com");
}

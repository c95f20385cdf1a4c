//! A frame that reloads itself: whose it is then.

use crate::common::client::{Response, get};
use crate::common::server::TestServer;

/// The frame with this query, where a browser says this much.
fn frame(server: &TestServer, query: &str, headers: &[&str]) -> Response {
    get(server.address, &format!("/embed{query}"), &[&["Sec-Fetch-Dest: iframe"], headers].concat())
}

/// After how many seconds the page reloads itself, and with which query.
fn reload(response: &Response) -> (u64, String) {
    let (seconds, query) = response.header("refresh").unwrap().split_once("; url=").unwrap();
    (seconds.parse().unwrap(), query.to_owned())
}

/// The picture of the frame.
fn picture(response: &Response) -> String {
    let (_, rest) = response.text().split_once("srcset=\"online.png?").unwrap();
    rest.split(',').next().unwrap().replace("&amp;", "&")
}

const FROM_SITE: &[&str] = &["Referer: https://example.com/posts/1", "Sec-Fetch-Site: cross-site"];

#[test]
fn not_all_frames_come_back_at_once() {
    let server = TestServer::quiet(&[]);
    for (query, range) in [("", 150..450), ("?refresh=10m", 300..900)] {
        let times: Vec<_> = (0..20).map(|_| reload(&frame(&server, query, FROM_SITE)).0).collect();
        assert!(times.iter().all(|time| range.contains(time)), "{times:?}");
        assert!(times.iter().any(|time| *time != times[0]), "{times:?}");
    }
}

/// Its Referer is its own URL then, in Chromium and Firefox.
#[test]
fn a_frame_that_reloads_itself_stays_on_its_site_and_page() {
    let server = TestServer::quiet(&["--allow", "example.com", "--name", "counter.example"]);
    for (query, told, shows) in [
        ("", "?site=example.com", "site=example.com"),
        (
            "?page=auto&refresh=5m&style=flat",
            "?site=example.com&page=%2Fposts%2F1&refresh=5m&style=flat",
            "site=example.com&page=%2Fposts%2F1&style=flat",
        ),
    ] {
        let first = frame(&server, query, FROM_SITE);
        let itself = format!("Referer: http://counter.example/embed{query}");
        let again = frame(&server, told, &[&itself, "Sec-Fetch-Site: same-origin"]);
        for loaded in [&first, &again] {
            assert_eq!((reload(loaded).1, picture(loaded)), (told.to_owned(), shows.to_owned()));
        }
    }
}

#[test]
fn a_frame_of_pages_without_an_address_stays_theirs() {
    let server = TestServer::quiet(&["--name", "counter.example"]);
    let (_, told) = reload(&frame(&server, "", &["Sec-Fetch-Site: cross-site"]));
    assert_eq!(told, "?site=");
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
        assert_eq!(reload(&frame(&server, query, headers)).1, told);
    }
    // Over plain http browsers say nothing about a page that hides its address.
    let hidden = get(server.address, &format!("/embed{query}"), &[]);
    assert_eq!(reload(&hidden).1, "?site=counter.example&refresh=10s");
    assert_eq!(picture(&frame(&server, query, FROM_SITE)), "site=example.com");
}

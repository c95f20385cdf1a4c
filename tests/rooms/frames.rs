//! A frame that reloads itself: how often.

use crate::common::client::{Response, get};
use crate::common::server::TestServer;

/// The frame with this query, where a browser says this much.
fn frame(server: &TestServer, query: &str, headers: &[&str]) -> Response {
    get(server.address, &format!("/embed{query}"), &[&["Sec-Fetch-Dest: iframe"], headers].concat())
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
    let times: Vec<_> =
        (0..20).map(|_| seconds(&frame(&server, "?refresh=10m", FROM_SITE)).unwrap()).collect();
    assert!(times.iter().all(|time| (300..900).contains(time)), "{times:?}");
    assert!(times.iter().any(|time| *time != times[0]), "not all come back at once");
}

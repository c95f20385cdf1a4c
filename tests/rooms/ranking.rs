//! The pages of a site by viewers, as a list and as a picture.

use onlookers_picture::{Appearance, RankingStyle, Row, Themes};

use crate::common::client::Client;
use crate::common::request;
use crate::common::server::TestServer;
use crate::common::viewer::Viewer;
use crate::pages::{top, view};

const REFERER: &str = "Referer: https://example.com/";

#[test]
fn the_ranking_lists_pages_by_viewers() {
    let server = TestServer::quiet(&["--trust-proxy", "127.0.0.0/8"]);
    let empty = serde_json::json!({ "site": "example.com", "pages": [] });
    assert_eq!(top(server.address, "example.com"), empty);
    let mut watcher = view(server.address, "peek=1", &[]);
    let _posts = [(); 2].map(|()| view(server.address, "page=/posts/%C3%A9", &[]));
    let _front = view(server.address, "page=/", &[]);
    watcher.wait_for(3);
    let pages = serde_json::json!([
        { "page": "/posts/%C3%A9", "count": 2, "visitors": 1 },
        { "page": "/", "count": 1, "visitors": 1 },
    ]);
    assert_eq!(top(server.address, "EXAMPLE.com.")["pages"], pages);
}

#[test]
fn the_rankings_picture_is_live() {
    let server = TestServer::quiet(&[]);
    let mut client = Client::connect(server.address);
    client.send(request("GET /top.png?u=1&rows=3 HTTP/1.1", &[REFERER]));
    let mut ranking = Viewer::opened(client);
    assert_eq!(ranking.picture(), RankingStyle::default().paint(&[]));
    let viewer = view(server.address, "page=/a", &[]);
    ranking.wait_for_picture(&RankingStyle::default().paint(&[row("/a")]));
    drop(viewer);
    ranking.wait_for_picture(&RankingStyle::default().paint(&[]));
}

fn row(page: &str) -> Row<'_> {
    Row { page, title: None, count: 1 }
}

#[test]
fn the_rankings_picture_has_the_look_asked_for() {
    let server = TestServer::quiet(&[]);
    let get = |query: &str| {
        let mut client = Client::connect(server.address);
        client.send(request(&format!("GET /top.png?{query}&u=1 HTTP/1.1"), &[REFERER]));
        client
    };
    let _viewers = ["page=/a", "page=/b"].map(|page| view(server.address, page, &[]));
    let mut appearance = Appearance::default();
    for (name, value) in [("theme", "light"), ("color", "060"), ("scale", "2")] {
        assert_eq!(appearance.take(name, value), Ok(true));
    }
    let style = RankingStyle::new(1, Some(400), appearance, &Themes::default()).unwrap();
    let mut ranking = Viewer::opened(get("rows=1&theme=light&color=006600&scale=2&width=400&label=%00"));
    let picture = ranking.picture();
    assert!(["/a", "/b"].iter().any(|page| picture == style.paint(&[row(page)])));
    assert_eq!(picture[16..24], [0, 0, 3, 32, 0, 0, 0, 72], "800 by 72 pixels");
    for (query, named) in [
        ("width=159", "The parameter width is bad: a list is 160 to 1000 pixels wide."),
        ("width=1001", "The parameter width is bad"),
        ("rows=51", "The parameter rows is bad"),
        ("theme=pixel", "The parameter theme is bad: it can be light, dark."),
        ("color=gr", "The parameter color is bad"),
        ("scale=5", "The parameter scale is bad: it can be 1, 2, 3, 4."),
    ] {
        let answer = get(query).response();
        let said = String::from_utf8(answer.body).unwrap();
        assert!(answer.status == 400 && said.starts_with(named), "{query}: {said}");
    }
}

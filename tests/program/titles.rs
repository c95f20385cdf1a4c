//! Titles of pages, which the file has: in rankings, and changed while these are open.

use std::fs;
use std::net::SocketAddr;

use onlookers_picture::{Appearance, RankingStyle, Row, Themes};
use rustix::process::Signal;
use serde_json::json;

use crate::common::client::{Client, get};
use crate::common::page::Page;
use crate::common::request;
use crate::common::viewer::Viewer;
use crate::config::{TempFile, serve, wait_for_line};

const FONT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/crates/picture/tests/pictures/fonts/cjk.ttc");

const TITLED: &str = r#"
[sites."example.com"]
drop_slash = true

[sites."example.com".titles]
"/posts/1/" = "Hello world"
"/other" = "Something else"
"#;

fn png(title: Option<&str>) -> Vec<u8> {
    RankingStyle::default().paint(&[Row { page: "/posts/1", title, count: 1 }]).to_vec()
}

fn ranking(address: SocketAddr) -> Viewer {
    let mut client = Client::connect(address);
    client.send(request("GET /top.png?u=1 HTTP/1.1", &["Referer: https://example.com/"]));
    Viewer::opened(client)
}

#[test]
fn rankings_have_the_titles_of_the_file_and_follow_a_reload() {
    let file = TempFile::new("titles", TITLED);
    let (program, mut log) = serve(&file);
    let mut page = Page::open(program.address, "/posts/1?top=5");
    let mut titled = json!({ "page": "/posts/1", "count": 1, "title": "Hello world" });
    assert_eq!(page.wait_for_type("top")["pages"], json!([titled]));
    let mut picture = ranking(program.address);
    assert_eq!(picture.picture(), png(Some("Hello world")));

    // Nobody comes or goes meanwhile.
    fs::write(&file.0, TITLED.replace("Hello world", "Hello again")).unwrap();
    program.signal(Signal::HUP);
    wait_for_line(&mut log, "was read again");
    picture.wait_for_picture(&png(Some("Hello again")));
    titled["title"] = "Hello again".into();
    assert_eq!(page.wait_for_type("top")["pages"], json!([titled]));
    let list = get(program.address, "/top.json?site=example.com", &[]);
    titled["visitors"] = 1.into();
    let list: serde_json::Value = serde_json::from_slice(&list.body).unwrap();
    assert_eq!(list["pages"], json!([titled]));

    fs::write(&file.0, "label = \"Readers\"\n").unwrap();
    program.signal(Signal::HUP);
    wait_for_line(&mut log, "was read again");
    picture.wait_for_picture(&png(None));
    assert_eq!(page.wait_for_type("top")["pages"], json!([{ "page": "/posts/1", "count": 1 }]));
}

#[test]
fn a_title_in_any_script_takes_its_letters_from_a_font() {
    let site = "[sites.\"example.com\"]\ntitles = { \"/posts/1\" = \"在线人数\" }\n";
    let file = TempFile::new("titles-without", site);
    let (program, mut log) = serve(&file);
    let _page = Page::open(program.address, "/posts/1");
    assert_eq!(ranking(program.address).picture(), png(Some("在线人数")));
    wait_for_line(&mut log, "no font has a glyph for U+4EBA");

    let file = TempFile::new("titles-with", &format!("font = [{FONT:?}]\n{site}"));
    let (program, _log) = serve(&file);
    let _page = Page::open(program.address, "/posts/1");
    let mut themes = Themes::default();
    themes.add_font("cjk", fs::read(FONT).unwrap()).unwrap();
    let style = RankingStyle::new(10, None, Appearance::default(), &themes).unwrap();
    let row = Row { page: "/posts/1", title: Some("在线人数"), count: 1 };
    assert_eq!(ranking(program.address).picture(), style.paint(&[row]));
}

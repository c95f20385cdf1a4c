//! Sites with several names, and apps.

use super::File;
use crate::common::client::Client;
use crate::common::parts::png_of;
use crate::common::request;
use crate::common::server::{TestServer, config};
use crate::common::viewer::Viewer;
use crate::program;

/// A page that shows the counter.
fn page(server: std::net::SocketAddr, url: &str) -> Viewer {
    let mut client = Client::connect(server);
    client.send(request("GET /online.png?u=1 HTTP/1.1", &[&format!("Referer: {url}")]));
    Viewer::opened(client)
}

#[test]
fn what_is_open_of_a_site_ends_whichever_of_its_names_is_denied() {
    const SITES: &str = "[sites.\"new.example\"]\naliases = [\"old.example\"]\n";
    let file = File::new();
    file.write(SITES);
    let program = program(&["--config", &file.path()]);
    let mut others = page(program.address, "https://another.example/");
    let mut open = page(program.address, "https://old.example/");
    others.wait_for(1);
    open.wait_for(1);
    file.reload(&program, &format!("deny_site = [\"old.example\"]\n{SITES}"));
    open.read_orderly_end_with(&png_of(1));
    let refused = request("GET /online.png?u=1 HTTP/1.1", &["Referer: https://new.example/"]);
    assert_eq!(Client::ask(program.address, refused).status, 403);
    let mut another = page(program.address, "https://another.example/");
    another.wait_for(2);
}

#[test]
fn a_denied_app_leaves_the_site_with_its_name_alone() {
    let mut config = config(&["--repaint", "1h"]);
    config.knows_clients = true;
    let server = TestServer::with(config.clone());
    let mut web = page(server.address, "https://obsidian.example/");
    web.wait_for(1);
    let app = page(server.address, "app://obsidian.example/index.html");
    web.wait_for(2);
    config.reloadable.deny_site = vec!["app://obsidian.example".parse().unwrap()];
    server.control.reload(&config);
    web.wait_for(1);
    let (bytes, _) = { app }.client.read_to_end();
    assert!(bytes.ends_with(b"--frame--\r\n"), "{} bytes, without an end", bytes.len());
    let mut again = page(server.address, "https://obsidian.example/");
    again.wait_for(2);
}

//! What moves besides connections.

use std::fs;
use std::io::{Read, Write};
use std::net::SocketAddr;
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixStream;
use std::path::Path;

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::common::client::{Client, get};
use crate::common::parts::CLOSING;
use crate::common::viewer::Viewer;
use crate::common::{DEADLINE, request};
use crate::processes::{Processes, is_gone};

/// A reader of example.com, at that address and with that agent.
fn reader(address: SocketAddr, from: &str, agent: &str) -> Viewer {
    let headers = [
        "Referer: https://example.com/".to_owned(),
        format!("X-Forwarded-For: {from}"),
        format!("User-Agent: {agent}"),
    ];
    let mut client = Client::connect(address);
    client.send(request("GET /online.png?u=1 HTTP/1.1", &headers.each_ref().map(String::as_str)));
    Viewer::opened(client)
}

const FIREFOX: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:153.0) Gecko/20100101 Firefox/153.0";
const CHROME: &str =
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/150.0.0.0 Safari/537.36";

fn counted(address: SocketAddr) -> Value {
    let answer = get(address, "/count/example.com.json", &[]);
    let counted: Value = serde_json::from_slice(&answer.body).unwrap();
    json!([counted["pages"], counted["visitors"], counted["peak"]["pages"], counted["peak"]["visitors"]])
}

#[test]
fn visitors_stay_the_same_and_peaks_are_kept() {
    let mut server = Processes::start(&["--trust-proxy", "127.0.0.0/8"]);
    let address = server.address;
    let mut first = reader(address, "198.51.100.1", FIREFOX);
    let others = ["198.51.100.2", "198.51.100.3", "198.51.100.3"].map(|from| reader(address, from, CHROME));
    first.wait_for(4);
    drop(others);
    first.wait_for(1);
    assert_eq!(counted(address), json!([1, 1, 4, 3]));
    for upgrade in 1..=3 {
        server.upgrade();
        server.wait_for_end(upgrade - 1);
        assert_eq!(counted(address), json!([1, 1, 4, 3]));
        let again = reader(address, "198.51.100.1", FIREFOX);
        first.wait_for(2);
        assert_eq!(counted(address), json!([2, 1, 4, 3]), "the same visitor as before");
        let another = reader(address, "198.51.100.1", CHROME);
        first.wait_for(3);
        assert_eq!(counted(address), json!([3, 2, 4, 3]));
        drop((again, another));
        first.wait_for(1);
    }
}

#[test]
fn ports_that_the_system_has_chosen_are_kept() {
    let args = ["--listen", "127.0.0.1:0", "--listen", "127.0.0.2:0", "--admin", "127.0.0.1:0"];
    let mut server = Processes::start(&args);
    let at = |what: &str| -> SocketAddr {
        let mut places = server.greeting().iter().filter_map(|line| line.split_once(what));
        places.next().unwrap().1.trim_end_matches('/').parse().unwrap()
    };
    let admin = at("Operators ask at http://");
    let port: u16 = server
        .greeting()
        .iter()
        .find_map(|line| line.split_once("http://127.0.0.2:")?.1.strip_suffix('/')?.parse().ok())
        .unwrap();
    let other = SocketAddr::from(([127, 0, 0, 2], port));
    let addresses = [server.address, other];
    let are_served = || {
        for address in addresses {
            assert_eq!(get(address, "/robots.txt", &[]).status, 200);
        }
        let metrics = Client::ask(admin, format!("GET /metrics HTTP/1.1\r\nHost: {admin}\r\n\r\n"));
        let viewers = metrics.text().lines().find(|line| line.starts_with("onlookers_connections"));
        assert!(viewers.is_some(), "{}", metrics.text());
    };
    are_served();
    let mut viewer = Viewer::join(other);
    assert_eq!(viewer.count(), 1);
    for upgrade in 1..=2 {
        server.upgrade();
        server.wait_for_end(upgrade - 1);
        are_served();
    }
}

/// The answer to a request over a Unix socket.
fn ask(path: &Path) -> String {
    let mut stream = UnixStream::connect(path).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    stream
        .write_all(request("GET /count/example.com.txt HTTP/1.1", &["Connection: close"]).as_bytes())
        .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn files_of_unix_sockets_are_kept_and_removed_at_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let [socket, admin] = ["socket", "admin"].map(|name| folder.path().join(name));
    let [at, admin_at] = [&socket, &admin].map(|path| format!("unix:{}", path.display()));
    let args = ["--listen", "127.0.0.1:0", "--listen", &at, "--admin", &admin_at, "--drain", "0s"];
    let mut server = Processes::start(&args);
    let files = [socket.clone(), admin, server.control()];
    let inodes = || files.each_ref().map(|path| fs::metadata(path).unwrap().ino());
    let before = inodes();
    // Its connections move, too.
    let mut stream = UnixStream::connect(&socket).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    stream.write_all(crate::common::view_of("example.com").as_bytes()).unwrap();
    let mut watcher = Viewer::join(server.address);
    watcher.wait_for(2);
    for upgrade in 1..=2 {
        let new = server.upgrade();
        server.wait_for_end(upgrade - 1);
        assert_eq!(inodes(), before, "the same files");
        let answer = ask(&socket);
        assert!(answer.ends_with("\r\n\r\n2"), "{answer}");
        assert!(server.is_running(new));
    }
    server.signal(2, Signal::TERM);
    server.wait_for_end(2);
    let mut all = Vec::new();
    stream.read_to_end(&mut all).unwrap();
    assert!(all.ends_with(CLOSING), "an end in order");
    assert!(files.iter().all(|path| is_gone(path)), "the files are removed");
}

#[test]
fn what_is_denied_later_is_found_among_those_that_moved() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("onlookers.toml");
    let write = |more: &str| fs::write(&file, format!("trust_proxy = [\"127.0.0.0/8\"]\n{more}")).unwrap();
    write("deny_agent = [\"nobody-is-this\"]\n");
    // A later reload denies clients only if they are known, which takes this or --admin.
    let mut server = Processes::start(&["--config", file.to_str().unwrap(), "--admin", "127.0.0.1:0"]);
    let mut stays = reader(server.address, "203.0.113.9", FIREFOX);
    let by_address = reader(server.address, "198.51.100.7", FIREFOX);
    let by_agent = reader(server.address, "203.0.113.10", "Mozilla/5.0 (compatible-ish) BadBrowser/1.0");
    stays.wait_for(3);
    let new = server.upgrade();
    server.wait_for_end(0);
    write("deny_address = [\"198.51.100.0/24\"]\ndeny_agent = [\"badbrowser\"]\n");
    server.signal(new, Signal::HUP);
    for ended in [by_address, by_agent] {
        let (bytes, _) = { ended }.client.read_to_end();
        assert!(bytes.ends_with(CLOSING), "{} bytes, without an end", bytes.len());
    }
    stays.wait_for(1);
    let refused =
        Client::ask(server.address, request("GET /online.png HTTP/1.1", &["X-Forwarded-For: 198.51.100.7"]));
    assert_eq!(refused.status, 403);
}

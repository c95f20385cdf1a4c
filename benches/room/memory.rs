//! What a room takes beyond its viewer, and that it is given back.

use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::sync::Arc;

use clap::Parser;
use onlookers::config::Cli;
use onlookers::feeds::{FeedRef, Feeds, View};
use onlookers::painting::{Painter, Payer, Pictures};
use onlookers::server::Server;
use onlookers_picture::{Label, Style};
use onlookers_rooms::{CountGuard, Counting, Keys, Limits, Page, PageQuery, RoomName, Rooms, Site};
use tokio::sync::oneshot;

const ROOMS: u32 = 100_000;

/// As many pages as a site may have.
const PAGES_A_SITE: u32 = 10_000;

/// Viewers by socket: twice as many, both ends of each, are what 20,000 open files allow.
const VIEWERS: u32 = 4_500;

/// Names of pages that nobody has open.
const NAMES: u32 = 1_000_000;

/// Prints what rooms of one viewer each take, without sockets: the room, its share of its site, its name, the feed, its
/// task, its frame. They come and go twice, for what the allocator keeps for later it doesn't give back to the system.
/// Needs a tokio runtime of one thread.
pub(crate) async fn print() {
    let rooms = Rooms::new(Limits::default());
    let painter = Arc::new(Painter::start(0).expect("no thread is needed"));
    let feeds = Feeds::new(painter, Arc::new(Pictures::new(1 << 20)), Arc::new(()));
    let keys = Keys::new().expect("randomness");
    // The feed goes first, as with a viewer in the fan-out: nobody is left to be shown that they have gone.
    let mut crowd: Vec<(FeedRef, CountGuard)> = Vec::with_capacity(ROOMS as usize);
    let before = resident();
    let mut most = Vec::new();
    for _ in 0..2 {
        crowd.extend((0..ROOMS).map(|number| open(&rooms, &feeds, &keys, number)));
        for _ in 0..ROOMS {
            tokio::task::yield_now().await;
        }
        most.push((resident() - before) as f64 / f64::from(ROOMS));
        crowd.clear();
        // The feeds' tasks end with them, one by one.
        while !rooms.is_empty() {
            tokio::task::yield_now().await;
        }
    }
    println!(
        "{ROOMS} rooms of one viewer each, without sockets: {:.0} bytes a room beyond its viewer; {:+.0} when as many come anew",
        most[0] - size_of::<(FeedRef, CountGuard)>() as f64,
        most[1] - most[0],
    );
}

/// Prints the same for a whole server: what viewers take who are each in a room of their own, less what as many take who
/// are in one.
pub(crate) fn print_served() {
    let config = Cli::parse_from(["onlookers", "--listen", "127.0.0.1:0", "--repaint", "1h"]).config;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    let server = runtime.block_on(async { Server::bind(&config).expect("a server") });
    let address = server.addresses()[0];
    let (stop, stopped) = oneshot::channel::<()>();
    let serving = runtime.spawn(server.run(async { drop(stopped.await) }));
    // Once before, for what a server keeps of its busiest time.
    drop(crowd(address, |_| 0));
    let mut here = Vec::new();
    let mut take = |page: fn(u32) -> u32| {
        let before = resident();
        here.push(crowd(address, page));
        (resident() - before) as f64 / f64::from(VIEWERS)
    };
    let (together, apart) = (take(|_| 0), take(|number| number + 1));
    println!(
        "{VIEWERS} rooms of one viewer each, served: {:.0} bytes a room beyond its viewer",
        apart - together
    );
    drop(here);
    throw(address, 10_000);
    let before = resident();
    throw(address, NAMES);
    println!(
        "{NAMES} names of pages that nobody has open: {:+} bytes in all",
        resident() as i64 - before as i64
    );
    drop(stop);
    let _ = runtime.block_on(serving);
}

fn open(rooms: &Rooms, feeds: &Feeds, keys: &Keys, number: u32) -> (FeedRef, CountGuard) {
    let site: Site = format!("site-{}.example", number / PAGES_A_SITE).parse().expect("a site's name");
    let page =
        Page::new(&format!("/posts/{}", number % PAGES_A_SITE), PageQuery::Drop).expect("a page's name");
    let visitor = keys.visitor(&site, IpAddr::V4(number.into()), b"Mozilla/5.0");
    let name = RoomName::page(site, page);
    let guard = rooms.join(&name, Some(&visitor)).expect("room for one more");
    let view = View::Count { counting: Counting::Tabs, style: Style::plain(Label::default()) };
    let opener = Payer::client(IpAddr::V4(number.into()));
    let (feed, _) = feeds.open(&rooms.open(&name), view.clone(), &view, &opener);
    (feed, guard)
}

/// As many viewers as may be, each on the page of that number, once each has its first picture.
fn crowd(address: SocketAddr, page: impl Fn(u32) -> u32) -> Vec<TcpStream> {
    (0..VIEWERS).map(|number| view(address, page(number))).collect()
}

fn view(address: SocketAddr, page: u32) -> TcpStream {
    let mut socket = TcpStream::connect(address).expect("a connection");
    let request = format!(
        "GET /online.png?u=1&page=/posts/{page} HTTP/1.1\r\nHost: counter.example\r\nReferer: https://example.com/\r\n\r\n"
    );
    socket.write_all(request.as_bytes()).expect("a request");
    let mut answer = [0; 4096];
    let read = socket.read(&mut answer).expect("an answer");
    assert!(answer[..read].starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&answer[..read]));
    socket
}

/// Asks for the counts of so many pages that nobody has open.
fn throw(address: SocketAddr, names: u32) {
    let mut socket = TcpStream::connect(address).expect("a connection");
    let mut answer = [0; 4096];
    for name in 0..names {
        let request = format!("GET /count/example.com/n{name}.txt HTTP/1.1\r\nHost: counter.example\r\n\r\n");
        socket.write_all(request.as_bytes()).expect("a request");
        let read = socket.read(&mut answer).expect("an answer");
        assert!(answer[..read].ends_with(b"\r\n\r\n0"), "{}", String::from_utf8_lossy(&answer[..read]));
    }
}

/// Bytes of memory that the process has.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("a line of it");
    line.split_whitespace().nth(1).and_then(|kib| kib.parse::<u64>().ok()).expect("KiB") * 1024
}

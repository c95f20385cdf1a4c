//! The old process stays for connections that can't move, and all processes show the same numbers.

use rustix::process::Signal;

use crate::common::h2::Connection;
use crate::common::listener::Listener;
use crate::common::tls::{self, Version};
use crate::common::viewer::Viewer;
use crate::processes::{Processes, join};

/// How many connections can't move.
const STAYING: usize = 100;

/// How many can.
const MOVING: usize = 20;

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_http_2_connections_are_served_until_they_have_gone() {
    let mut server = Processes::start(&[]);
    let address = server.address;
    let (mut connections, mut streams, mut moving) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..STAYING {
        let mut connection = Connection::open(address).await;
        streams.push(connection.view().await);
        connections.push(connection);
    }
    for _ in 0..MOVING {
        moving.push(Viewer::join(address));
    }
    // Who listens is counted, too.
    let mut listening = connections[0].get("/events/example.com", &[("origin", "https://example.com")]).await;
    let mut listener = Listener::join(address, "/events/example.com");
    let all = (STAYING + MOVING + 2) as u64;
    for stream in &mut streams {
        stream.wait_for(all).await;
    }
    moving.iter_mut().for_each(|viewer| _ = viewer.wait_for(all));
    listener.wait_for(all);
    while !listening.text_through("", "\n\n").await.contains(&says(all)) {}

    let new = server.upgrade();
    // Each gets a frame of the new process, with the number of before.
    for viewer in &mut moving {
        assert_eq!(viewer.count(), all);
    }
    assert_eq!(listener.count(), all);
    // From here on nothing but the two true numbers is shown anywhere.
    let mut newcomer = Viewer::join(address);
    newcomer.reaches(all + 1, &[all]);
    for stream in &mut streams {
        stream.reaches(all + 1, &[all]).await;
    }
    moving.iter_mut().for_each(|viewer| viewer.reaches(all + 1, &[all]));
    while listener.count() != all + 1 {}
    loop {
        let event = listening.text_through("id: ", "\n\n").await;
        assert!(event.contains(&says(all)) || event.contains(&says(all + 1)), "{event}");
        if event.contains(&says(all + 1)) {
            break;
        }
    }
    for connection in &mut connections {
        connection.refuses().await;
    }
    assert!(server.is_running(0), "for the connections that couldn't move");

    // A new connection is the new process', like all that moved.
    let mut new_connection = Connection::open(address).await;
    let mut new_stream = new_connection.view().await;
    new_stream.reaches(all + 2, &[all + 1]).await;
    drop((streams, listening, connections));
    server.wait_for_end(0);
    let left = (MOVING + 3) as u64;
    moving.iter_mut().for_each(|viewer| _ = viewer.wait_for(left));
    new_stream.wait_for(left).await;
    listener.wait_for(left);
    newcomer.wait_for(left);
    assert!(server.is_running(new));
}

fn says(count: u64) -> String {
    format!("\"count\":{count},")
}

fn secure(more: &[&str]) -> Processes {
    Processes::start(&[&tls::listen(tls::pair())[..], more].concat())
}

#[test]
fn clients_of_tls_1_2_are_served_until_they_have_gone() {
    let mut server = secure(&[]);
    let mut staying: Vec<_> = (0..MOVING).map(|_| join(&server, Version::V1_2)).collect();
    let mut moving: Vec<_> = (0..MOVING).map(|_| join(&server, Version::V1_3)).collect();
    let all = 2 * MOVING as u64;
    staying.iter_mut().chain(&mut moving).for_each(|viewer| _ = viewer.wait_for(all));
    server.upgrade();
    moving.iter_mut().for_each(|viewer| assert_eq!(viewer.count(), all));
    // Of the old version, and yet the new process'.
    let newcomer = join(&server, Version::V1_2);
    staying.iter_mut().chain(&mut moving).for_each(|viewer| viewer.reaches(all + 1, &[all]));
    assert!(server.is_running(0));
    drop(newcomer);
    staying.iter_mut().chain(&mut moving).for_each(|viewer| viewer.reaches(all, &[all + 1]));
    drop(staying);
    server.wait_for_end(0);
    moving.iter_mut().for_each(|viewer| _ = viewer.wait_for(MOVING as u64));
}

#[tokio::test(flavor = "multi_thread")]
async fn after_linger_they_end_in_order() {
    let mut server = secure(&["--listen", "127.0.0.1:0", "--linger", "1s", "--drain", "1s"]);
    let plain = server.plain();
    let staying: Vec<_> = (0..MOVING).map(|_| join(&server, Version::V1_2)).collect();
    let mut connection = Connection::open(plain).await;
    let mut stream = connection.view().await;
    let mut moving = join(&server, Version::V1_3);
    moving.wait_for(MOVING as u64 + 2);
    server.upgrade();
    staying.into_iter().for_each(Viewer::read_orderly_end);
    let end = stream.read_to_end().await.expect("an end in order");
    assert!(end.ends_with(crate::common::parts::CLOSING));
    server.wait_for_end(0);
    moving.wait_for(1);
    let one_more = join(&server, Version::V1_3);
    moving.wait_for(2);
    drop(one_more);
}

/// Three upgrades, each of which leaves one behind.
struct Generations {
    server: Processes,
    /// The viewer that stays with each process, the oldest first.
    staying: Vec<Viewer>,
    moving: Viewer,
}

impl Generations {
    fn new() -> Self {
        let server = secure(&[]);
        let moving = join(&server, Version::V1_3);
        let mut this = Self { server, staying: Vec::new(), moving };
        for _ in 0..3 {
            this.staying.push(join(&this.server, Version::V1_2));
            let all = this.staying.len() as u64 + 1;
            this.all_reach(all, &[all - 1]);
            this.server.upgrade();
            assert_eq!(this.moving.count(), all, "the first frame of the new process");
        }
        this
    }

    fn all_reach(&mut self, count: u64, others: &[u64]) {
        for viewer in self.staying.iter_mut().chain([&mut self.moving]) {
            viewer.reaches(count, others);
        }
    }

    /// One comes to the newest process and leaves; all see that.
    fn are_right(&mut self) {
        let all = self.staying.len() as u64 + 1;
        let newcomer = join(&self.server, Version::V1_3);
        self.all_reach(all + 1, &[all]);
        drop(newcomer);
        self.all_reach(all, &[all + 1]);
    }
}

#[test]
fn counts_are_right_in_each_of_four_processes() {
    let mut four = Generations::new();
    four.are_right();
    // The middle one ends.
    drop(four.staying.remove(1));
    four.all_reach(3, &[4]);
    four.server.wait_for_end(1);
    assert!([0, 2, 3].iter().all(|process| four.server.is_running(*process)));
    four.are_right();
    drop(four.staying.remove(0));
    four.all_reach(2, &[3]);
    four.server.wait_for_end(0);
    four.are_right();
    four.server.upgrade();
    four.are_right();
}

#[test]
fn counts_are_right_when_a_process_between_is_killed() {
    let mut four = Generations::new();
    four.server.signal(2, Signal::KILL);
    let gone = four.staying.remove(2);
    four.all_reach(3, &[4]);
    drop(gone);
    four.are_right();
    // Another one becomes the hub of those that are left.
    four.server.upgrade();
    four.are_right();
}

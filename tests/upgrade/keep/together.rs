//! A server with a keeper, which counts together with another one through Redis, is killed.

use super::server::Kept;
use crate::common::client::Client;
use crate::common::listener::Listener;
use crate::common::redis::RedisServer;
use crate::common::tls::{self, Version};
use crate::common::view_of;
use crate::common::viewer::Viewer;
use crate::processes::Processes;

/// How many viewers there are at the server that is killed: such as the next one goes on with, and such as it can't.
const GOING_ON: u64 = 20;
const LOST: u64 = 3;

/// How often it is killed.
const KILLS: u64 = 3;

fn join(server: &Kept, version: Version) -> Viewer {
    let mut client = Client::connect_tls(server.tls, tls::client(version));
    client.send(view_of("example.com"));
    Viewer::opened(client)
}

/// The next server goes on as the same node, so that the other one hears of nothing but what has changed.
#[test]
fn another_server_counts_nobody_twice() {
    let redis = RedisServer::start();
    let server = Kept::start(&["--redis", &redis.url()]);
    let other = Processes::start(&["--redis", &redis.url()]);
    let mut elsewhere = Viewer::join(other.address);
    let mut listener = Listener::join(other.address, "/events/example.com");
    let mut going_on: Vec<_> = (0..GOING_ON).map(|_| join(&server, Version::V1_3)).collect();
    let lost: Vec<_> = (0..LOST).map(|_| join(&server, Version::V1_2)).collect();
    let mut all = GOING_ON + LOST + 2;
    elsewhere.wait_for(all);
    listener.wait_for(all);
    going_on.iter_mut().for_each(|viewer| _ = viewer.wait_for(all));
    for kill in 0..KILLS {
        server.wait_until_kept(going_on.len());
        server.kill_server();
        if kill == 0 {
            // Their connections have gone with the server.
            all -= LOST;
            assert_eq!((elsewhere.count(), listener.count()), (all, all));
        }
        for viewer in &mut going_on {
            assert_eq!(viewer.count(), all, "the first frame of the next server");
        }
        // One more, which the next server counts, is all that the other one's pages are told.
        going_on.push(join(&server, Version::V1_3));
        all += 1;
        assert_eq!((elsewhere.count(), listener.count()), (all, all));
        going_on.iter_mut().for_each(|viewer| viewer.reaches(all, &[all - 1]));
    }
    drop((lost, going_on));
    elsewhere.wait_for(2);
    listener.wait_for(2);
}

//! `/readyz` says whether the server can take more viewers, and if not, why.

use std::net::SocketAddr;
use std::time::Instant;

use rustix::process::Signal;

use super::scrape::{metrics, server, value};
use crate::common::DEADLINE;
use crate::common::client::get;
use crate::common::redis::RedisServer;
use crate::common::server::TestServer;
use crate::common::viewer::Viewer;

const READY: (u16, &str) = (200, "ready\n");

/// Asks until the answer is this.
pub(crate) fn wait_until(admin: SocketAddr, wanted: (u16, &str)) {
    let started = Instant::now();
    loop {
        let response = get(admin, "/readyz", &[]);
        if (response.status, response.text()) == wanted {
            return;
        }
        assert!(started.elapsed() < DEADLINE, "{response:?}");
    }
}

/// Whether a load balancer should send viewers to the server. Operators get the same answer as the public, and a reason.
fn is_healthy(server: &TestServer) -> bool {
    let [public, admin] = [server.address, server.admin()].map(|place| get(place, "/healthz", &[]));
    public.assert_safe();
    match (public.status, public.text()) {
        (200, "ready\n") => assert_eq!((admin.status, admin.text()), READY),
        (503, "full\n") => {
            assert!(admin.status == 503 && admin.text().starts_with("there are "), "{admin:?}")
        }
        _ => panic!("{public:?}"),
    }
    public.status == 200
}

#[test]
fn a_full_server_is_not_ready_until_somebody_leaves() {
    let server = server(&["--max-viewers", "1"]);
    wait_until(server.admin(), READY);
    assert!(is_healthy(&server));
    let mut viewer = Viewer::join(server.address);
    viewer.wait_for(1);
    wait_until(server.admin(), (503, "there are as many viewers as there may be (--max-viewers)\n"));
    assert!(!is_healthy(&server));
    let text = metrics(server.admin());
    assert_eq!(value(&text, r#"onlookers_unready{reason="viewers"}"#), 1.0);
    assert_eq!(value(&text, r#"onlookers_unready{reason="stopping"}"#), 0.0);
    drop(viewer);
    wait_until(server.admin(), READY);
}

#[test]
fn a_server_with_all_its_sites_is_not_ready() {
    let server = server(&["--max-sites", "1"]);
    let mut viewer = Viewer::join(server.address);
    viewer.wait_for(1);
    wait_until(server.admin(), (503, "there are as many sites as there may be (--max-sites)\n"));
}

#[test]
fn a_node_that_counts_alone_is_not_ready() {
    let mut redis = RedisServer::start();
    let server = server(&["--redis", &redis.url()]);
    wait_until(server.admin(), READY);
    let text = metrics(server.admin());
    assert_eq!((value(&text, "onlookers_redis_up"), value(&text, "onlookers_nodes")), (1.0, 1.0));
    assert!(value(&text, "onlookers_redis_answers_seconds_count") >= 1.0, "{text}");
    assert!(value(&text, r#"onlookers_lease_age_seconds{of="own"}"#) < 10.0, "{text}");
    redis.kill();
    wait_until(server.admin(), (503, "Redis can't be reached: this node counts alone\n"));
    assert!(is_healthy(&server), "no other node would be better");
    let text = metrics(server.admin());
    assert_eq!(value(&text, "onlookers_redis_up"), 0.0);
    assert!(value(&text, "onlookers_redis_failures_total") >= 1.0, "{text}");
    redis.restart();
    wait_until(server.admin(), READY);
}

#[test]
fn a_server_that_stops_says_so_until_its_streams_have_ended() {
    let mut program = super::program(&["--admin", "127.0.0.1:0", "--drain", "60s"]);
    let admin = super::admin_of(&program);
    let mut viewer = Viewer::join(program.address);
    viewer.wait_for(1);
    wait_until(admin, READY);
    program.signal(Signal::TERM);
    // Its client doesn't read the end, so the stream is open still.
    wait_until(admin, (503, "the server stops\n"));
    assert_eq!(get(admin, "/livez", &[]).status, 200);
    viewer.read_orderly_end();
    assert!(program.wait().success());
}

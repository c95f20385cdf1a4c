//! A reader whose network has gone, behind a proxy.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::common::net::Net;
use crate::common::viewer::Viewer;
use crate::files::{Kind, Proxy, server};
use crate::link::{Door, Page};

/// What the files tell to set on the proxy's host.
const SYSCTL: &str = "#     net.ipv4.tcp_retries2 = ";

/// The variable that tells a page the address of the proxy.
const PROXY: &str = "TEST_PROXY";

/// The retries take 25 s; they begin with the next frame.
const AT_MOST: Duration = Duration::from_secs(35);

for_each_proxy!(a_vanished_reader_is_uncounted_within_35_s);

fn a_vanished_reader_is_uncounted_within_35_s(kind: Kind) {
    let retries = kind.file().lines().find_map(|line| line.strip_prefix(SYSCTL));
    assert!(retries.is_some() || kind.file().contains("tcp-ut"));
    if let Some(retries) = retries {
        std::fs::write("/proc/sys/net/ipv4/tcp_retries2", retries).unwrap();
    }
    let net = Net::new();
    let server = server(&[]);
    let _proxy = Proxy::start(kind);
    let mut viewer = Viewer::join(server.address);
    let _far = Far::open(&net);
    viewer.wait_for(2);
    net.cut();
    let took = viewer.wait_longer_for(1, 2 * AT_MOST);
    println!("{kind:?}: vanished, uncounted after {took:?}");
    assert!(took < AT_MOST, "{took:?}");
}

/// A page in another network; killed when dropped.
struct Far(Child);

impl Far {
    fn open(net: &Net) -> Self {
        let child = Command::new("ip")
            .args(["netns", "exec", &net.name])
            .arg(std::env::current_exe().unwrap())
            .args(["--exact", "vanish::as_a_far_page", "--ignored"])
            .env(PROXY, net.here.to_string())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        Self(child.unwrap())
    }
}

impl Drop for Far {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
#[ignore = "not a test: another runs it as the process that has a page open"]
fn as_a_far_page() {
    let proxy = std::env::var(PROXY).unwrap().parse().unwrap();
    Page::open(proxy, Door::Plain(80), "/online.png?u=1").wait_until_end();
}

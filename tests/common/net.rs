//! A network of a test's own.

use std::net::{IpAddr, Ipv4Addr};
use std::process::Command;

/// A network namespace of its own, connected by a veth pair.
pub(crate) struct Net {
    pub(crate) name: String,
    /// The address of this end; as a peer, a client in the public internet.
    pub(crate) here: IpAddr,
    there: IpAddr,
}

impl Net {
    pub(crate) fn new() -> Self {
        let id = std::process::id();
        // From the range reserved for network tests (RFC 2544), four addresses for each test.
        let at = |last| {
            IpAddr::from(Ipv4Addr::new(
                198,
                18 + (id >> 14 & 1) as u8,
                (id >> 6) as u8,
                (id as u8 & 63) * 4 + last,
            ))
        };
        let net = Self { name: format!("onl{id}"), here: at(1), there: at(2) };
        let Self { name, here, there } = &net;
        ip(&format!("netns add {name}"));
        ip(&format!("link add {name} type veth peer name far netns {name}"));
        ip(&format!("addr add {here}/30 dev {name}"));
        ip(&format!("link set {name} up"));
        ip(&format!("-n {name} addr add {there}/30 dev far"));
        ip(&format!("-n {name} link set far up"));
        net
    }

    /// From now on every packet is lost in both directions; neither end gets an error.
    pub(crate) fn cut(&self) {
        let Self { name, here, there } = self;
        let nobody = "lladdr 02:00:00:00:00:99 nud permanent";
        ip(&format!("neigh replace {there} {nobody} dev {name}"));
        ip(&format!("-n {name} neigh replace {here} {nobody} dev far"));
    }

    /// From now on packets arrive again.
    pub(crate) fn mend(&self) {
        let Self { name, here, there } = self;
        ip(&format!("neigh del {there} dev {name}"));
        ip(&format!("-n {name} neigh del {here} dev far"));
    }
}

impl Drop for Net {
    fn drop(&mut self) {
        let _ = Command::new("ip").args(["netns", "del", &self.name]).status();
        let _ =
            Command::new("ip").args(["link", "del", &self.name]).stderr(std::process::Stdio::null()).status();
    }
}

fn ip(words: &str) {
    let run = Command::new("ip").args(words.split(' ')).output();
    let run = run.expect("this test needs the program ip (Debian and Ubuntu: apt-get install iproute2)");
    let said = String::from_utf8_lossy(&run.stderr);
    assert!(
        run.status.success(),
        "this test makes a network of its own, which root may do: ip {words}: {said}"
    );
}

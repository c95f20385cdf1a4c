//! Machines: network namespaces that a bridge connects, in a network of the test's own.

use std::fs::File;
use std::net::Ipv4Addr;
use std::thread;

use rustix::fd::AsFd;
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use super::network::{is_own, run};

/// The name of the bridge.
const BRIDGE: &str = "lan0";

/// A link-layer address that nobody has.
const NOBODY: &str = "lladdr 02:00:00:00:00:99 nud permanent";

/// What connects machines. The test itself is at [`Lan::TEST`].
pub(crate) struct Lan(());

/// A machine with one address. It and its network are gone when the test's process is.
pub(crate) struct Machine {
    name: String,
    pub(crate) address: Ipv4Addr,
}

impl Lan {
    /// The test's own address.
    pub(crate) const TEST: Ipv4Addr = Ipv4Addr::new(10, 91, 92, 1);

    /// Only for a test in a network of its own, whose mounts nobody else sees.
    pub(crate) fn new() -> Self {
        assert!(is_own(), "namespaces would stay after a test that was killed");
        // Names of namespaces are mounts there.
        run("mount", "-t tmpfs tmpfs /run");
        // A bridge without an address of its own takes one of its ports', and changes it with each new port: packets to the
        // one that machines have learnt would be lost.
        run("ip", &format!("link add {BRIDGE} address 02:00:00:00:00:01 type bridge"));
        run("ip", &format!("addr add {}/24 dev {BRIDGE}", Self::TEST));
        run("ip", &format!("link set {BRIDGE} up"));
        Self(())
    }

    /// Connects another machine, which has this address and is called `mN` after its last byte.
    pub(crate) fn machine(&self, address: Ipv4Addr) -> Machine {
        let name = format!("m{}", address.octets()[3]);
        run("ip", &format!("netns add {name}"));
        run("ip", &format!("link add {name} type veth peer name eth0 netns {name}"));
        run("ip", &format!("link set {name} master {BRIDGE} up"));
        let machine = Machine { name, address };
        machine.ip(&format!("addr add {address}/24 dev eth0"));
        machine.ip("link set eth0 up");
        machine.ip("link set lo up");
        machine
    }
}

impl Machine {
    /// Runs `body`, and all processes that it starts, on this machine.
    pub(crate) fn run<T: Send>(&self, body: impl FnOnce() -> T + Send) -> T {
        let namespace = File::open(format!("/run/netns/{}", self.name)).unwrap();
        let on_machine = || {
            move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network)).unwrap();
            body()
        };
        // Of a process, each thread may have a network of its own.
        thread::scope(|scope| scope.spawn(on_machine).join()).unwrap()
    }

    /// From now on packets that this machine sends to the other are lost; neither gets an error.
    pub(crate) fn lose_packets_to(&self, other: &Self) {
        self.ip(&format!("neigh replace {} {NOBODY} dev eth0", other.address));
    }

    /// From now on they arrive again.
    pub(crate) fn mend(&self, other: &Self) {
        self.ip(&format!("neigh del {} dev eth0", other.address));
    }

    fn ip(&self, words: &str) {
        run("ip", &format!("-n {} {words}", self.name));
    }
}

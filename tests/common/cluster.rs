//! More than one of Debian's redis-server.

use std::process::Command;

use super::redis::{RedisServer, free_port};
use super::sentinel::Sentinel;

/// What redis-cli says.
pub(crate) fn cli(words: &[&str]) -> String {
    let run = Command::new("redis-cli").args(words).output();
    let run = run.expect("this test needs the program redis-cli (Debian and Ubuntu: redis-tools)");
    let said = String::from_utf8([run.stdout, run.stderr].concat()).unwrap();
    assert!(run.status.success(), "redis-cli {words:?}: {said}");
    said
}

/// Three shards without replicas.
pub(crate) fn cluster() -> [RedisServer; 3] {
    let mut addresses = Vec::new();
    let shards = [(); 3].map(|()| {
        let bus = free_port().to_string();
        let name = ["--cluster-enabled", "yes", "--cluster-port", &bus];
        let server = RedisServer::with(&[&name[..], &["--cluster-require-full-coverage", "no"]].concat());
        addresses.push(format!("127.0.0.1:{}@{bus}", server.port()));
        server
    });
    let [one, two, three] = &addresses[..] else { unreachable!() };
    let said = cli(&["--cluster", "create", one, two, three, "--cluster-yes"]);
    assert!(said.contains("All 16384 slots covered"), "{said}");
    shards
}

/// A master with a replica, and what watches them.
pub(crate) struct Watched {
    pub(crate) master: RedisServer,
    pub(crate) replica: RedisServer,
    pub(crate) sentinel: Sentinel,
}

impl Watched {
    /// Waits until the replica has the master's data, and the sentinel knows it.
    pub(crate) fn start() -> Self {
        let master = RedisServer::with(&["--repl-diskless-sync-delay", "0"]);
        let replica = RedisServer::with(&["--replicaof", &format!("127.0.0.1 {}", master.port())]);
        let port = replica.port().to_string();
        while !cli(&["-p", &port, "info", "replication"]).contains("master_link_status:up") {}
        let mut sentinel = Sentinel::watching(master.port(), free_port());
        sentinel.until("+slave slave");
        Self { master, replica, sentinel }
    }

    /// With the address of a sentinel that isn't there, too.
    pub(crate) fn url(&self) -> String {
        format!("redis+sentinel://127.0.0.1:1,127.0.0.1:{}/main", self.sentinel.port())
    }
}

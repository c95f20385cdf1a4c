//! Several nodes with Redis and pebble.

use std::fs::{self, DirBuilder, File};
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::DirBuilderExt;
use std::path::PathBuf;
use std::process::Command;

use onlookers::config::Config;
use redis::Commands;
use rustix::fs::{FlockOperation, flock};

use crate::common::program::onlookers;
use crate::common::redis::RedisServer;
use crate::common::server::TestServer;
use crate::pebble::{NAME, Pebble, Place, answer_dns};
use crate::secure::{Secure, connect, wait_for};

const HTTP_1: &[u8] = b"http/1.1";
pub(crate) const KEY: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
pub(crate) const OTHER_KEY: &str = "ffffffffffffffffffffffffffffffff101112131415161718191a1b1c1d1e1f";

/// A place with Redis, and the key that nodes share.
pub(crate) struct Site {
    pub(crate) place: Place,
    pub(crate) redis: RedisServer,
}

impl Site {
    pub(crate) fn new() -> Self {
        answer_dns();
        let place = Place::new();
        fs::write(place.path("key"), KEY).unwrap();
        fs::write(place.path("other-key"), OTHER_KEY).unwrap();
        Self { place, redis: RedisServer::start() }
    }

    /// The configuration of the node with that number, which listens at 127.0.0.NUMBER and has a folder of its own.
    pub(crate) fn config(&self, number: u8) -> Config {
        self.config_with(number, Pebble::PORT)
    }

    /// The same with the authority at that port.
    pub(crate) fn config_with(&self, number: u8, port: u16) -> Config {
        let key = self.place.path("key").display().to_string();
        let more = ["--redis", &self.redis.url(), "--acme-key-file", &key];
        let listen = [format!("tls:{}", at(number, 443)), at(number, 80).to_string()];
        self.place.config(&listen, &folder(number), port, &more)
    }

    pub(crate) fn node(&self, number: u8) -> TestServer {
        TestServer::with(self.config(number))
    }

    /// The program as that node, with Redis at that URL and the key in that file.
    pub(crate) fn program(&self, number: u8, redis: &str, key: &str) -> Command {
        let mut command = onlookers();
        command.args([
            "--listen",
            &format!("tls:{}", at(number, 443)),
            "--listen",
            &at(number, 80).to_string(),
        ]);
        let [key, dir, ca] =
            [key, &folder(number), "root.pem"].map(|name| self.place.path(name).display().to_string());
        let directory = format!("https://127.0.0.1:{}/dir", Pebble::PORT);
        command.args(["--acme", NAME, "--acme-agree", "--acme-dir", &dir, "--acme-ca", &ca]);
        command.args(["--acme-directory", &directory, "--redis", redis, "--acme-key-file", &key]);
        command
    }

    /// Has the first node order nothing itself, as another process would that has its folder's lock.
    pub(crate) fn bar_the_first(&self) -> File {
        let folder = self.folder(1);
        DirBuilder::new().recursive(true).mode(0o700).create(&folder).unwrap();
        let lock = File::create(folder.join("lock")).unwrap();
        flock(&lock, FlockOperation::NonBlockingLockExclusive).unwrap();
        lock
    }

    /// What the node with that number keeps of pebble.
    pub(crate) fn folder(&self, number: u8) -> PathBuf {
        self.folder_of(number, Pebble::PORT)
    }

    /// The same of the authority at that port.
    pub(crate) fn folder_of(&self, number: u8, port: u16) -> PathBuf {
        self.place.path(&folder(number)).join(format!("127.0.0.1-{port}-dir"))
    }

    pub(crate) fn connection(&self) -> redis::Connection {
        redis::Client::open(self.redis.url()).unwrap().get_connection().unwrap()
    }

    /// What nodes share, by the ends of the keys.
    pub(crate) fn shared(&self) -> Vec<(String, Vec<u8>)> {
        let mut connection = self.connection();
        let mut keys: Vec<String> = connection.keys("onlookers:acme:*").unwrap();
        keys.sort();
        let value = |key: String| {
            // It may be gone by now.
            let value: Option<Vec<u8>> = connection.get(&key).unwrap();
            Some((key.strip_prefix(&prefix()).unwrap().to_owned(), value?))
        };
        keys.into_iter().filter_map(value).collect()
    }

    /// Waits until nodes share exactly this.
    pub(crate) fn wait_until_shared(&self, keys: &[&str]) -> Vec<(String, Vec<u8>)> {
        wait_for("something else is shared", 3, || {
            let shared = self.shared();
            shared.iter().map(|(key, _)| key.as_str()).eq(keys.iter().copied()).then_some(shared)
        })
    }

    /// How many values Redis was asked for.
    pub(crate) fn questions(&self) -> u64 {
        calls(&mut self.connection(), "getrange")
    }

    /// How many certificates pebble has given.
    pub(crate) fn orders(&self) -> usize {
        let log = fs::read_to_string(self.place.path("pebble.log")).unwrap();
        log.matches("Issued certificate serial").count()
    }
}

/// How often Redis was given a command.
pub(crate) fn calls(connection: &mut redis::Connection, command: &str) -> u64 {
    let statistics: String = redis::cmd("INFO").arg("commandstats").query(connection).unwrap();
    let calls = statistics
        .split_once(&format!("cmdstat_{command}:calls="))
        .and_then(|(_, calls)| calls.split_once(','));
    calls.map_or(0, |(calls, _)| calls.parse().unwrap())
}

pub(crate) fn at(number: u8, port: u16) -> SocketAddr {
    (Ipv4Addr::new(127, 0, 0, number), port).into()
}

fn folder(number: u8) -> String {
    format!("acme-{number}")
}

pub(crate) fn prefix() -> String {
    format!("onlookers:acme:127.0.0.1-{}-dir:", Pebble::PORT)
}

pub(crate) fn try_tls(number: u8, root: &str) -> Option<Secure> {
    connect(at(number, 443), NAME, HTTP_1, root).ok()
}

/// The connection to a node, once it has a certificate.
pub(crate) fn tls(number: u8, root: &str) -> Secure {
    wait_for("there is no certificate", 3, || try_tls(number, root))
}

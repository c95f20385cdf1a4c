//! Debian's redis-server, and what it says of its work.

use crate::load::{Outcome, account::Account, server::Server};
use std::{
    net::{Ipv4Addr, SocketAddr, TcpListener},
    thread,
    time::{Duration, Instant},
};

/// How long it may take to start.
const START: Duration = Duration::from_secs(10);

pub(crate) struct Redis {
    pub(crate) url: String,
    account: Account,
    connection: redis::Connection,
    _server: Server,
}

/// What it has done since it started.
#[derive(Clone, Copy, Default)]
pub(crate) struct Work {
    /// Commands, but not those that ask for this.
    pub(crate) commands: f64,
    pub(crate) publishes: f64,
    /// How many were opened.
    pub(crate) connections: f64,
    /// How often it has read what connections sent: at least once for each round trip, and once more for every 16 KiB.
    pub(crate) reads: f64,
    pub(crate) bytes_in: f64,
    pub(crate) bytes_out: f64,
    /// Seconds.
    pub(crate) cpu: f64,
}

impl Redis {
    /// Starts it on a free port, with nothing on disk.
    pub(crate) fn start() -> Outcome<Self> {
        let address = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
        let port = address.port().to_string();
        let options =
            ["redis-server", "--bind", "127.0.0.1", "--port", &port, "--save", "", "--appendonly", "no"];
        let server = Server::start(&options.map(String::from), "redis", Some(address))?;
        let url = format!("redis://{address}");
        let connection = connect(&url, address)?;
        Ok(Self { url, account: server.account, connection, _server: server })
    }

    pub(crate) fn work(&mut self) -> Outcome<Work> {
        let info = self.info("everything")?;
        let field = |name: &str| number(&info, &format!("{name}:"));
        let calls = |command: &str| number(&info, &format!("cmdstat_{command}:calls="));
        Ok(Work {
            commands: field("total_commands_processed") - calls("info"),
            publishes: calls("publish"),
            connections: field("total_connections_received"),
            reads: field("total_reads_processed") - calls("info"),
            bytes_in: field("total_net_input_bytes"),
            bytes_out: field("total_net_output_bytes"),
            cpu: self.account.cpu()?.as_secs_f64(),
        })
    }

    /// Each command that it has executed, with how often.
    pub(crate) fn commands(&mut self) -> Outcome<Vec<(String, f64)>> {
        let info = self.info("commandstats")?;
        let names = info.lines().filter_map(|line| line.strip_prefix("cmdstat_")?.split_once(':'));
        Ok(names
            .map(|(name, _)| (name.to_owned(), number(&info, &format!("cmdstat_{name}:calls="))))
            .collect())
    }

    /// Bytes of memory that the system has given it.
    pub(crate) fn memory(&self) -> Outcome<u64> {
        self.account.memory()
    }

    fn info(&mut self, section: &str) -> Outcome<String> {
        Ok(redis::cmd("INFO").arg(section).query(&mut self.connection)?)
    }
}

impl Work {
    /// What was done between two of them.
    pub(crate) fn since(self, before: Self) -> Self {
        Self {
            commands: self.commands - before.commands,
            publishes: self.publishes - before.publishes,
            connections: self.connections - before.connections,
            reads: self.reads - before.reads,
            bytes_in: self.bytes_in - before.bytes_in,
            bytes_out: self.bytes_out - before.bytes_out,
            cpu: self.cpu - before.cpu,
        }
    }
}

fn connect(url: &str, address: SocketAddr) -> Outcome<redis::Connection> {
    let started = Instant::now();
    loop {
        match redis::Client::open(url)?.get_connection() {
            Ok(connection) => return Ok(connection),
            Err(error) if started.elapsed() > START => {
                return Err(format!("redis at {address}: {error}").into());
            }
            Err(_) => thread::sleep(Duration::from_millis(10)),
        }
    }
}

/// The number after a text, 0 if there is none.
fn number(info: &str, before: &str) -> f64 {
    let rest = info.lines().find_map(|line| line.strip_prefix(before));
    let digits = rest.and_then(|rest| rest.split(|c: char| !c.is_ascii_digit()).next());
    digits.and_then(|digits| digits.parse().ok()).unwrap_or(0.0)
}

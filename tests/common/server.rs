//! A server in this process.

use std::net::SocketAddr;
use std::sync::mpsc;
use std::thread::JoinHandle;

use clap::Parser;
use onlookers::config::{Cli, Config};
use onlookers::server::{Control, Server};
use tokio::sync::oneshot;

use super::{log, tls};

/// A server that runs until it is stopped or dropped, with a runtime of its own.
pub(crate) struct TestServer {
    /// The first of its addresses.
    pub(crate) address: SocketAddr,
    pub(crate) addresses: Vec<SocketAddr>,
    /// Where operators ask, if they may.
    pub(crate) admin: Option<SocketAddr>,
    pub(crate) control: Control,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// The configuration for these arguments, with a port that the system chooses. Every server of this process has one, so
/// this also starts the log of the tests.
pub(crate) fn config(args: &[&str]) -> Config {
    log::start();
    let listen = match tls::of_all_tests() {
        _ if args.contains(&"--listen") => Vec::new(),
        Some(_) => tls::listen(tls::pair()).to_vec(),
        None => vec!["--listen", "127.0.0.1:0"],
    };
    Cli::try_parse_from([&["onlookers"], &listen[..], args].concat()).unwrap().config
}

impl TestServer {
    /// A server that doesn't repaint while a test runs, so that each frame shows a change.
    pub(crate) fn quiet(args: &[&str]) -> Self {
        Self::start(&[&["--repaint", "1h"], args].concat())
    }

    pub(crate) fn start(args: &[&str]) -> Self {
        Self::with(config(args))
    }

    pub(crate) fn with(config: Config) -> Self {
        let (stop, stopped) = oneshot::channel();
        let (tell, told) = mpsc::channel();
        let thread = std::thread::spawn(move || {
            let runtime =
                tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
            runtime.block_on(async {
                let server = Server::bind(&config).unwrap();
                tell.send((server.addresses(), server.admin_place(), server.control())).unwrap();
                // A dropped sender ends the server too.
                server.run(async { drop(stopped.await) }).await.unwrap();
            });
        });
        let (addresses, admin, control) = told.recv().unwrap();
        let admin = admin.as_deref().and_then(address_of);
        Self { address: addresses[0], addresses, admin, control, stop: Some(stop), thread: Some(thread) }
    }

    /// Where operators ask.
    pub(crate) fn admin(&self) -> SocketAddr {
        self.admin.expect("it was started with --admin")
    }

    /// Tells it to end, without waiting.
    pub(crate) fn begin_to_stop(&mut self) {
        self.stop.take();
    }

    /// Stops it and waits until it has ended.
    pub(crate) fn stop(self) {}
}

fn address_of(url: &str) -> Option<SocketAddr> {
    url.strip_prefix("http://")?.strip_suffix('/')?.parse().ok()
}

impl Drop for TestServer {
    fn drop(&mut self) {
        self.stop.take();
        let ended = self.thread.take().map(JoinHandle::join);
        // If a test panics, that is the failure to report.
        assert!(std::thread::panicking() || !matches!(ended, Some(Err(_))), "the server has panicked");
    }
}

//! Somebody who asks for a count all the time, each time on a new connection.

use crate::Outcome;
use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

/// From one question to the next.
const EVERY: Duration = Duration::from_millis(20);

const REQUEST: &[u8] =
    b"GET /count/example.com.txt HTTP/1.1\r\nHost: counter.example\r\nConnection: close\r\n\r\n";

/// Asks until stopped.
pub(crate) struct Counts {
    stopped: Arc<AtomicBool>,
    thread: JoinHandle<std::io::Result<Vec<Duration>>>,
}

impl Counts {
    pub(crate) fn ask(address: SocketAddr) -> Self {
        let stopped = Arc::new(AtomicBool::new(false));
        let is_stopped = Arc::clone(&stopped);
        let ask = move || {
            let mut times = Vec::new();
            while !is_stopped.load(Relaxed) {
                times.push(ask_once(address)?);
                thread::sleep(EVERY);
            }
            Ok(times)
        };
        Self { stopped, thread: thread::spawn(ask) }
    }

    /// The time of each answer.
    pub(crate) fn stop(self) -> Outcome<Vec<Duration>> {
        self.stopped.store(true, Relaxed);
        Ok(self.thread.join().map_err(|_| "the thread that asks for counts has panicked")??)
    }
}

fn ask_once(address: SocketAddr) -> std::io::Result<Duration> {
    let start = Instant::now();
    let mut socket = TcpStream::connect(address)?;
    socket.write_all(REQUEST)?;
    let mut answer = String::new();
    socket.read_to_string(&mut answer)?;
    if !answer.starts_with("HTTP/1.1 200 ") {
        return Err(std::io::Error::other(format!("no count: {answer}")));
    }
    Ok(start.elapsed())
}

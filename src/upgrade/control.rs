//! The control socket: a Unix socket at which a running server is told to upgrade, and what `onlookers upgrade` does there.
//!
//! A client writes one line, an order, and gets one line, what became of it. Only the user that the server runs as, and root, are heard.

use std::fmt;
use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader as AsyncBufReader};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{sleep, timeout};

use crate::config::{ControlPath, Place};
use crate::net::listen::{Accepted, ListenSocket};
use crate::net::stream::SocketStream;

/// The one order that there is.
const UPGRADE: &str = "upgrade";

/// What an answer begins with that isn't a refusal.
const DONE: &str = "done ";

/// The longest order, in bytes.
const MAX_ORDER: u64 = 64;

/// How long a client may take to give one.
const TO_ORDER: Duration = Duration::from_secs(5);

/// How long `onlookers upgrade` waits for an answer: longer than an upgrade may take.
const TO_ANSWER: Duration = Duration::from_secs(120);

/// The pause after a connection that could not be accepted.
const PAUSE: Duration = Duration::from_millis(50);

/// An order to upgrade, and who is told what becomes of it; none for a signal.
pub(crate) type Order = Option<Asker>;

/// Who has ordered an upgrade.
#[derive(Debug)]
pub(crate) struct Asker {
    tell: oneshot::Sender<Outcome>,
    /// Ready when the answer is written.
    written: oneshot::Receiver<()>,
}

/// How long it may take to write an answer.
const TO_WRITE: Duration = Duration::from_secs(1);

impl Asker {
    /// Tells what has become of the order, and waits until that is written.
    pub(crate) async fn tell(self, outcome: Outcome) {
        // It may not wait for it any more.
        if self.tell.send(outcome).is_ok() {
            let _ = timeout(TO_WRITE, self.written).await;
        }
    }
}

/// What became of an order: the number of the new process, or why there is none.
pub(crate) type Outcome = Result<u32, String>;

/// Hears orders for as long as it is polled.
pub(crate) async fn serve(socket: Arc<ListenSocket>, orders: mpsc::Sender<Order>) {
    loop {
        match socket.accept().await {
            Ok(Accepted { stream: SocketStream::Unix(stream), .. }) => {
                drop(tokio::spawn(hear(stream, orders.clone())));
            }
            Ok(_) => {}
            Err(error) => {
                tracing::warn!(%error, "can't accept a connection for --control");
                sleep(PAUSE).await;
            }
        }
    }
}

/// Hears one order. One at a time is obeyed.
async fn hear(mut stream: tokio::net::UnixStream, orders: mpsc::Sender<Order>) {
    // Dropped at the end, and so told.
    let (_written, is_written) = oneshot::channel();
    let answer = match timeout(TO_ORDER, read(&mut stream)).await {
        Ok(Ok(())) => obey(&orders, is_written).await,
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err("no order has come".to_owned()),
    };
    let line = match answer {
        Ok(pid) => format!("{DONE}{pid}\n"),
        Err(why) => format!("{}\n", why.replace('\n', "; ")),
    };
    // The client may have gone.
    let _ = stream.write_all(line.as_bytes()).await;
}

/// # Errors
/// A sentence, if it isn't an order of somebody who may give one.
async fn read(stream: &mut tokio::net::UnixStream) -> io::Result<()> {
    let (user, own) = (stream.peer_cred()?.uid(), rustix::process::geteuid().as_raw());
    // Before anything else: a socket that is closed with something unread takes the answer with it.
    let mut line = String::new();
    AsyncBufReader::new(stream.take(MAX_ORDER)).read_line(&mut line).await?;
    if user != own && user != 0 {
        return Err(io::Error::other("only the user of the server may do that, and root"));
    }
    match line.trim_end() {
        UPGRADE => Ok(()),
        _ => Err(io::Error::other("the only order is upgrade")),
    }
}

async fn obey(orders: &mpsc::Sender<Order>, written: oneshot::Receiver<()>) -> Outcome {
    let (tell, told) = oneshot::channel();
    orders
        .try_send(Some(Asker { tell, written }))
        .map_err(|_| "there is an upgrade on its way".to_owned())?;
    told.await.unwrap_or_else(|_| Err("the server has stopped".to_owned()))
}

/// Orders the server at `path` to upgrade, waits until that is done, and returns the number of the new process.
///
/// # Errors
/// [`OrderError`].
pub fn order(ControlPath(place): &ControlPath) -> Result<u32, OrderError> {
    let Place::Unix(file) = place else { return Err(OrderError::Refused("it is no path".to_owned())) };
    let answer = ask(&file.path).map_err(|error| OrderError::Unreachable(file.path.clone(), error))?;
    let pid = answer.strip_prefix(DONE).and_then(|pid| pid.trim().parse().ok());
    pid.ok_or_else(|| OrderError::Refused(answer.trim().to_owned()))
}

fn ask(path: &Path) -> io::Result<String> {
    let mut stream = UnixStream::connect(path)?;
    stream.set_read_timeout(Some(TO_ANSWER))?;
    writeln!(stream, "{UPGRADE}")?;
    let mut answer = String::new();
    BufReader::new(stream).read_line(&mut answer)?;
    match answer.is_empty() {
        true => Err(io::Error::other("it has stopped without an answer")),
        false => Ok(answer),
    }
}

/// Why a server hasn't upgraded.
#[derive(Debug)]
pub enum OrderError {
    /// No server answers at this path.
    Unreachable(PathBuf, io::Error),
    /// It says why. It goes on as before.
    Refused(String),
}

impl fmt::Display for OrderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreachable(path, error) => {
                write!(f, "the server at {} can't be asked: {error}", path.display())
            }
            Self::Refused(why) => write!(f, "the server goes on as it was: {why}"),
        }
    }
}

impl std::error::Error for OrderError {}

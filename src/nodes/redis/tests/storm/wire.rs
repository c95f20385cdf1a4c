//! What stands between a node and Redis, and can be cut.

use std::io;
use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

#[derive(Clone, Copy, PartialEq)]
pub(super) enum State {
    Open,
    /// Nothing comes through, and nothing is lost.
    Stalled,
    /// Connections are closed.
    Closed,
}

pub(super) struct Wire {
    address: SocketAddr,
    state: watch::Sender<State>,
    task: JoinHandle<()>,
}

impl Wire {
    pub(super) async fn to(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, (state, watched)) = (listener.local_addr().unwrap(), watch::channel(State::Open));
        Self { address, state, task: tokio::spawn(relay(listener, port, watched)) }
    }

    pub(super) fn url(&self) -> String {
        format!("redis://{}", self.address)
    }

    pub(super) fn set(&self, state: State) {
        self.state.send_replace(state);
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.state.send_replace(State::Closed);
        self.task.abort();
    }
}

async fn relay(listener: TcpListener, port: u16, state: watch::Receiver<State>) {
    while let Ok((node, _)) = listener.accept().await {
        if *state.borrow() == State::Closed {
            continue;
        }
        let Ok(redis) = TcpStream::connect(("127.0.0.1", port)).await else { continue };
        let ((from_node, to_node), (from_redis, to_redis)) = (node.into_split(), redis.into_split());
        tokio::spawn(pump(from_node, to_redis, state.clone()));
        tokio::spawn(pump(from_redis, to_node, state.clone()));
    }
}

async fn pump(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut state: watch::Receiver<State>,
) -> io::Result<()> {
    let mut buffer = vec![0; 16 * 1024];
    loop {
        let length = tokio::select! {
            length = from.read(&mut buffer) => length?,
            () = closed(state.clone()) => 0,
        };
        let is_stalled = state.wait_for(|state| *state != State::Stalled).await;
        if length == 0 || is_stalled.is_ok_and(|state| *state == State::Closed) {
            return Ok(());
        }
        to.write_all(&buffer[..length]).await?;
    }
}

async fn closed(mut state: watch::Receiver<State>) {
    let _ = state.wait_for(|state| *state == State::Closed).await;
}

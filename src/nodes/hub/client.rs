//! An older process' end of its socket to the hub.

use std::collections::{HashMap, HashSet};
use std::io;
use std::time::Duration;

use onlookers_rooms::sync::Mutex;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, BufReader, split};
use tokio::sync::mpsc::{self, Receiver, Sender};
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::message::{self, Message, Reply, Request};
use super::{Hint, HubStore, NodeId, Queue, StoreError};

/// How many questions may wait to be written; a node asks a few at once.
const MOST_CALLS: usize = 16;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Where questions are asked.
pub(in crate::nodes) struct Calls(Sender<Call>);

type Call = (NodeId, Request, oneshot::Sender<Reply>);

/// The questions without an answer, by their numbers; none any more once the hub has gone.
type Waiting = Mutex<HashMap<u64, oneshot::Sender<Reply>>>;

/// The hub at the other end of a socket, and what is heard of it. When it has gone, so have all nodes that it knew.
pub(in crate::nodes) fn connect(
    socket: impl AsyncRead + AsyncWrite + Send + 'static,
) -> (HubStore, Receiver<Hint>) {
    let ((calls, called), (queue, hints)) = (mpsc::channel(MOST_CALLS), Queue::new());
    tokio::spawn(run(socket, called, queue));
    (HubStore::There(Calls(calls)), hints)
}

impl Calls {
    pub(super) async fn call(&self, node: NodeId, request: Request) -> Result<Reply, StoreError> {
        let gone = || StoreError("the newest process has gone".into());
        let is_long = matches!(request, Request::Told);
        let (answer, answered) = oneshot::channel();
        self.0.send((node, request, answer)).await.map_err(|_| gone())?;
        let answered = async { answered.await.map_err(|_| gone()) };
        if is_long {
            return answered.await;
        }
        timeout(PATIENCE, answered)
            .await
            .map_err(|_| StoreError("the newest process doesn't answer".into()))?
    }
}

/// Until one of the two processes has gone, or this one asks no more.
async fn run(socket: impl AsyncRead + AsyncWrite, called: Receiver<Call>, queue: Queue) {
    let (reading, writing) = split(socket);
    let (waiting, mut nodes) = (Waiting::default(), HashSet::new());
    let ended = tokio::select! {
        ended = read(reading, &waiting, &queue, &mut nodes) => ended,
        ended = write(writing, &waiting, called) => ended,
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "the newest process has gone");
    }
    nodes.into_iter().for_each(|node| queue.push(Hint::Left(node)));
}

async fn read(
    socket: impl AsyncRead + Unpin,
    waiting: &Waiting,
    queue: &Queue,
    nodes: &mut HashSet<NodeId>,
) -> io::Result<()> {
    let mut socket = BufReader::new(socket);
    loop {
        match message::read(&mut socket).await? {
            Message::Hint(hint) => {
                if let Hint::Changed(node, _) = &hint {
                    nodes.insert(*node);
                }
                queue.push(hint);
            }
            Message::Reply(number, reply) => {
                if let Reply::Leases(leases) = &reply {
                    *nodes = leases.others.iter().map(|(node, _)| *node).collect();
                }
                let answer = waiting.lock().remove(&number);
                // Nobody waits for an answer that came too late.
                answer.map(|answer| answer.send(reply));
            }
        }
    }
}

async fn write(
    mut socket: impl AsyncWrite + Unpin,
    waiting: &Waiting,
    mut called: Receiver<Call>,
) -> io::Result<()> {
    let (mut number, mut frame) = (0_u64, Vec::new());
    while let Some((node, request, answer)) = called.recv().await {
        number += 1;
        frame.clear();
        message::put(&(number, node, request), &mut frame)?;
        waiting.lock().retain(|_, answer| !answer.is_closed());
        waiting.lock().insert(number, answer);
        socket.write_all(&frame).await?;
    }
    Ok(())
}

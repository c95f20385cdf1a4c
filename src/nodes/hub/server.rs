//! The hub's end of an older process' socket.

use std::io;
use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, BufReader, split};
use tokio::sync::mpsc::{self, Receiver, Sender};

use super::message::{self, Asked, Message, Request};
use super::{Hint, Link};

/// How many answers may wait for the process to read them; then it isn't heard.
const MOST_ANSWERS: usize = 16;

/// How many hints are written at once.
const HINTS_AT_ONCE: usize = 256;

/// Answers what the process asks, and tells it what it listens to, until the socket is closed.
pub(super) async fn serve(link: Link, hints: Receiver<Hint>, socket: impl AsyncRead + AsyncWrite) {
    let (reading, writing) = split(socket);
    let (answers, answered) = mpsc::channel(MOST_ANSWERS);
    let link = Arc::new(link);
    let (reading, writing) = (read(&link, reading, answers), write(writing, hints, answered));
    let ended = tokio::select! {
        ended = reading => ended,
        ended = writing => ended,
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "an older process doesn't count any more");
    }
}

async fn read(link: &Arc<Link>, socket: impl AsyncRead + Unpin, answers: Sender<Message>) -> io::Result<()> {
    let mut socket = BufReader::new(socket);
    loop {
        let (number, node, request): Asked = message::read(&mut socket).await?;
        let (link, answers) = (Arc::downgrade(link), answers.clone());
        let is_long = matches!(request, Request::Told);
        let answer = async move {
            let Some(link) = link.upgrade() else { return };
            let reply = link.answer(node, request).await;
            let _is_gone = answers.send(Message::Reply(number, reply)).await;
        };
        // Only this one waits for other processes.
        if is_long {
            tokio::spawn(answer);
        } else {
            answer.await;
        }
    }
}

async fn write(
    mut socket: impl AsyncWrite + Unpin,
    mut hints: Receiver<Hint>,
    mut answers: Receiver<Message>,
) -> io::Result<()> {
    let mut frames = Vec::new();
    let mut heard = Vec::new();
    loop {
        frames.clear();
        tokio::select! {
            Some(answer) = answers.recv() => message::put(&answer, &mut frames)?,
            hints = hints.recv_many(&mut heard, HINTS_AT_ONCE) => {
                if hints == 0 {
                    return Ok(());
                }
                heard.drain(..).try_for_each(|hint| message::put(&Message::Hint(hint), &mut frames))?;
            }
        }
        socket.write_all(&frames).await?;
    }
}

//! What processes ask of the hub, as frames: the length of a JSON text in four bytes, and the text.

use std::io;

use onlookers_rooms::{Counts, Post, RoomName, Site};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncRead, AsyncReadExt};

use crate::nodes::store::{Change, Found, Hint, Leases, NodeId, PageTabs, Wanted};

/// The longest text, in bytes. A batch of changes, or an answer, has about 15 MB at most.
const LONGEST: usize = 64 * 1024 * 1024;

/// A question to the hub.
#[derive(Serialize, Deserialize, Debug)]
pub(super) enum Request {
    Renew(Counts),
    Publish(Vec<Change>, Vec<(RoomName, Post)>),
    Read(Vec<Wanted>),
    Pages(Vec<(NodeId, Site)>),
    Sites,
    Listen(Vec<RoomName>),
    Unlisten(Vec<RoomName>),
    Leave,
    Reap(u64),
    Key(u64, [u8; 16]),
    /// The end of the connection isn't the node's.
    Stay,
    /// The node has told everything, and wants to know when all have.
    Told,
}

/// The answer to a question.
#[derive(Serialize, Deserialize, Debug)]
pub(super) enum Reply {
    Done,
    Leases(Leases),
    /// Of as many of the first questions as make a frame of no great size.
    Found(Vec<Found>),
    /// Likewise.
    Pages(Vec<PageTabs>),
    Sites(Vec<Site>),
    Key([u8; 16]),
}

/// A question with its number, and the node that it is about.
pub(super) type Asked = (u64, NodeId, Request);

/// From the hub.
#[derive(Serialize, Deserialize, Debug)]
pub(super) enum Message {
    /// The answer to the question of that number.
    Reply(u64, Reply),
    Hint(Hint),
}

/// Appends a frame.
///
/// # Errors
/// It would be too long.
pub(super) fn put(message: &impl Serialize, frames: &mut Vec<u8>) -> io::Result<()> {
    let start = frames.len();
    frames.extend([0; 4]);
    serde_json::to_writer(&mut *frames, message)?;
    let length = frames.len() - start - 4;
    let prefix =
        u32::try_from(length).ok().filter(|_| length <= LONGEST).ok_or(io::ErrorKind::InvalidInput)?;
    frames[start..start + 4].copy_from_slice(&prefix.to_be_bytes());
    Ok(())
}

/// Reads a frame. Not to be cancelled.
///
/// # Errors
/// The end of the stream is one, and what isn't a message.
pub(super) async fn read<T: DeserializeOwned>(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<T> {
    let length = stream.read_u32().await? as usize;
    if length > LONGEST {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut text = vec![0; length];
    stream.read_exact(&mut text).await?;
    Ok(serde_json::from_slice(&text)?)
}

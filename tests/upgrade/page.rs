//! One page of a crowd: what comes over its connection, parsed as one stream.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use crate::common::page::{PONG, frame};
use crate::common::unbroken::{Kind, Part, Unbroken};

/// An open connection.
pub(crate) struct Page {
    stream: Box<dyn Duplex>,
    unbroken: Unbroken,
}

/// A connection, with or without TLS.
pub(crate) trait Duplex: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Duplex for T {}

impl Page {
    /// Asks over `stream` for what a page of that kind asks for.
    pub(crate) async fn opened(mut stream: Box<dyn Duplex>, kind: Kind) -> io::Result<Self> {
        stream.write_all(kind.request().as_bytes()).await?;
        stream.flush().await?;
        Ok(Self { stream, unbroken: Unbroken::new(kind) })
    }

    /// The parts that have come whole since the last ones; at an end how that came.
    pub(crate) async fn read(&mut self) -> Result<Vec<Part>, End> {
        let mut buffer = [0; 8192];
        match self.stream.read(&mut buffer).await {
            Ok(0) => return Err(End::Lost("its end".to_owned())),
            Ok(some) => self.unbroken.feed(&buffer[..some]),
            // What rustls can't decrypt, or that comes in the wrong order.
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                return Err(End::Wrong(error.to_string()));
            }
            Err(error) => return Err(End::Lost(error.to_string())),
        }
        let mut parts = Vec::new();
        while let Some(part) = self.unbroken.next_part().map_err(End::Wrong)? {
            match &part {
                Part::Ping(payload) => {
                    let pong = frame(0x80 | PONG, payload);
                    self.stream.write_all(&pong).await.map_err(|error| End::Lost(error.to_string()))?;
                }
                Part::End => return Err(End::Lost("the end in order".to_owned())),
                _ => {}
            }
            parts.push(part);
        }
        Ok(parts)
    }
}

/// How a page's connection has ended.
pub(crate) enum End {
    /// With a fault of the server.
    Wrong(String),
    Lost(String),
    /// As the page wanted.
    Left,
}

/// Whether it shows how many there are.
pub(crate) fn is_number(part: &Part) -> bool {
    matches!(part, Part::Picture(_) | Part::Count(..))
}

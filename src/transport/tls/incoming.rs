//! Cuts what has come into records.

use super::super::kept::Kept;
use super::super::socket::Gone;
use crate::wire::record::HEAD;

/// The most bytes that may follow a record's head (RFC 5246, section 6.2.3); TLS 1.3 allows fewer.
const MAX_RECORD: usize = (1 << 14) + 2048;

/// The beginning of a record of which the rest hasn't come.
#[derive(Default)]
pub(super) struct Incoming {
    partial: Vec<u8>,
    kept: Kept,
}

impl Incoming {
    /// Hands on each record that is whole, and keeps the rest. It ends when `open` says that the connection has closed.
    ///
    /// # Errors
    /// [`Gone`], if it isn't a record that comes; or that of `open`.
    pub(super) fn cut<E: From<Gone>>(
        &mut self,
        mut bytes: &mut [u8],
        mut open: impl FnMut(&mut [u8]) -> Result<bool, E>,
    ) -> Result<(), E> {
        while !bytes.is_empty() {
            if self.partial.is_empty()
                && let Some(length) = whole_record(bytes)?
            {
                let (record, rest) = bytes.split_at_mut(length);
                bytes = rest;
                if open(record)? {
                    return Ok(());
                }
                continue;
            }
            let (more, rest) = bytes.split_at_mut(self.missing(bytes.len())?);
            self.partial.extend_from_slice(more);
            bytes = rest;
            if whole_record(&self.partial)? == Some(self.partial.len())
                && open(&mut std::mem::take(&mut self.partial))?
            {
                break;
            }
        }
        if self.partial.len() != self.kept.bytes() {
            self.kept.set(self.partial.len());
        }
        Ok(())
    }

    /// The beginning of a record, which has come already.
    pub(super) fn begun(partial: Vec<u8>) -> Self {
        let mut this = Self { partial, kept: Kept::default() };
        this.kept.set(this.partial.len());
        this
    }

    pub(super) fn partial(&self) -> &[u8] {
        &self.partial
    }

    pub(super) fn is_empty(&self) -> bool {
        self.partial.is_empty()
    }

    /// How many of `there` more bytes belong to the record that has begun, as far as its length is known.
    fn missing(&self, there: usize) -> Result<usize, Gone> {
        let wanted = self.partial.first_chunk().map_or(Ok(HEAD), record_length)?;
        Ok(there.min(wanted - self.partial.len()))
    }
}

/// The length of the record that `bytes` begin with, if all of it is there.
fn whole_record(bytes: &[u8]) -> Result<Option<usize>, Gone> {
    let length = bytes.first_chunk().map(record_length).transpose()?;
    Ok(length.filter(|length| bytes.len() >= *length))
}

/// The length of a record with this head, in bytes, the head included.
fn record_length(head: &[u8; HEAD]) -> Result<usize, Gone> {
    let length = usize::from(u16::from_be_bytes([head[3], head[4]]));
    match head {
        [20..=24, 3, ..] if length <= MAX_RECORD => Ok(HEAD + length),
        _ => Err(Gone),
    }
}

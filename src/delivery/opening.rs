//! What goes out before a viewer's first frame, in one write with it.

/// The answer's head, and what else comes before the first frame. Many heads have something of their own; those are written
/// only when they go out, for in a burst thousands wait for their turn.
pub(crate) enum Opening {
    /// The same for everybody.
    Same(&'static [u8]),
    /// `write` puts it behind what is in the buffer; its head says that pages of `origin` may read the answer.
    For { origin: Option<Box<[u8]>>, write: fn(&mut Vec<u8>, Option<&[u8]>) },
}

impl Opening {
    /// Puts it behind what is in `buffer`.
    pub(crate) fn write(&self, buffer: &mut Vec<u8>) {
        match self {
            Self::Same(bytes) => buffer.extend_from_slice(bytes),
            Self::For { origin, write } => write(buffer, origin.as_deref()),
        }
    }
}

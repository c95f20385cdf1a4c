//! What is left of a text that is being sent.

use bytes::Bytes;

/// The part of a text that hasn't gone out.
#[derive(Default, Debug)]
pub(in crate::transport) struct Rest {
    /// Bytes that have to be sent next, as they are: some of what they belong to has been sent, or they are sealed.
    pub(in crate::transport) begun: Bytes,
    /// The text after them.
    pub(in crate::transport) text: Bytes,
}

impl Rest {
    /// The rest of `text`, none of which needs sealing, when the socket has taken so many bytes of it.
    pub(in crate::transport) fn of_text(text: &Bytes, taken: usize) -> Self {
        match taken {
            0 => Self { begun: Bytes::new(), text: text.clone() },
            _ => Self { begun: text.slice(taken..), text: Bytes::new() },
        }
    }

    pub(in crate::transport) fn is_empty(&self) -> bool {
        self.begun.is_empty() && self.text.is_empty()
    }
}

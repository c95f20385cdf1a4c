//! What the rest of the program has an event loop do.

use std::sync::mpsc::SendError;

use super::super::inbox::Commands;
use super::EventLoop;

impl EventLoop {
    pub(super) fn on_commands(&mut self, commands: Commands) {
        let Commands { published, admitted, probes, deny, book, move_out, adopted, end } = commands;
        // One that nobody waits for any more was too late.
        for probe in probes {
            let _ = probe.send(());
        }
        if let Some(list) = deny {
            self.deny(list);
        }
        if let Some(book) = book {
            self.begin_book(book);
        }
        self.admitted.extend(admitted);
        if let Some(within) = end {
            self.end(within);
        }
        if self.end.is_none() {
            published.into_iter().for_each(|(feed, update)| self.subscriptions.mark_due(feed, update));
        }
        if let Some(give) = move_out {
            // If nobody waits for them any more, they stay.
            if let Err(SendError(transfers)) = give.send(self.take_movable()) {
                transfers.into_iter().for_each(|transfer| self.adopt(transfer));
            }
        }
        adopted.into_iter().for_each(|transfer| self.adopt(transfer));
    }
}

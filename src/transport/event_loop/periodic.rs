//! Periodic work: each connection gets its frame once more, or a ping.

use std::time::{Duration, Instant};

use super::super::connection::{Connection, ConnectionId, Protocol};
use super::super::subscriptions::Subscriber;
use super::super::websocket::End;
use super::EventLoop;
use crate::metrics::{Leave, Sent};
use crate::wire::frame;

impl EventLoop {
    pub(super) fn periodic_timeout(&self, now: Instant) -> Option<Duration> {
        let places = |count: usize| if count > 0 && self.end.is_none() { self.places } else { 0 };
        let resend = self.resend.timeout(places(self.connections.len() - self.websockets), now);
        resend.into_iter().chain(self.ping.timeout(places(self.websockets), now)).min()
    }

    /// Sends the streams whose turn it is their frame once more, and gives up those that have taken nothing for long.
    pub(super) fn send_again(&mut self) {
        let now = self.now;
        if self.end.is_some() || self.connections.len() == self.websockets {
            return;
        }
        let (mut turn, mut worn_out, interval) = (Vec::new(), Vec::new(), self.resend.interval());
        for place in self.resend.step(self.places, now).into_iter().flatten() {
            let id = ConnectionId::new(place);
            let Some(connection) = self.connections.get_mut(place) else { continue };
            let has_stalled = connection.has_stalled_for(self.write_timeout, now);
            let is_stalled = connection.is_stalled();
            let is_worn_out = connection.socket.is_worn_out() && !connection.is_ending();
            let Protocol::Stream(stream) = &mut connection.protocol else { continue };
            if has_stalled {
                self.over.push((id, End::TimedOut));
            } else if is_worn_out && !is_stalled {
                worn_out.push(id);
            } else if !is_stalled && stream.takes_turn(interval) {
                turn.push(Subscriber { connection: id, slot: 0 });
            }
        }
        for id in worn_out {
            let ended = self.end_stream(id, Leave::Keys);
            self.note(id, ended);
        }
        let measured = self.measure();
        let frame = |connection: &Connection, _| match &connection.protocol {
            Protocol::Stream(stream) => self.subscriptions.get(stream.feed).map(|it| it.resend()),
            Protocol::WebSocket(_) => None,
        };
        let gone = self.sender.send(&turn, &mut self.connections, self.poll.registry(), frame);
        self.note_sent(Sent::Repaint);
        self.charge_all(turn.iter().map(|subscriber| subscriber.connection), measured);
        self.note_gone(gone);
    }

    /// Sends the WebSockets whose turn it is a ping, and gives up those that haven't answered the last ones.
    pub(super) fn send_pings(&mut self) {
        if self.end.is_some() || self.websockets == 0 {
            return;
        }
        for place in self.ping.step(self.places, self.now).into_iter().flatten() {
            let id = ConnectionId::new(place);
            let is_worn_out = self.connections.get(place).is_some_and(|it| it.socket.is_worn_out());
            let Some(socket) = self.websocket(id) else { continue };
            if is_worn_out {
                self.over.push((id, End::Ended(Leave::Keys)));
                continue;
            }
            match socket.is_pinged() {
                Ok(true) => self.reply(id, frame::ping()),
                other => self.note(id, other.map(drop)),
            }
        }
        self.send_replies();
    }
}

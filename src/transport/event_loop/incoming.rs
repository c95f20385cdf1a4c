//! Input from clients: messages of WebSockets, the end of a connection, and room in a socket.

use std::time::Instant;

use super::super::connection::{ConnectionId, Protocol, Ready};
use super::super::session::Action;
use super::super::socket::{Gone, Registered};
use super::super::websocket::{End, Format};
use super::{EventLoop, MAX_INCOMING};
use crate::app::App;
use crate::wire::frame::{self, Incoming};
use crate::wire::protocol::{ClientError, ClientMessage, ServerMessage};

/// How many bytes are read at once.
const READ: usize = 4 * 1024;

impl EventLoop {
    /// Attends to ready connections and admissions in turn, for [`MAX_INCOMING`] at most.
    pub(super) fn attend(&mut self, app: &App) {
        let deadline = Instant::now() + MAX_INCOMING;
        loop {
            let ready = self.ready.pop_front();
            let admitted = self.admitted.pop_front();
            if ready.is_none() && admitted.is_none() {
                break;
            }
            if let Some(id) = ready {
                self.on_ready(id, app, deadline);
            }
            if let Some(taken) = admitted {
                self.admit(taken);
            }
            if Instant::now() >= deadline {
                break;
            }
        }
        if self.admitted.is_empty() && self.admitted.capacity() > 0 {
            self.admitted = Default::default();
        }
    }

    fn on_ready(&mut self, id: ConnectionId, app: &App, deadline: Instant) {
        let Some(connection) = self.connections.get_mut(id.index()) else { return };
        let ready = std::mem::take(&mut connection.ready);
        if ready.writable {
            let resumed = self.resume(id);
            self.note(id, resumed);
        }
        if ready.readable {
            match self.read(id, ready.read_closed, app, deadline) {
                Ok(true) => self.list_ready(id, Ready { writable: false, ..ready }),
                result => self.note(id, result.map(drop)),
            }
        }
    }

    /// Reads until nothing is left or the deadline has passed, and says whether there may be more.
    fn read(
        &mut self,
        id: ConnectionId,
        read_closed: bool,
        app: &App,
        deadline: Instant,
    ) -> Result<bool, End> {
        let mut buffer = [0; READ];
        loop {
            if self.on_messages(id, app, deadline)? {
                return Ok(true);
            }
            let Some(connection) = self.connections.get_mut(id.index()) else { return Ok(false) };
            let Some(bytes) = connection.socket.read(&mut buffer)? else { return Ok(false) };
            match &mut connection.protocol {
                Protocol::Stream(stream) => stream.ignore(bytes)?,
                Protocol::WebSocket(socket) => socket.receive(&buffer[..bytes])?,
            }
            // Less than fits is all there is: what comes later is another event. But the end may come with it.
            if bytes < READ && !read_closed {
                return self.on_messages(id, app, deadline);
            }
        }
    }

    /// Obeys the messages that have come whole, and says whether the deadline has passed before the last.
    fn on_messages(&mut self, id: ConnectionId, app: &App, deadline: Instant) -> Result<bool, End> {
        loop {
            let Some(socket) = self.websocket(id) else { return Ok(false) };
            let Some(message) = socket.next_message()? else { return Ok(false) };
            match (message, socket.format) {
                (Incoming::Ping(payload), _) => self.reply(id, &frame::pong(&payload))?,
                (Incoming::Text(text), Format::Json) => {
                    let action = ClientMessage::parse(&text)
                        .and_then(|message| socket.session.on_message(message, app));
                    self.act(id, action)?;
                }
                _ => {}
            }
            if Instant::now() >= deadline {
                return Ok(true);
            }
        }
    }

    fn act(&mut self, id: ConnectionId, action: Result<Action, ClientError>) -> Result<(), Gone> {
        match action {
            Ok(Action::None) => Ok(()),
            Ok(Action::Enter(membership)) => match self.enter(id, membership) {
                Some((slot, state)) => self.send_state(id, slot, &state),
                None => Ok(()),
            },
            Ok(Action::Leave(room)) => {
                self.unsubscribe(room.feed(), room.place);
                Ok(())
            }
            Ok(Action::Pong) => self.send_message(id, &ServerMessage::Pong),
            Err(error) => self.send_message(id, &ServerMessage::from(&error)),
        }
    }

    /// Sends the state of a room that was joined; it is no reply, which a page has to read before it sends more.
    fn send_state(&mut self, id: ConnectionId, slot: u8, state: &[u8]) -> Result<(), Gone> {
        let poll = Registered { registry: self.poll.registry(), id };
        match self.connections.get_mut(id.index()) {
            Some(connection) if connection.is_stalled() => connection.miss(slot, poll),
            Some(connection) => connection.open(state, &[], poll),
            None => Ok(()),
        }
    }

    fn send_message(&mut self, id: ConnectionId, message: &ServerMessage<'_>) -> Result<(), Gone> {
        self.reply(id, &frame::text(&message.to_json()))
    }

    pub(super) fn reply(&mut self, id: ConnectionId, bytes: &[u8]) -> Result<(), Gone> {
        let Some(connection) = self.connections.get_mut(id.index()) else { return Ok(()) };
        connection.reply(bytes, Registered { registry: self.poll.registry(), id })
    }
}

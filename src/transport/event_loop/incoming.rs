//! Input from clients: messages of WebSockets, the end of a connection, and room in a socket.

use std::time::Instant;

use super::super::connection::{Connection, ConnectionId, Protocol, Ready};
use super::super::sender::Delivery;
use super::super::session::Action;
use super::super::socket::{Gone, Registered};
use super::super::websocket::{End, Format};
use super::{EventLoop, MAX_INCOMING};
use crate::app::App;
use crate::metrics::{Disobeyed, Sent};
use crate::wire::frame::{self, Incoming};
use crate::wire::protocol::{self, ClientError, ClientMessage, ServerMessage};

/// How many bytes are read at once.
const READ: usize = 4 * 1024;

impl EventLoop {
    /// Attends to ready connections and admissions in turn, for [`MAX_INCOMING`] at most.
    pub(super) fn attend(&mut self, app: &App) {
        let deadline = self.now + MAX_INCOMING;
        while self.now < deadline && self.has_room_for_input() {
            let (ready, admitted) = (self.ready.pop_front(), self.admitted.pop_front());
            if ready.is_none() && admitted.is_none() {
                break;
            }
            if let Some(id) = ready {
                self.on_ready(id, app, deadline);
            }
            if let Some(taken) = admitted {
                self.admit(taken);
            }
            self.now = Instant::now();
        }
        self.send_replies();
        self.settle_inputs();
        if self.admitted.is_empty() && self.admitted.capacity() > 0 {
            self.admitted = Default::default();
        }
    }

    fn on_ready(&mut self, id: ConnectionId, app: &App, deadline: Instant) {
        let measured = self.measure();
        self.attend_to(id, app, deadline);
        self.charge_all([id], measured);
    }

    pub(super) fn attend_to(&mut self, id: ConnectionId, app: &App, deadline: Instant) {
        let Some(connection) = self.connections.get_mut(id.index()) else { return };
        let ready = std::mem::take(&mut connection.ready);
        if ready.writable {
            let resumed = self.resume(id);
            self.note(id, resumed);
        }
        if ready.readable {
            match self.read(id, ready.read_closed, app, deadline) {
                Ok(has_more) => {
                    let more = if has_more { Ready { writable: false, ..ready } } else { Ready::default() };
                    self.list_ready(id, more);
                    self.unsettled.extend(self.book.is_some().then_some(id));
                }
                Err(end) => {
                    // No process is to go on without the input that has ended it, nor to answer that again.
                    self.leave_book(id);
                    self.over.push((id, end));
                }
            }
        }
    }

    /// Whether what comes next can be kept until it is obeyed.
    fn has_room_for_input(&self) -> bool {
        self.input.as_ref().is_none_or(|input| input.room() >= READ)
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
            if self.on_messages(id, app, deadline)? || !self.has_room_for_input() {
                return Ok(true);
            }
            let Some(connection) = self.connections.get_mut(id.index()) else { return Ok(false) };
            let Connection { socket, protocol, .. } = connection;
            let reading = socket.read((&mut buffer, self.input.as_mut()), |text| {
                if let Protocol::WebSocket(socket) = protocol {
                    socket.receive(text);
                }
                Ok::<_, Gone>(())
            })?;
            match protocol {
                _ if reading.bytes == 0 => return Ok(false),
                Protocol::Stream(stream) => stream.ignore(reading.bytes)?,
                Protocol::WebSocket(socket) => socket.charge(reading.bytes, self.now)?,
            }
            // What comes later is another event. But the end may come with it.
            if !(reading.has_more || read_closed) {
                return self.on_messages(id, app, deadline);
            }
        }
    }

    /// Obeys the messages that have come whole, and says whether the deadline has passed before the last.
    fn on_messages(&mut self, id: ConnectionId, app: &App, deadline: Instant) -> Result<bool, End> {
        loop {
            let now = self.now;
            let Some(socket) = self.websocket(id) else { return Ok(false) };
            let Some(message) = socket.next_message(now)? else { return Ok(false) };
            match (message, socket.format) {
                (Incoming::Ping(payload), _) => self.reply(id, frame::pong(&payload)),
                (Incoming::Text(text), Format::Json) => {
                    let action = self.obey(id, ClientMessage::parse(&text), app);
                    self.act(id, action)?;
                }
                (Incoming::Text(text), Format::CountsAlone) => {
                    let action = ClientMessage::parse(&text).and_then(|message| match message {
                        ClientMessage::Ping => Ok(Action::Pong),
                        _ => Err(ClientError::OnlyLooking),
                    });
                    self.act(id, action)?;
                }
                _ => {}
            }
            self.now = Instant::now();
            if self.now >= deadline {
                return Ok(true);
            }
        }
    }

    fn obey(
        &mut self,
        id: ConnectionId,
        message: Result<ClientMessage, ClientError>,
        app: &App,
    ) -> Result<Action, ClientError> {
        let message = message?;
        if matches!(message, ClientMessage::Message { .. }) {
            self.settle_before(id);
        }
        let socket = self.websocket(id).ok_or(ClientError::NotThere)?;
        socket.session.on_message(message, app)
    }

    /// A connection is about to do something that can't be done twice, as others see it: if this process dies, it isn't done again.
    fn settle_before(&mut self, id: ConnectionId) {
        if self.book.is_none() {
            return;
        }
        if self.replies.last().is_some_and(|(last, _)| *last == id) {
            self.send_replies();
        }
        self.settle_input(id);
    }

    fn act(&mut self, id: ConnectionId, action: Result<Action, ClientError>) -> Result<(), Gone> {
        match action {
            Ok(Action::None) => {}
            Ok(Action::Enter(membership)) => {
                if let Some((slot, state)) = self.enter(id, membership) {
                    return self.send_state(id, slot, state);
                }
            }
            Ok(Action::Leave(room)) => self.unsubscribe(room.feed(), room.place),
            Ok(Action::Count(room)) => {
                self.reply(id, frame::text(&protocol::count(&room.name(), room.counts())));
            }
            Ok(Action::Pong) => self.send_message(id, &ServerMessage::Pong),
            Err(error) => {
                self.metrics.disobeyed.of(reason(&error)).count();
                self.send_message(id, &ServerMessage::from(&error));
            }
        }
        Ok(())
    }

    /// Sends the state of a room that was joined; a connection that has to wait gets the newest instead.
    fn send_state(&mut self, id: ConnectionId, slot: u8, state: Vec<u8>) -> Result<(), Gone> {
        let poll = Registered { registry: self.poll.registry(), id };
        match self.connections.get_mut(id.index()) {
            Some(connection) if connection.is_stalled() => connection.miss(slot, poll)?,
            _ => self.reply(id, state),
        }
        Ok(())
    }

    fn send_message(&mut self, id: ConnectionId, message: &ServerMessage<'_>) {
        self.reply(id, frame::text(&message.to_json()));
    }

    /// Has bytes for this client alone sent with the next [`send_replies`](Self::send_replies).
    pub(super) fn reply(&mut self, id: ConnectionId, bytes: Vec<u8>) {
        match self.replies.last_mut() {
            // One write for a connection: a second could overtake the rest of the first.
            Some((last, replies)) if *last == id => *replies = [replies, &bytes[..]].concat().into(),
            _ => self.replies.push((id, bytes.into())),
        }
    }

    /// Sends the replies together, which costs less than a write for each.
    pub(super) fn send_replies(&mut self) {
        let measured = self.measure();
        let (mut replies, mut gone) = (std::mem::take(&mut self.replies), Vec::new());
        let registry = self.poll.registry();
        replies.retain(|(id, bytes)| match self.connections.get_mut(id.index()) {
            Some(connection) if connection.is_stalled() => {
                let sent = connection.send(None, bytes, Registered { registry, id: *id });
                gone.extend(sent.is_err().then_some(*id));
                false
            }
            connection => connection.is_some(),
        });
        for (id, _) in &replies {
            self.settle_with_next(*id);
        }
        let deliveries = replies.iter().map(|(to, bytes)| Delivery { to: *to, slot: None, bytes });
        let Self { connections, sender, poll, .. } = self;
        gone.extend(sender.deliver(&deliveries.collect::<Vec<_>>(), connections, poll.registry()));
        self.note_sent(Sent::Update);
        self.charge_all(replies.iter().map(|(id, _)| *id), measured);
        self.note_gone(gone);
    }
}

/// How a message that isn't obeyed is counted.
fn reason(error: &ClientError) -> Disobeyed {
    match error {
        ClientError::BadMessage(_) => Disobeyed::Message,
        ClientError::BadRoom => Disobeyed::Name,
        ClientError::NotAllowed => Disobeyed::NotAllowed,
        ClientError::TooManyRooms => Disobeyed::Rooms,
        ClientError::Full => Disobeyed::Full,
        ClientError::NotThere => Disobeyed::NotThere,
        ClientError::NotEnabled(_) => Disobeyed::NotEnabled,
        ClientError::OnlyLooking => Disobeyed::OnlyLooking,
        ClientError::Busy => Disobeyed::Busy,
        ClientError::TooFast => Disobeyed::TooFast,
    }
}

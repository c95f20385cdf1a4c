//! A connection, as it is written down for another process: everything but its socket.
//!
//! The next version reads what this one writes: a field that is added has a default, and none changes its meaning.

use std::os::fd::OwnedFd;

use onlookers_handover::{Missing, Recovered};
use onlookers_rooms::{Identity, RoomName};
use serde::{Deserialize, Serialize};

use super::Repaint;
use super::connection::{Connection, Protocol, Stream};
use super::socket::Socket;
use super::subscriptions::Source;
use super::tls::{Tls, TlsRecord};
use super::unsent::{Unsent, UnsentRecord};
use super::websocket::{WebSocket, WebSocketRecord};
use crate::app::App;
use crate::feeds::{Published, ViewRecord};
use crate::net::capacity::PermitRecord;

/// A connection without its socket.
#[derive(Serialize, Deserialize, Debug)]
pub(crate) struct ConnectionRecord {
    protocol: ProtocolRecord,
    #[serde(default)]
    permit: PermitRecord,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tls: Option<TlsRecord>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    unsent: Option<UnsentRecord>,
    /// The number of its entry in the ledger, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) entry: Option<u32>,
}

#[derive(Serialize, Deserialize, Debug)]
#[serde(rename_all = "snake_case")]
enum ProtocolRecord {
    Stream(StreamRecord),
    WebSocket(Box<WebSocketRecord>),
}

/// A stream of one feed's frames.
#[derive(Serialize, Deserialize, Debug)]
struct StreamRecord {
    /// The room that it shows.
    room: RoomName,
    view: ViewRecord,
    /// The room that it is counted in, if it is, and as whom.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    counted: Option<(RoomName, Identity)>,
    repaint: Repaint,
}

/// A record of which no connection can be made.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct BadRecord(&'static str);

impl ConnectionRecord {
    /// None of a connection that can't move. `source` is the feed of a stream.
    pub(super) fn of(connection: &Connection, source: Option<&Source>, app: &App) -> Option<Self> {
        let protocol = match &connection.protocol {
            Protocol::Stream(stream) => ProtocolRecord::Stream(StreamRecord::of(stream, source?, app)?),
            Protocol::WebSocket(socket) => ProtocolRecord::WebSocket(Box::new(socket.record())),
        };
        let record = Self {
            protocol,
            permit: connection.permit.record(),
            tls: connection.socket.tls_record(),
            unsent: connection.unsent().map(Unsent::record),
            entry: connection.socket.entry_number(),
        };
        connection.is_movable().then_some(record)
    }

    /// The same connection after its process has died, with what is missing of its stream; none if it can't go on.
    pub(super) fn recovered(self, recovered: &Recovered) -> Option<Self> {
        let begun = match &recovered.missing {
            Missing::Nothing => &[][..],
            Missing::Bytes(bytes) => bytes,
            Missing::Lost => return None,
        };
        let tls = self.tls.map(|tls| tls.with_sequence(recovered.sequence));
        Some(Self { tls, unsent: Some(UnsentRecord::rest(begun, &recovered.text)), ..self })
    }

    /// The same without what is unsent: that is noted elsewhere.
    pub(super) fn without_unsent(self) -> Self {
        Self { unsent: None, ..self }
    }

    /// The connection, which is in its rooms and has its permits, and what it receives.
    ///
    /// # Errors
    /// [`BadRecord`]; nothing is counted then.
    pub(super) fn connect(
        self,
        socket: OwnedFd,
        app: &App,
    ) -> Result<(Connection, Vec<(u8, Source)>), BadRecord> {
        let tls = self.tls.map(|tls| Tls::from_record(tls, &app.tls_clients).ok_or(BadRecord("no keys")));
        let tls = tls.transpose()?;
        let unsent = self.unsent.map(|unsent| Unsent::from_record(unsent, tls.is_some()));
        let permit = app.capacity.readmit(self.permit, app.agents.as_ref());
        let (protocol, sources) = match self.protocol {
            ProtocolRecord::Stream(stream) => stream.join(app)?,
            ProtocolRecord::WebSocket(record) => {
                let socket = Box::new(WebSocket::from_record(*record, app));
                let group = |slot, room: &super::session::JoinedRoom| {
                    (slot, Source::Group(room.membership.group().clone()))
                };
                let sources = socket.session.rooms().map(|(slot, room)| group(slot, room)).collect();
                (Protocol::WebSocket(socket), sources)
            }
        };
        let connection = Connection::new(Socket::moved(socket, tls), permit, protocol);
        Ok((connection.with_unsent(unsent), sources))
    }
}

impl StreamRecord {
    fn of(stream: &Stream, source: &Source, app: &App) -> Option<Self> {
        let Source::Feed(feed) = source else { return None };
        let counted = |guard: &onlookers_rooms::CountGuard| Some((guard.room()?, guard.identity()));
        Some(Self {
            room: feed.room().name(),
            view: feed.view().record(&app.themes),
            counted: stream.guard().and_then(counted),
            repaint: stream.repaint(),
        })
    }

    fn join(self, app: &App) -> Result<(Protocol, Vec<(u8, Source)>), BadRecord> {
        let view = self.view.view(&app.themes).ok_or(BadRecord("no view"))?;
        let guard = self.counted.map(|(room, identity)| app.rooms.rejoin(&room, identity));
        let feed = app.feeds.reopen(&app.rooms.open(&self.room), &view);
        // The connections' turns are spread by any number.
        let stream = Stream::new(feed.channel().id(), guard, self.repaint, app.capacity.viewers());
        Ok((Protocol::Stream(stream), vec![(0, Source::Feed(feed))]))
    }
}

impl std::fmt::Display for BadRecord {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "no connection can be made of its record: {}", self.0)
    }
}

impl std::error::Error for BadRecord {}

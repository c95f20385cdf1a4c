//! One connection: what it hears, and the rooms it is in.

use std::sync::Arc;
use std::time::Instant;

use super::frame::{self, Closing, Decoder, Received};
use super::limits::Allowance;
use super::messages::{Asked, SessionId, Wrong, pong};
use super::outbox::{Gone, Outbox};
use super::rooms::Rooms;
use crate::app::App;
use crate::circle::{Attendance, ViewerId};
use crate::net::capacity::Permit;
use crate::room::{Site, Visitor};
use crate::settings::Settings;

/// After so many questions without an answer a page has gone.
const PATIENCE: u8 = 2;

/// How much is read at once, in bytes.
const READ: usize = 4 * 1024;

/// How much a page may send that is being closed, in bytes.
const MOST_JUNK: u32 = 64 * 1024;

/// A visitor of a page, with what it may do.
pub(crate) struct Guest {
    /// By what name the others know it.
    pub(crate) id: ViewerId,
    /// The site whose rooms it may join.
    pub(crate) site: Site,
    /// Who it is counted as; none for one who isn't to be told apart.
    pub(crate) visitor: Option<Visitor>,
    /// Whether it is counted.
    pub(crate) counted: bool,
    pub(crate) manner: Manner,
    /// What it hears from the beginning: its page's room, and more. What is last here is told first.
    pub(crate) attends: Vec<Attendance>,
    pub(crate) permit: Permit,
}

/// How a connection talks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Manner {
    /// In JSON messages, both ways.
    Json,
    /// It is told a number; what it says is of no interest.
    Number,
}

/// Why a connection is over.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum End {
    Gone,
    /// It is to be closed, with this code.
    Close(u16),
}

/// What is kept of an open page.
pub(super) struct Connection {
    outbox: Arc<Outbox>,
    state: State,
    /// Freed with the connection.
    _permit: Permit,
}

#[allow(
    clippy::large_enum_variant,
    reason = "nearly all are open, and a box would be another piece of memory"
)]
enum State {
    Open(Open),
    /// The page was told the end. What still comes is read until it closes too: to close with that unread would be to
    /// reset, and a reset can overtake what it was told.
    Closing {
        junk: u32,
    },
}

struct Open {
    rooms: Rooms,
    manner: Manner,
    /// Only while a message has come in part.
    decoder: Option<Box<Decoder>>,
    allowance: Allowance,
    /// How often the page was asked in a row whether it is there, and didn't answer.
    unanswered: u8,
}

impl Connection {
    pub(super) fn new(outbox: Arc<Outbox>, guest: Guest) -> Self {
        let Guest { id, site, visitor, counted, manner, attends, permit } = guest;
        let mut rooms = Rooms::new(id, site, visitor, counted);
        rooms.begin(attends, &outbox);
        let allowance = Allowance::new(Instant::now());
        let open = Open { rooms, manner, decoder: None, allowance, unanswered: 0 };
        Self { outbox, state: State::Open(open), _permit: permit }
    }

    /// Hears what came with the opening.
    pub(super) fn begin(&mut self, behind: &[u8], app: &App) -> Result<(), End> {
        match &mut self.state {
            State::Open(open) if !behind.is_empty() => open.hear(behind, &self.outbox, app),
            _ => Ok(()),
        }
    }

    /// Goes on with what the socket didn't take before.
    pub(super) fn flush(&mut self) -> Result<(), End> {
        match &self.state {
            State::Open(open) => {
                self.outbox.flush(|slot| open.rooms.newest(slot))?;
            }
            State::Closing { .. } => {
                if self.outbox.flush(|_| None)? {
                    self.outbox.finish();
                }
            }
        }
        Ok(())
    }

    /// Hears all that has come. How much that can be is bounded by how fast a page may talk.
    pub(super) fn read(&mut self, app: &App) -> Result<(), End> {
        let mut buffer = [0; READ];
        while let Some(some) = self.outbox.read(&mut buffer)? {
            match &mut self.state {
                State::Open(open) => open.hear(&buffer[..some], &self.outbox, app)?,
                State::Closing { junk } if *junk < MOST_JUNK => *junk += some as u32,
                State::Closing { .. } => return Err(End::Gone),
            }
        }
        Ok(())
    }

    /// Asks the page whether it is there.
    pub(super) fn ask(&mut self) -> Result<(), End> {
        let State::Open(open) = &mut self.state else { return Ok(()) };
        if open.unanswered == PATIENCE {
            return Err(End::Gone);
        }
        open.unanswered += 1;
        Ok(self.outbox.answer(&frame::ping())?)
    }

    /// Tells the page the end. Who is being sent off isn't in a room any more.
    ///
    /// # Errors
    /// If it was told before, or has gone.
    pub(super) fn close(&mut self, code: u16) -> Result<(), End> {
        if let State::Closing { .. } = self.state {
            return Err(End::Gone);
        }
        self.state = State::Closing { junk: 0 };
        self.outbox.answer(&frame::close(code))?;
        self.flush()
    }
}

impl Open {
    fn hear(&mut self, bytes: &[u8], outbox: &Arc<Outbox>, app: &App) -> Result<(), End> {
        if !self.allowance.bytes(bytes.len(), Instant::now()) {
            return refuse(outbox);
        }
        let mut decoder = self.decoder.take().unwrap_or_default();
        decoder.feed(bytes);
        while let Some(received) = decoder.next()? {
            // Whatever it is, somebody is there.
            self.unanswered = 0;
            self.receive(received, outbox, app)?;
        }
        self.decoder = (!decoder.is_empty()).then_some(decoder);
        Ok(())
    }

    fn receive(&mut self, received: Received, outbox: &Arc<Outbox>, app: &App) -> Result<(), End> {
        if let Received::Close(code) = received {
            return Err(End::Close(code.unwrap_or(Closing::Normal as u16)));
        }
        if !self.allowance.message(Instant::now()) {
            return refuse(outbox);
        }
        match (received, self.manner) {
            (Received::Ping(payload), _) => Ok(outbox.answer(&frame::pong(&payload))?),
            (Received::Text(text), Manner::Json) => {
                let done = Asked::parse(&text).and_then(|asked| self.obey(asked, outbox, app));
                done.or_else(|wrong| tell(outbox, &wrong.text()))
            }
            _ => Ok(()),
        }
    }

    fn obey(&mut self, asked: Asked, outbox: &Arc<Outbox>, app: &App) -> Result<(), Wrong> {
        let site = self.rooms.site();
        match asked {
            Asked::Join { room } => return self.rooms.join(&room, app, outbox),
            Asked::Leave { room } => return self.rooms.leave(&room),
            Asked::Session { id } => {
                self.rooms.identify(id.as_ref().map(SessionId::as_str), &app.keys);
            }
            Asked::Presence { position, name, room } => {
                check(app, site, Settings::presence, "presence is off for this site")?;
                return self.rooms.place(room.as_deref(), position, name);
            }
            Asked::Message { data, room } => {
                check(app, site, Settings::messages, "messages are off for this site")?;
                return self.rooms.say(room.as_deref(), &data);
            }
            // A page that reads nothing is found by what it is sent next.
            Asked::Ping => {
                let _ = tell(outbox, &pong());
            }
        }
        Ok(())
    }
}

fn check(
    app: &App,
    site: &Site,
    setting: impl Fn(&Settings, &Site) -> bool,
    off: &'static str,
) -> Result<(), Wrong> {
    if setting(&app.settings(), site) { Ok(()) } else { Err(Wrong::NotEnabled(off)) }
}

/// It says more than it may.
fn refuse(outbox: &Outbox) -> Result<(), End> {
    tell(outbox, &Wrong::TooFast.text())?;
    Err(Closing::Policy.into())
}

fn tell(outbox: &Outbox, text: &str) -> Result<(), End> {
    Ok(outbox.answer(&frame::text(text))?)
}

impl From<Gone> for End {
    fn from(Gone: Gone) -> Self {
        Self::Gone
    }
}

impl From<Closing> for End {
    fn from(closing: Closing) -> Self {
        Self::Close(closing as u16)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ten thousand of them are to cost little more than their sockets.
    #[test]
    fn what_is_kept_of_an_open_page_is_small() {
        println!("{} and {} bytes", size_of::<Connection>(), size_of::<Outbox>());
        assert!(size_of::<Connection>() <= 216 && size_of::<Outbox>() <= 32);
    }
}

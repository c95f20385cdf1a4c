//! One connection: what it hears, and the rooms it is in.

use std::future::poll_fn;
use std::io::ErrorKind;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use tokio::time::Instant;

use super::frame::{self, Closing, Decoder, Received};
use super::hang_up;
use super::limits::Allowance;
use super::messages::{Asked, SessionId, Wrong, pong};
use super::outbox::{self, Gone, Outbox};
use super::rooms::Rooms;
use crate::circle::{Attendance, ViewerId};
use crate::http::House;
use crate::room::{Site, Visitor};
use crate::seats::Seat;
use crate::settings::Settings;

/// How much is read at once, in bytes, and how often before other connections have their turn.
const READ: usize = 4 * 1024;
const READS: usize = 4;

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
    pub(crate) seat: Seat,
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
#[derive(Debug)]
enum End {
    Gone,
    /// It is to be closed, with this code.
    Close(u16),
}

struct Connection {
    house: Arc<House>,
    outbox: Arc<Outbox>,
    rooms: Rooms,
    manner: Manner,
    /// Only while a message has come in part.
    decoder: Option<Box<Decoder>>,
    allowance: Allowance,
    /// Freed with the connection.
    _seat: Seat,
}

impl Guest {
    /// Takes it in; the future serves the connection until it ends. `behind` came with its opening.
    pub(super) fn enter(
        self,
        house: Arc<House>,
        outbox: Outbox,
        behind: &Bytes,
    ) -> impl Future<Output = ()> + use<> {
        let Self { id, site, visitor, counted, manner, attends, seat } = self;
        let outbox = Arc::new(outbox);
        let kept = house.keeper.keep(Arc::clone(&outbox));
        let mut connection = Connection {
            rooms: Rooms::new(id, site, visitor, counted),
            outbox: Arc::clone(&outbox),
            house,
            manner,
            decoder: None,
            allowance: Allowance::new(Instant::now()),
            _seat: seat,
        };
        let begun = connection.begin(attends, behind);
        // A block, and nothing in it moved: it is as large as what it holds, where a function would hold it twice.
        async move {
            let end = match begun {
                Ok(()) => connection.run().await,
                Err(end) => end,
            };
            // Who is being sent off isn't in a room any more.
            drop(connection);
            if let End::Close(code) = end {
                // Boxed, so that its buffer isn't a part of every connection.
                Box::pin(hang_up(&outbox, code)).await;
            }
            drop(kept);
        }
    }
}

impl Connection {
    fn begin(&mut self, attends: Vec<Attendance>, behind: &Bytes) -> Result<(), End> {
        self.rooms.begin(attends, &self.outbox)?;
        if behind.is_empty() { Ok(()) } else { self.hear(behind) }
    }

    async fn run(&mut self) -> End {
        poll_fn(|cx| match self.poll(cx) {
            Ok(()) => Poll::Pending,
            Err(end) => Poll::Ready(end),
        })
        .await
    }

    /// Does what there is to do, and has itself woken for the rest.
    fn poll(&mut self, cx: &mut Context<'_>) -> Result<(), End> {
        let standing = self.outbox.listen(cx);
        match standing.end {
            Some(outbox::End::Stop) => return Err(Closing::GoingAway.into()),
            Some(outbox::End::Unanswered) => return Err(End::Gone),
            None => {}
        }
        if standing.stalled {
            self.outbox.flush(cx, |slot| self.rooms.newest(slot))?;
        }
        self.read(cx)
    }

    fn read(&mut self, cx: &mut Context<'_>) -> Result<(), End> {
        let outbox = Arc::clone(&self.outbox);
        for _ in 0..READS {
            let Poll::Ready(ready) = outbox.socket().poll_read_ready(cx) else { return Ok(()) };
            ready.map_err(|_| End::Gone)?;
            let mut buffer = [0; READ];
            match outbox.socket().try_read(&mut buffer) {
                Ok(0) => return Err(End::Gone),
                Ok(some) => self.hear(&buffer[..some])?,
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(_) => return Err(End::Gone),
            }
        }
        cx.waker().wake_by_ref();
        Ok(())
    }

    fn hear(&mut self, bytes: &[u8]) -> Result<(), End> {
        if !self.allowance.bytes(bytes.len(), Instant::now()) {
            return self.refuse();
        }
        let mut decoder = self.decoder.take().unwrap_or_default();
        decoder.feed(bytes);
        while let Some(received) = decoder.next()? {
            // Whatever it is, somebody is there.
            self.outbox.answered();
            self.receive(received)?;
        }
        self.decoder = (!decoder.is_empty()).then_some(decoder);
        Ok(())
    }

    fn receive(&mut self, received: Received) -> Result<(), End> {
        if let Received::Close(code) = received {
            return Err(End::Close(code.unwrap_or(Closing::Normal as u16)));
        }
        if !self.allowance.message(Instant::now()) {
            return self.refuse();
        }
        match (received, self.manner) {
            (Received::Ping(payload), _) => Ok(self.outbox.answer(&frame::pong(&payload))?),
            (Received::Text(text), Manner::Json) => {
                match Asked::parse(&text).and_then(|asked| self.obey(asked)) {
                    Ok(()) => Ok(()),
                    Err(wrong) => self.tell(&wrong.text()),
                }
            }
            _ => Ok(()),
        }
    }

    fn obey(&mut self, asked: Asked) -> Result<(), Wrong> {
        match asked {
            Asked::Join { room } => self.rooms.join(&room, &self.house, &self.outbox),
            Asked::Leave { room } => self.rooms.leave(&room),
            Asked::Session { id } => {
                self.rooms.identify(id.as_ref().map(SessionId::as_str), &self.house.keys);
                Ok(())
            }
            Asked::Presence { position, name, room } => {
                self.check(Settings::presence, "presence is off for this site")?;
                self.rooms.place(room.as_deref(), position, name)
            }
            Asked::Message { data, room } => {
                self.check(Settings::messages, "messages are off for this site")?;
                self.rooms.say(room.as_deref(), &data)
            }
            Asked::Ping => {
                // A page that reads nothing is found by what it is sent next.
                let _ = self.tell(&pong());
                Ok(())
            }
        }
    }

    fn check(&self, setting: impl Fn(&Settings, &Site) -> bool, off: &'static str) -> Result<(), Wrong> {
        let on = setting(&self.house.settings(), self.rooms.site());
        if on { Ok(()) } else { Err(Wrong::NotEnabled(off)) }
    }

    /// It says more than it may.
    fn refuse(&self) -> Result<(), End> {
        self.tell(&Wrong::TooFast.text())?;
        Err(Closing::Policy.into())
    }

    fn tell(&self, text: &str) -> Result<(), End> {
        Ok(self.outbox.answer(&frame::text(text))?)
    }
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

    fn size_of_future<H, O, F>(_: impl Fn(Guest, H, O, &Bytes) -> F) -> usize {
        size_of::<F>()
    }

    #[test]
    fn an_open_page_is_a_small_task() {
        println!("{} {}", size_of_future(Guest::enter), size_of::<Connection>());
        assert!(size_of_future(Guest::enter) <= 256);
    }
}

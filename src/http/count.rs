//! `/count/example.com/posts/1.json`, `.txt`: the numbers alone.

use hyper::StatusCode;
use onlookers_rooms::{Counts, RoomName};
use serde::Serialize;

use super::numbers::Numbers;
use super::{Answer, App, Refusal, Request, cors, grant, respond};
use crate::gate::GateError;

#[derive(Serialize)]
struct Count {
    room: String,
    #[serde(flatten)]
    here: Both,
    site: Both,
    peak: Both,
}

#[derive(Serialize)]
struct Both {
    pages: u64,
    visitors: u64,
}

pub(super) fn answer(app: &App, request: &Request<'_>) -> Result<Answer, Refusal> {
    let Some((name, extension @ ("json" | "txt"))) = request.rest().rsplit_once('.') else {
        return Err(Refusal::NotFound);
    };
    let query = request.query()?;
    let room = request.room_named(name)?;
    if !request.settings.shows(&room) {
        return Err(GateError::NotAllowed(room.of_site().clone()).into());
    }
    let numbers = Numbers::of(app, &room);
    grant::respond(cors::of_any_page(respond::never_kept(match extension {
        "txt" => respond::text(StatusCode::OK, numbers.now.of(query.counting).to_string()),
        _ => respond::json(StatusCode::OK, &count(app, &room, numbers)),
    })))
}

fn count(app: &App, room: &RoomName, numbers: Numbers) -> Count {
    let site = room.whole_site().map_or(numbers, |site| Numbers::of(app, &site));
    Count {
        room: room.to_string(),
        here: numbers.now.into(),
        site: site.now.into(),
        peak: numbers.peak.into(),
    }
}

impl From<Counts> for Both {
    fn from(Counts { tabs: pages, visitors }: Counts) -> Self {
        Self { pages, visitors }
    }
}

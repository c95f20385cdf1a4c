//! `/top.png` and `/top.json`: the pages of a site by viewers.

use hyper::StatusCode;
use onlookers_picture::{Appearance, RankingStyle};
use onlookers_rooms::{Counts, Page, RoomName, Site};
use serde::Serialize;

use super::admission::embedding_site;
use super::grant::Shown;
use super::online::redirect_to_unique;
use super::query::QueryError;
use super::{Answer, App, Refusal, Request, grant, respond};
use crate::feeds::View;
use crate::gate::GateError;
use crate::settings::Audience;

/// How many pages the JSON lists at most.
pub(super) const MAX_LISTED: usize = 100;

#[derive(Serialize)]
struct Ranking<'a> {
    site: &'a str,
    pages: Vec<Row<'a>>,
}

#[derive(Serialize)]
struct Row<'a> {
    page: String,
    count: u64,
    visitors: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<&'a str>,
}

/// The live picture. Its viewers aren't counted.
pub(super) fn picture(app: &App, request: &Request<'_>) -> Result<Answer, Refusal> {
    let (query, site) = (request.query()?, embedding_site(request)?);
    if request.settings.ranking(&site) == Audience::Nobody {
        return Err(GateError::NotAllowed(site).into());
    }
    let view = |rows: Option<u8>, width, appearance| {
        let rows = rows.unwrap_or(RankingStyle::DEFAULT_ROWS);
        RankingStyle::new(rows, width, appearance, &app.themes).map(View::Top).map_err(QueryError::from)
    };
    let usual = view(None, None, Appearance::default())?;
    let view = view(query.rows, query.width, query.appearance()?)?;
    if !query.unique {
        return redirect_to_unique(request);
    }
    grant::stream(app, request, None, Shown { room: &RoomName::site(site), view, usual })
}

/// The list as it is now, most viewers first.
pub(super) fn list(app: &App, request: &Request<'_>) -> Result<Answer, Refusal> {
    let site = admitted_site(request)?;
    let pages = rows(app, request, &site);
    grant::respond(respond::json(StatusCode::OK, &Ranking { site: site.as_str(), pages }))
}

/// The site whose list is asked for.
///
/// # Errors
/// [`Refusal`], if it isn't shown.
pub(super) fn admitted_site(request: &Request<'_>) -> Result<Site, Refusal> {
    let (site, gate) = (listed_site(request)?, &request.settings.gate);
    let is_shown = match request.settings.ranking(&site) {
        Audience::Everyone => gate.allows(&site),
        Audience::Own => gate.admit(&request.claim).is_ok_and(|admission| admission.site == site),
        Audience::Nobody => false,
    };
    if is_shown { Ok(site) } else { Err(GateError::NotAllowed(site).into()) }
}

/// `site=`, or the site of the page that asks.
fn listed_site(request: &Request<'_>) -> Result<Site, QueryError> {
    let gate = &request.settings.gate;
    match &request.query()?.site {
        Some(name) => {
            let site = name.parse().map_err(|why| QueryError::new("site", why))?;
            Ok(gate.canonical(&site))
        }
        None => (request.claim.embedding_site().ok().flatten().map(|site| gate.canonical(&site)))
            .ok_or_else(|| QueryError::new("site", "missing; write site=example.com")),
    }
}

/// The rooms of the pages that the list has.
pub(super) fn pages(app: &App, site: &Site) -> Vec<RoomName> {
    let room = app.rooms.find(&RoomName::site(site.clone()));
    let pages = room.map(|room| room.top(MAX_LISTED)).unwrap_or_default().into_iter();
    pages.map(|(page, _)| RoomName::page(site.clone(), page)).collect()
}

fn rows<'r>(app: &App, request: &'r Request<'_>, site: &Site) -> Vec<Row<'r>> {
    let room = app.rooms.find(&RoomName::site(site.clone()));
    let pages = room.map(|room| room.top(MAX_LISTED)).unwrap_or_default();
    let row = |(page, count): (Page, u64)| {
        let (Counts { visitors, .. }, _) = app.rooms.numbers(&RoomName::page(site.clone(), page.clone()));
        Row { page: page.to_string(), count, visitors, title: request.settings.titles().find(site, &page) }
    };
    pages.into_iter().map(row).collect()
}

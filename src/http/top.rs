//! `/top.png` and `/top.json`: the pages of a site by viewers.

use std::net::IpAddr;

use hyper::StatusCode;
use hyper::header::REFERER;
use hyper::http::request::Parts;
use serde::Serialize;

use super::online::redirect_to_unique;
use super::query::{BadQuery, Query};
use super::{Body, answers, claim, refused};
use crate::app::App;
use crate::config::Audience;
use crate::transport::Answer;
use crate::feeds::View;
use crate::gate::Refusal;
use crate::room::{RoomName, Site};

/// How many pages are listed if the URL doesn't say.
const ROWS: u8 = 10;

/// And in a list that is no picture.
const MAX_ROWS_AS_JSON: usize = 100;

#[derive(Serialize)]
struct Top<'a> {
    site: &'a str,
    pages: Vec<Row>,
}

#[derive(Serialize)]
struct Row {
    page: String,
    count: u64,
    visitors: u64,
}

/// The live picture. Whoever looks at it isn't counted by it.
pub(super) fn picture(app: &App, request: &Parts, peer: IpAddr) -> Answer {
    let settings = app.settings();
    let query = match Query::parse(request.uri.query()) {
        Ok(query) => query,
        Err(bad) => return Answer::Respond(answers::bad_query(&bad)),
    };
    let admission = match settings.gate.admit(&claim(&request.headers, query.site.as_deref())) {
        Ok(admission) => admission,
        Err(refusal) => return Answer::Respond(refused(&refusal)),
    };
    if settings.ranking(&admission.site) == Audience::Nobody {
        return Answer::Respond(refused(&Refusal::NotAllowed(admission.site)));
    }
    if !query.unique {
        return Answer::Respond(redirect_to_unique(request));
    }
    let view = View::Top { rows: query.rows.unwrap_or(ROWS) };
    app.watch(&settings, &RoomName::site(admission.site), view, (request, peer))
}

/// The list as it is now, most viewers first.
pub(super) fn list(app: &App, request: &Parts) -> hyper::Response<Body> {
    let site = match site_asked_for(request) {
        Ok(site) => site,
        Err(bad) => return answers::bad_query(&bad),
    };
    let settings = app.settings();
    let own = claim(&request.headers, None);
    let may = match settings.ranking(&site) {
        Audience::Everyone => settings.gate.allows(&site),
        Audience::Own => settings.gate.admit(&own).is_ok_and(|admission| admission.site == site),
        Audience::Nobody => false,
    };
    if !may {
        return refused_in_json(&Refusal::NotAllowed(site));
    }
    answers::json(StatusCode::OK, &Top { site: site.as_str(), pages: app.rows(&site) })
}

/// `site=`, or the site of the page that asks.
fn site_asked_for(request: &Parts) -> Result<Site, BadQuery> {
    let query = Query::parse(request.uri.query())?;
    if let Some(site) = query.site {
        return site.parse().map_err(|why| BadQuery::new("site", why));
    }
    let referer = request.headers.get(REFERER).and_then(|referer| referer.to_str().ok());
    Site::of_url(referer.unwrap_or_default())
        .map_err(|_| BadQuery::new("site", "missing; write site=example.com"))
}

fn refused_in_json(refusal: &Refusal) -> hyper::Response<Body> {
    tracing::debug!(%refusal, "refused");
    answers::json(StatusCode::FORBIDDEN, &serde_json::json!({ "error": "This ranking is not shown to you." }))
}

impl App {
    fn rows(&self, site: &Site) -> Vec<Row> {
        let room = self.rooms.find(&RoomName::site(site.clone()));
        let top = room.map(|room| room.top(MAX_ROWS_AS_JSON)).unwrap_or_default();
        top.into_iter()
            .map(|(page, count)| {
                let name = RoomName::page(site.clone(), page.clone());
                let visitors = self.rooms.find(&name).map_or(0, |room| room.counts().visitors);
                Row { page: page.to_string(), count, visitors }
            })
            .collect()
    }
}

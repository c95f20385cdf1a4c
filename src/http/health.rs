//! `/healthz`: whether a load balancer should send more viewers here. A word says why not; operators get a sentence.

use hyper::StatusCode;

use super::{Answer, App, Refusal, Request, grant, respond};
use crate::app::{FULL, Unready};

pub(super) fn answer(app: &App, _: &Request<'_>) -> Result<Answer, Refusal> {
    grant::respond(match app.turns_away()[..] {
        [] => respond::text(StatusCode::OK, "ready\n"),
        [Unready::Viewers] => respond::text(StatusCode::SERVICE_UNAVAILABLE, FULL),
        _ => respond::text(StatusCode::SERVICE_UNAVAILABLE, "stopping\n"),
    })
}

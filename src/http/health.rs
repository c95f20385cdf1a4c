//! `/healthz`: whether a load balancer should send more viewers here. Why it shouldn't is told to operators alone.

use hyper::StatusCode;

use super::{Answer, App, Refusal, Request, grant, respond};

pub(super) fn answer(app: &App, _: &Request<'_>) -> Result<Answer, Refusal> {
    grant::respond(match app.turns_away().is_empty() {
        true => respond::text(StatusCode::OK, "ready\n"),
        false => respond::text(StatusCode::SERVICE_UNAVAILABLE, "not ready\n"),
    })
}

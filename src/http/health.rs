//! `/healthz`: whether a load balancer should send more viewers here. Why it shouldn't is told to operators alone.
//!
//! A node that counts alone still serves its viewers: if Redis is away, all nodes are alone, and another one would be no better.

use hyper::StatusCode;

use crate::app::Unready;

use super::{Answer, App, Refusal, Request, grant, respond};

pub(super) fn answer(app: &App, _: &Request<'_>) -> Result<Answer, Refusal> {
    let another_is_better = |reason: &Unready| matches!(reason, Unready::Stopping | Unready::Viewers);
    grant::respond(match app.unready().iter().any(another_is_better) {
        true => respond::text(StatusCode::SERVICE_UNAVAILABLE, "not ready\n"),
        false => respond::text(StatusCode::OK, "ready\n"),
    })
}

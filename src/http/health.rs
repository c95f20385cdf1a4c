//! `/healthz`: whether the server can take more viewers, for load balancers and containers. Why it can't is told to operators alone.

use hyper::StatusCode;

use super::{Answer, App, Refusal, Request, grant, respond};

pub(super) fn answer(app: &App, _: &Request<'_>) -> Result<Answer, Refusal> {
    grant::respond(match app.unready().is_empty() {
        true => respond::text(StatusCode::OK, "ready\n"),
        false => respond::text(StatusCode::SERVICE_UNAVAILABLE, "not ready\n"),
    })
}

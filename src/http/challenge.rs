//! `/.well-known/acme-challenge/TOKEN`: proves to a certificate authority that a name leads to this server.

use hyper::StatusCode;

use super::{App, Refusal, Request, grant, respond};
use crate::net::challenges::PATH;
use crate::transport::Answer;

pub(super) fn answer(app: &App, request: &Request<'_>) -> Result<Answer, Refusal> {
    let token = request.path.strip_prefix(PATH).unwrap_or_default();
    let answer = app.challenges.answer(token).ok_or(Refusal::NotFound)?;
    grant::respond(respond::text(StatusCode::OK, answer))
}

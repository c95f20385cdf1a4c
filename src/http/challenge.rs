//! `/.well-known/acme-challenge/TOKEN`: proves to a certificate authority that a name leads to this server, or to its nodes.

use hyper::StatusCode;

use super::{App, Refusal, Request, grant, respond};
use crate::net::challenges::PATH;
use crate::transport::Answer;

pub(super) fn answer(app: &App, request: &Request<'_>) -> Result<Answer, Refusal> {
    let token = request.path.strip_prefix(PATH).unwrap_or_default();
    if let Some(answer) = app.challenges.answer(token) {
        return grant::respond(respond::text(StatusCode::OK, answer));
    }
    let asked = app.challenges.ask_others(token).ok_or(Refusal::NotFound)?;
    Ok(Answer::Later(Box::pin(async move {
        Answer::Respond(match asked.await {
            Some(answer) => respond::text(StatusCode::OK, answer),
            None => respond::text(StatusCode::NOT_FOUND, "No challenge with this token is pending.\n"),
        })
    })))
}

//! `/events/example.com/posts/1`: a room's counts as server-sent events, for pages with scripts.

use onlookers_rooms::RoomName;

use super::admission::check_script;
use super::grant::Shown;
use super::{Answer, App, Refusal, Request, cors, grant, respond};
use crate::feeds::View;

/// The stream, or its head for HEAD.
pub(super) fn stream(app: &App, request: &Request<'_>) -> Result<Answer, Refusal> {
    let (room, peek) = admit(request)?;
    let counted = (!peek && request.is_counted()).then_some(&room);
    grant::stream(
        app,
        request,
        counted,
        Shown { room: &request.query()?.shown(&room), view: View::Events, usual: View::Events },
    )
}

/// The answer to a browser that asks which headers a page's script may send.
pub(super) fn preflight(_: &App, request: &Request<'_>) -> Result<Answer, Refusal> {
    let fields = match admit(request) {
        Ok(_) => cors::preflight(request.origin),
        Err(_) => cors::unreadable(),
    };
    let mut answer = respond::options();
    answer.headers_mut().extend(fields);
    grant::respond(answer)
}

/// The room, and whether the client only peeks, as a crawler that runs scripts does.
pub(super) fn admit(request: &Request<'_>) -> Result<(RoomName, bool), Refusal> {
    let room = request.room()?;
    let peek = request.query()?.peek || request.takes_no_stream();
    // Its Origin names its site if the request goes to another one, and otherwise its Referer.
    check_script(request, &room, request.named_origin().or(request.claim.referer), peek)?;
    Ok((room, peek))
}

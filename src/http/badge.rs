//! `/badge/example.com/posts/1.png`, `.svg`, `.json`: one complete picture, never counted.

use onlookers_picture::{Style, StyleBuilder, Value};

use super::numbers::Numbers;
use super::{Answer, App, Refusal, Request, grant, respond, still};
use crate::gate::GateError;

/// The picture.
pub(super) fn picture(app: &App, request: &Request<'_>) -> Result<Answer, Refusal> {
    let (name, extension) = request.rest().rsplit_once('.').ok_or(Refusal::NotFound)?;
    if !matches!(extension, "png" | "svg") {
        return Err(Refusal::NotFound);
    }
    let (style, value) = badge(app, request, name)?;
    match extension {
        "png" => still::png(app, request, style, value),
        _ => still::svg(app, request, style, value),
    }
}

/// The same, for shields.io to draw.
pub(super) fn shield(app: &App, request: &Request<'_>) -> Result<Answer, Refusal> {
    let name = request.rest().strip_suffix(".json").ok_or(Refusal::NotFound)?;
    let (style, value) = badge(app, request, name)?;
    let (label, message, color) = (style.label().as_str(), style.message(value), style.color().to_string());
    grant::respond(respond::shield(label, &message, &color))
}

fn badge(app: &App, request: &Request<'_>, name: &str) -> Result<(Style, Value), Refusal> {
    let query = request.query()?;
    let room = request.room_named(name)?;
    if !request.settings.shows(&room) {
        return Err(GateError::NotAllowed(room.of_site().clone()).into());
    }
    let style = StyleBuilder::flat(request.settings.label(room.of_site()));
    let style = query.style(style, &app.themes)?;
    let value = Numbers::of(app, &room).value(query, &style);
    Ok((style, value))
}

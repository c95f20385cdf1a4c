//! Which room a request may see. A picture's page is known by its Referer, a script's by its Origin.

use onlookers_rooms::{RoomName, Site};

use super::{Refusal, Request};
use crate::gate::{Claim, GateError};

/// The site whose page embeds a picture, or the one that a page of this server names by `site=`.
///
/// # Errors
/// [`Refusal`], if the query is bad or the site may not embed.
pub(super) fn embedding_site(request: &Request<'_>) -> Result<Site, Refusal> {
    let claim = Claim { site: request.query()?.site.as_deref(), ..request.claim };
    Ok(request.settings.gate.admit(&claim)?.site)
}

/// The room of a page that embeds a picture: its site or, with `page=`, one of the site's pages.
///
/// # Errors
/// [`Refusal`], if the query is bad, or the site or the page isn't allowed.
pub(super) fn embedding_room(request: &Request<'_>) -> Result<RoomName, Refusal> {
    let room = request.room_of(embedding_site(request)?)?;
    check_page(request, &room)?;
    Ok(room)
}

/// Whether a page may listen to a room's events. It is counted only on its own site, which its Origin names if the request
/// goes to another site, and otherwise its Referer. With `peek` it may see what `/count/…` shows to everybody, unless it is
/// a page of a site that isn't allowed.
///
/// # Errors
/// [`Refusal`], if it may not.
pub(super) fn check_listener(request: &Request<'_>, room: &RoomName, peek: bool) -> Result<(), Refusal> {
    let (gate, site) = (&request.settings.gate, room.of_site());
    let page = request.origin.or(request.claim.referer);
    let is_own = match page {
        None if peek => false,
        _ => gate.admit(&script_claim(request, page, site))?.site == *site,
    };
    if !(is_own || peek && gate.allows(site)) {
        return Err(GateError::NotAllowed(site.clone()).into());
    }
    check_page(request, room)
}

/// Whether a page may open a WebSocket: to rooms of its own site only, which its Origin names.
///
/// # Errors
/// [`Refusal`], if it may not.
pub(super) fn check_opener(request: &Request<'_>, room: &RoomName) -> Result<(), Refusal> {
    let site = room.of_site();
    let admission = request.settings.gate.admit(&script_claim(request, request.origin, site))?;
    if admission.site != *site {
        return Err(GateError::NotAllowed(admission.site).into());
    }
    check_page(request, room)
}

/// A page of this server speaks for the site of the room that its script asks for.
fn script_claim<'a>(request: &Request<'a>, page: Option<&'a [u8]>, site: &'a Site) -> Claim<'a> {
    Claim { referer: page, destination: None, site: Some(site.as_str()), ..request.claim }
}

fn check_page(request: &Request<'_>, room: &RoomName) -> Result<(), Refusal> {
    match request.settings.counts(room) {
        true => Ok(()),
        false => Err(GateError::PageNotAllowed(room.clone()).into()),
    }
}

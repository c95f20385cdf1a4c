//! Which room a request may see. A picture's page is known by its Referer, a script's by its Origin.

use onlookers_rooms::{RoomName, Site};

use super::{App, Refusal, Request};
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
pub(super) fn embedding_room(app: &App, request: &Request<'_>) -> Result<RoomName, Refusal> {
    let room = request.room_of(embedding_site(request)?)?;
    check_page(request, &room)?;
    if request.misses_page() {
        warn_of_hidden_pages(app, room.of_site());
    }
    Ok(room)
}

/// Says once for each site that `page=auto` finds no page there.
pub(super) fn warn_of_hidden_pages(app: &App, site: &Site) {
    if app.sites_without_pages.is_new(site) {
        tracing::warn!(
            "page=auto: a browser sent only the origin of {}, so that is counted for the whole site; write the page into the \
             tag, as page=/posts/1, or add referrerpolicy=\"no-referrer-when-downgrade\", which some browsers don't follow",
            if site.as_str().is_empty() { "a page" } else { site.as_str() }
        );
    }
}

/// A page whose script is admitted to a room.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Script {
    /// One of the room's own site, or of this server.
    Own,
    /// Any client that only looks.
    Foreign,
}

/// Whether a script may listen to a room; `page` is where it says that it is. It is counted only on its own site. With `peek`
/// it may see what `/count/…` shows to everybody.
///
/// # Errors
/// [`Refusal`], if it may not.
pub(super) fn check_script(
    request: &Request<'_>,
    room: &RoomName,
    page: Option<&[u8]>,
    peek: bool,
) -> Result<Script, Refusal> {
    let (gate, site) = (&request.settings.gate, room.of_site());
    let script = match gate.admit(&script_claim(request, page, site)) {
        Ok(admission) if admission.site == *site => Script::Own,
        _ if peek && gate.allows(site) => Script::Foreign,
        Ok(_) => return Err(GateError::NotAllowed(site.clone()).into()),
        Err(error) => return Err(error.into()),
    };
    check_page(request, room)?;
    Ok(script)
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

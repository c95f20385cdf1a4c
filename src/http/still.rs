//! Complete pictures. One that nobody has asked for before is painted at the expense of the client.

use std::sync::Arc;

use bytes::Bytes;
use onlookers_picture::{Style, Value};

use super::respond::{self, PNG, SVG};
use super::static_file::{self, KnownTags};
use super::{Answer, App, Refusal, Request, cors, grant};

/// The PNG file that shows `value` in `style`.
///
/// # Errors
/// [`Refusal::Busy`].
pub(super) fn png(app: &App, request: &Request<'_>, style: Style, value: Value) -> Result<Answer, Refusal> {
    if let Some(file) = app.pictures.find_png(&style, value) {
        return grant::respond(cors::of_any_page(static_file::fresh(&KnownTags::of(request), PNG, file)));
    }
    let pictures = Arc::clone(&app.pictures);
    painted(app, request, PNG, style.family(), move || pictures.png(&style, value))
}

/// The SVG file; none are kept.
///
/// # Errors
/// [`Refusal::Busy`].
pub(super) fn svg(app: &App, request: &Request<'_>, style: Style, value: Value) -> Result<Answer, Refusal> {
    let pictures = Arc::clone(&app.pictures);
    painted(app, request, SVG, style.family(), move || pictures.svg(&style, value))
}

fn painted(
    app: &App,
    request: &Request<'_>,
    content_type: &'static str,
    style: &'static str,
    paint: impl FnOnce() -> Bytes + Send + 'static,
) -> Result<Answer, Refusal> {
    let costs = Arc::clone(app.painter.costs());
    let measured = move || {
        let (measured, file) = (costs.measure(), paint());
        costs.of_style(style, measured);
        file
    };
    let painted = app.painter.paint_for_client(request.payer(), measured)?;
    let known = KnownTags::of(request);
    Ok(Answer::Later(Box::pin(async move {
        Answer::Respond(cors::of_any_page(match painted.await {
            Ok(file) => static_file::fresh(&known, content_type, file),
            Err(_) => respond::unpainted(),
        }))
    })))
}

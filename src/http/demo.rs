//! `/`: the demo page with the live picture, the tags to copy, and a gallery of styles; `/sample/…`: the gallery's pictures;
//! `/favicon.ico` and `/robots.txt`, which browsers and crawlers ask every server for.

use bytes::Bytes;
use hyper::header::HeaderValue;
use onlookers_picture::{Label, Style, StyleBuilder, Value};

use super::respond::NO_SCRIPTS;
use super::static_file::KnownTags;
use super::{Answer, App, Refusal, Request, grant, respond, static_file, still, tag};

const PAGE: &str = include_str!("../../demo/index.html");

const ICON: &[u8] = include_bytes!("../../demo/favicon.ico");

/// Everything but the demo page is forbidden to crawlers.
const ROBOTS: &[u8] = include_bytes!("../../demo/robots.txt");

/// Neither changes before the program does.
const DAY: HeaderValue = HeaderValue::from_static("public, max-age=86400");

/// The number that the gallery shows. The server makes no pictures of others: anybody could have it paint without end.
const SAMPLE: u64 = 1234;

/// The page. The picture and the tags to copy have the style that the page's own query asks for.
pub(super) fn page(app: &App, request: &Request<'_>) -> Result<Answer, Refusal> {
    let style =
        request.query()?.style(StyleBuilder::new(request.settings.server_label().clone()), &app.themes)?;
    let ((width, height), alt) = (style.size(Value::Count(0)), tag::alt(&style));
    let (style, has_scale) = (request.query()?.style_parameters(), request.query()?.has("scale"));
    let sources = |address: &str, page: &str, ampersand: &str| {
        let both: Vec<_> = [page, &style].into_iter().filter(|part| !part.is_empty()).collect();
        tag::sources(&format!("{address}online.png"), &both.join("&"), has_scale).replace('&', ampersand)
    };
    // An ampersand in a tag is escaped once; in a tag that is shown as text, twice.
    let shown = |page: &str| sources("{{address}}/", page, "&amp;amp;");
    let page = PAGE
        .replace("{{sources}}", &sources("", "", "&amp;"))
        .replace("{{query}}", &tag::query(&style).replace('&', "&amp;amp;"))
        .replace("{{shown}}", &shown(""))
        .replace("{{page}}", &shown("page=/posts/1"))
        .replace("{{auto}}", &shown("page=auto"))
        .replace("{{address}}", &request.server_address())
        .replace("{{size}}", &format!("width=\"{width}\" height=\"{height}\""))
        .replace("{{shown-alt}}", &alt.replace('&', "&amp;"))
        .replace("{{alt}}", &alt);
    grant::respond(static_file::page(request, page, NO_SCRIPTS))
}

/// The icon of the server's pages.
pub(super) fn icon(_: &App, request: &Request<'_>) -> Result<Answer, Refusal> {
    grant::respond(static_file::kept(&KnownTags::of(request), "image/x-icon", Bytes::from_static(ICON), DAY))
}

/// What crawlers may ask for.
pub(super) fn robots(_: &App, request: &Request<'_>) -> Result<Answer, Refusal> {
    let known = KnownTags::of(request);
    grant::respond(static_file::kept(&known, respond::PLAIN, Bytes::from_static(ROBOTS), DAY))
}

/// `/sample/1234.svg`, `.png`: the number in a style. The gallery shows stills, as browsers open only six streams to a host.
pub(super) fn sample(app: &App, request: &Request<'_>) -> Result<Answer, Refusal> {
    let style = style(app, request)?;
    let peak = Value::Peak { now: SAMPLE, peak: SAMPLE };
    let value = if style.shows_peak() { peak } else { Value::Count(SAMPLE) };
    match request.rest() {
        "1234.png" => still::png(app, request, style, value),
        "1234.svg" => still::svg(app, request, style, value),
        _ => Err(Refusal::NotFound),
    }
}

fn style(app: &App, request: &Request<'_>) -> Result<Style, Refusal> {
    Ok(request.query()?.style(StyleBuilder::new(Label::default()), &app.themes)?)
}

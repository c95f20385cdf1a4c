//! The demo page: the live picture, the tags to copy, and a gallery of styles.

use hyper::Response;
use hyper::header::HOST;
use hyper::http::request::Parts;

use super::query::Query;
use super::{Body, answers, still};
use crate::app::App;
use crate::picture::{Label, StyleBuilder, Value};
use crate::room::Site;

const PAGE: &str = include_str!("../../demo/index.html");

/// The page, with the picture in the style that its own query asks for, and the tags as they are to be copied.
pub(super) fn page(app: &App, request: &Parts) -> Response<Body> {
    let asked = Query::parse(request.uri.query()).and_then(|query| {
        let style = query.style(StyleBuilder::new(Label::default()), &app.themes)?;
        Ok((query.style_parameters(), style))
    });
    let (parameters, style) = match asked {
        Ok(asked) => asked,
        Err(bad) => return answers::bad_query(&bad),
    };
    let (width, height) = style.size(Value::Count(0));
    let parameters = if parameters.is_empty() { parameters } else { format!("?{parameters}") };
    answers::page(
        PAGE.replace("{{address}}", &address(request))
            .replace("{{size}}", &format!("width=\"{width}\" height=\"{height}\""))
            // In a tag, an ampersand is written as an entity; in a tag that is shown, that is written so again.
            .replace("{{style}}", &parameters.replace('&', "&amp;"))
            .replace("{{shown}}", &parameters.replace('&', "&amp;amp;")),
    )
}

/// `/sample/1234.svg`, `.png`: how a number looks in a style. The demo page's gallery shows these rather than a stream for
/// each style: six streams are all that a browser opens to a host.
pub(super) fn sample(app: &App, request: &Parts, name: &str) -> Response<Body> {
    let sample =
        name.rsplit_once('.').and_then(|(number, extension)| Some((number.parse().ok()?, extension)));
    let Some((number, extension)) = sample else { return answers::not_found() };
    let style = Query::parse(request.uri.query())
        .and_then(|query| query.style(StyleBuilder::new(Label::default()), &app.themes));
    let style = match style {
        Ok(style) => style,
        Err(bad) => return answers::bad_query(&bad),
    };
    let value =
        if style.shows_peak() { Value::Peak { now: number, peak: number } } else { Value::Count(number) };
    match extension {
        "png" => still::answer(request, "image/png", app.pictures.png(&style, value)),
        "svg" => still::answer(request, "image/svg+xml", app.pictures.svg(&style, value)),
        _ => answers::not_found(),
    }
}

/// The address under which the page was asked for. A proxy that ends TLS says so in X-Forwarded-Proto; it changes
/// nothing but this text.
pub(super) fn address(request: &Parts) -> String {
    let header = |name: &str| request.headers.get(name).and_then(|value| value.to_str().ok());
    let scheme = if header("x-forwarded-proto") == Some("https") { "https" } else { "http" };
    let host = header(HOST.as_str()).and_then(|host| host.parse::<Site>().ok());
    match host {
        Some(host) => format!("{scheme}://{host}"),
        None => String::new(),
    }
}

//! The routes: one match on method and path.
//!
//! A [`Request`] is parsed once. Its route answers it, or gives a [`Refusal`], which is logged and rendered here in the
//! [`Form`] that the route speaks.

use std::sync::Arc;

use hyper::Method;
use hyper::http::request::Parts;

use crate::app::App;
use crate::metrics::metered;
use crate::net::address::Peer;
use crate::net::challenges;
use crate::net::connections::ConnectionPermit;
use crate::transport::Answer;
pub(crate) use redirect::redirect;
use refusal::{Form, Refusal};
use request::Request;

mod client;
mod diagnosis;
mod query;
mod request;
mod wishes;

mod cors;
mod redirect;
mod refusal;
mod respond;
mod static_file;
mod still;

mod admission;
mod grant;
mod numbers;
mod tag;

mod badge;
mod challenge;
mod count;
mod demo;
mod elsewhere;
mod embed;
mod events;
mod health;
mod ignore;
mod live;
mod livecount;
mod online;
mod reading;
mod top;
mod websocket;

type Route = fn(&App, &Request<'_>) -> Result<Answer, Refusal>;

/// Answers a request that came from `peer`, on a connection that its visitor is charged for from now on.
pub(crate) fn answer(app: &Arc<App>, parts: &Parts, peer: Peer, connection: &ConnectionPermit) -> Answer {
    let request = parse(app, parts, peer);
    metered::work_for(request.client().first_address());
    connection.charge(request.settings.proxies.client(request.address));
    warn_of_main_peer(app, &request, peer);
    // Nobody is asked for the sake of a client that is refused.
    let unknown = if request.is_denied() { None } else { elsewhere::unknown(app, &request) };
    let Some((requested, unknown)) = unknown else { return answer_parsed(app, &request) };
    let (app, parts, client) = (Arc::clone(app), parts.clone(), request.client());
    Answer::Later(Box::pin(async move {
        unknown.wait(&requested, client).await;
        answer_parsed(&app, &parse(&app, &parts, peer))
    }))
}

fn parse<'r>(app: &App, parts: &'r Parts, peer: Peer) -> Request<'r> {
    let mut request = Request::parse(parts, peer, app.settings());
    request.is_of_client &= !app.main_peer.is(peer.address.to_canonical());
    request
}

fn answer_parsed(app: &App, request: &Request<'_>) -> Answer {
    let (form, route) = route(request);
    app.metrics.requests.count();
    let refuse = |refusal: Refusal| {
        app.metrics.refusals.of(refusal.reason()).count();
        Answer::Respond(refusal.render(form, request))
    };
    let answer = if request.is_denied() { Err(Refusal::Denied) } else { route(app, request) };
    match answer.unwrap_or_else(refuse) {
        Answer::Respond(response) => Answer::Respond(diagnosis::describe(response, request)),
        other => other,
    }
}

/// Says once if most requests come from a peer that the settings don't name as a proxy.
fn warn_of_main_peer(app: &App, request: &Request<'_>, peer: Peer) {
    // A load balancer asks by itself whether the server is ready.
    if request.settings.proxies.trusts(peer) || request.path == "/healthz" {
        return;
    }
    let Some(peer) = app.main_peer.count(peer.address.to_canonical()) else { return };
    // A peer on this machine is a proxy, or somebody who tries the server.
    match request.settings.logged(peer).or(peer.is_loopback().then_some(peer)) {
        Some(peer) => tracing::warn!(
            "most requests come from {peer}: if that is a proxy, name it with --trust-proxy {peer}/{}, or all of \
             its visitors are one client",
            if peer.is_ipv4() { 32 } else { 128 }
        ),
        None => tracing::warn!(
            "most requests come from one address, which --log-addresses shows: if that is a proxy, name it with \
             --trust-proxy, or all of its visitors are one client"
        ),
    }
}

/// The route of a request, and what it answers with.
fn route(request: &Request<'_>) -> (Form, Route) {
    match *request.method {
        Method::GET | Method::HEAD => reading_route(request),
        Method::POST if matches!(request.path, "/ignore" | "/unignore") => (Form::Text, ignore::change),
        Method::OPTIONS if request.directory() == "/events/" => (Form::Events, events::preflight),
        Method::OPTIONS => (Form::Text, preflight),
        _ => (Form::Text, |_, _| Err(Refusal::Method)),
    }
}

/// The answer to a browser that asks what a page's script may send to a route that has no answer of its own to that.
fn preflight(_: &App, request: &Request<'_>) -> Result<Answer, Refusal> {
    let mut answer = respond::options();
    if reading_route(request).0.is_public() {
        answer.headers_mut().extend(cors::preflight_of_any_page());
    }
    grant::respond(answer)
}

fn reading_route(request: &Request<'_>) -> (Form, Route) {
    match request.path {
        "/" | "/index.html" => (Form::Text, demo::page),
        "/favicon.ico" => (Form::Text, demo::icon),
        "/robots.txt" => (Form::Text, demo::robots),
        "/healthz" => (Form::Text, health::answer),
        "/online.png" if online::wants_still(request) => (Form::Still, online::still),
        "/online.png" => (Form::Picture, online::live),
        "/top.png" => (Form::Picture, top::picture),
        "/top.json" => (Form::Json, top::list),
        "/reading.png" => (Form::Picture, reading::picture),
        "/mark.png" => (Form::Picture, reading::mark),
        "/embed" => (Form::Picture, embed::page),
        "/ignore" | "/unignore" => (Form::Text, ignore::ask),
        "/onlookers.js" => (Form::Text, live::module),
        "/live" => (Form::Text, live::page),
        "/live.js" => (Form::Text, live::script),
        "/livecount/ws" => (Form::WebSocket, livecount::open),
        path if path.starts_with(challenges::PATH) => (Form::Text, challenge::answer),
        path => match request.directory() {
            "/badge/" if path.ends_with(".json") => (Form::Shield, badge::shield),
            "/badge/" => (Form::Still, badge::picture),
            "/count/" => (Form::Count, count::answer),
            "/sample/" => (Form::Text, demo::sample),
            "/events/" => (Form::Events, events::stream),
            "/ws/" => (Form::WebSocket, websocket::open),
            _ => (Form::Text, |_, _| Err(Refusal::NotFound)),
        },
    }
}

//! What operators ask a running server, at an address of its own (`--admin`): nothing of it is on the public side.
//!
//! - `serve`: one request for each connection, a few at a time.
//! - `metrics`: `/metrics`, the numbers of all parts, in the text format of Prometheus; `process` has those of the process.
//! - `status`: `/status`, a page for people; `host` keeps pages of strangers from reading it.
//! - `/livez`: whether the server is alive; `/readyz`: whether it can take more viewers, and if not, why; `/healthz`: whether it turns
//!   viewers away, as on the public side, and why.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{ALLOW, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use crate::app::{App, Unready};
use crate::config::is_reloaded;
use crate::net::address::Peer;
use crate::net::tls::Certificates;
use crate::transport::Loops;
pub(crate) use serve::serve;

mod host;
mod metrics;
mod process;
mod serve;
mod status;
mod text;

/// How long event loops may take to begin a turn: what `/livez` calls dead has stood still for that long.
const TURN: Duration = Duration::from_secs(2);

const PLAIN: &str = "text/plain; charset=utf-8";
const HTML: &str = "text/html; charset=utf-8";

/// A page runs no script, loads nothing, and is shown in no frame.
const NOTHING_ELSE: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);

/// The server, as its operators may see it.
pub(crate) struct Admin {
    pub(crate) app: Arc<App>,
    pub(crate) loops: Arc<Loops>,
    /// Those in force, if there is TLS.
    pub(crate) certificates: Option<Arc<Certificates>>,
    /// The settings that were in force at the start.
    listed: Vec<(String, String)>,
    started: Instant,
}

impl Admin {
    /// From now on the server notes what clients cost.
    pub(crate) fn new(app: Arc<App>, loops: Arc<Loops>, certificates: Option<Arc<Certificates>>) -> Self {
        app.painter.costs().begin();
        let listed = app.settings().listed.clone();
        Self { app, loops, certificates, listed, started: Instant::now() }
    }

    async fn answer<B>(self: &Arc<Self>, request: &Request<B>, peer: Peer) -> Response<Full<Bytes>> {
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            let mut response =
                text(StatusCode::METHOD_NOT_ALLOWED, "Only GET and HEAD are understood here.\n");
            response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
            return response;
        }
        match request.uri().path() {
            // No browser comes by a Unix socket.
            "/" | "/status" if !peer.is_local && !host::is_own(request) => {
                text(StatusCode::MISDIRECTED_REQUEST, host::SENTENCE)
            }
            "/" => text(StatusCode::OK, "/metrics\n/livez\n/readyz\n/healthz\n/status\n"),
            "/metrics" => self.page(metrics::CONTENT_TYPE, metrics::encode).await,
            "/livez" => self.livez().await,
            "/readyz" => readiness(&self.app.unready()),
            "/healthz" => readiness(&self.app.turns_away()),
            "/status" => self.status().await,
            _ => text(StatusCode::NOT_FOUND, "There is nothing here.\n"),
        }
    }

    /// A page that takes a while to make: it lists open files, and waits for the locks of sites. The runtime's threads go on.
    async fn page(
        self: &Arc<Self>,
        content_type: &'static str,
        make: fn(&Arc<Self>) -> String,
    ) -> Response<Full<Bytes>> {
        let admin = Arc::clone(self);
        match spawn_blocking(move || make(&admin)).await {
            Ok(page) => response(StatusCode::OK, content_type, page),
            Err(_) => text(StatusCode::INTERNAL_SERVER_ERROR, "This page can't be made at the moment.\n"),
        }
    }

    async fn status(self: &Arc<Self>) -> Response<Full<Bytes>> {
        let mut response = self.page(HTML, |admin| status::page(admin)).await;
        response.headers_mut().insert(CONTENT_SECURITY_POLICY, NOTHING_ELSE);
        response
    }

    /// The settings in force, as keys and values: a reload changes some of them.
    fn configuration(&self) -> Vec<(String, String)> {
        let now = self.app.settings();
        let value = |(key, at_start): &(String, String)| {
            let reloaded = now.listed.iter().find(|(known, _)| known == key && is_reloaded(key));
            (key.clone(), reloaded.map_or_else(|| at_start.clone(), |(_, value)| value.clone()))
        };
        self.listed.iter().map(value).collect()
    }

    /// Whether the runtime and all event loops go on. A server that stops is alive, too.
    async fn livez(&self) -> Response<Full<Bytes>> {
        match timeout(TURN, self.loops.respond()).await {
            Ok(()) => text(StatusCode::OK, "alive\n"),
            Err(_) => text(StatusCode::SERVICE_UNAVAILABLE, "an event loop stands still\n"),
        }
    }
}

/// Whether the server is ready: else a line for each reason why not.
fn readiness(reasons: &[Unready]) -> Response<Full<Bytes>> {
    match reasons {
        [] => text(StatusCode::OK, "ready\n"),
        reasons => {
            let lines: String = reasons.iter().map(|reason| format!("{reason}\n")).collect();
            response(StatusCode::SERVICE_UNAVAILABLE, PLAIN, lines)
        }
    }
}

fn text(status: StatusCode, text: &'static str) -> Response<Full<Bytes>> {
    response(status, PLAIN, text)
}

/// An answer that isn't stored, and whose type isn't guessed.
fn response(status: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert("x-content-type-options", HeaderValue::from_static("nosniff"));
    headers.insert("cross-origin-resource-policy", HeaderValue::from_static("same-origin"));
    response
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::pin::pin;
    use std::sync::mpsc;
    use std::task::Poll;

    use super::*;
    use crate::app::tests::app;
    use crate::transport::{Options, Sends};

    #[test]
    fn no_thread_of_the_runtime_makes_pages() {
        let second = Duration::from_secs(1);
        let options =
            Options { loops: 1, resend: second, write_timeout: second, ping: second, sends: Sends::Write };
        let loops = Arc::new(Loops::new(options).unwrap());
        let runtime = tokio::runtime::Builder::new_current_thread().max_blocking_threads(1).build().unwrap();
        runtime.block_on(async {
            let admin = Arc::new(Admin::new(Arc::new(app()), loops, None));
            for path in ["/metrics", "/status"] {
                // The thread for what blocks has something else to do.
                let (tell, told) = mpsc::channel::<()>();
                let other = spawn_blocking(move || told.recv());
                let request = Request::get(path).body(()).unwrap();
                let mut answer = pin!(admin.answer(&request, Peer::local()));
                let is_ready = poll_fn(|cx| Poll::Ready(answer.as_mut().poll(cx).is_ready())).await;
                assert!(!is_ready, "{path}");
                drop(tell);
                assert_eq!(answer.await.status(), StatusCode::OK, "{path}");
                other.await.unwrap().unwrap_err();
            }
        });
    }
}

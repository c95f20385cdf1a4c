//! Another site than the counter's: pages that embed the picture, and one that doesn't.

use std::net::SocketAddr;
use std::sync::Arc;

use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;

use crate::Outcome;
use crate::counter::Counter;
use crate::driver::PATIENCE;

/// What the README tells people to put on their pages, with the counter's address in place of COUNTER.
const TAG: &str = r#"<img loading="lazy" srcset="COUNTER/online.png, COUNTER/online.png?scale=2 2x" width="200" height="30" alt="Users online">
<embed type="application/x-no-bfcache" width="0" height="0" style="position:absolute;visibility:hidden">"#;
/// Its first line alone, for the distinct visitors of the site.
const VISITORS: &str = r#"<img loading="lazy" src="COUNTER/online.png?page=PAGE&amp;show=site&amp;count=visitors" width="200" height="30" alt="Visitors">"#;
const ELEMENT: &str = r#"<script type="module" src="COUNTER/onlookers.js"></script>
<online-count>-</online-count> readers"#;
/// For a page whose script reads the picture.
const CANVAS: &str =
    r#"<img loading="lazy" crossorigin="anonymous" src="COUNTER/online.png" width="200" height="30" alt="">"#;
/// Pictures and scripts are allowed, but no connection of a script's.
const NO_CONNECTION: &str = "connect-src 'none'";
/// For a page that says its path only in the Referer, and one that says only its origin, as browsers do by themselves.
const TOLD: &str = r#"<img loading="lazy" src="COUNTER/online.png?page=auto" referrerpolicy="no-referrer-when-downgrade" width="200" height="30" alt="Users online">"#;
const BARE: &str =
    r#"<img loading="lazy" src="COUNTER/online.png?page=auto" width="200" height="30" alt="Users online">"#;
const FRAME: &str = r#"<h1>In a frame</h1>
<iframe src="COUNTER/embed" width="200" height="30" style="border:0" title="Users online"></iframe>"#;

/// Has the page with the picture prerendered, and goes there as soon as it is told to.
const PRERENDER: &str = r#"<script type="speculationrules">
{"prerender": [{"source": "list", "urls": ["/prerendered"], "eagerness": "immediate"}]}
</script>
<a id="next" href="/prerendered">next</a>
<script>fetch('/go').then(() => document.getElementById('next').click())</script>"#;
/// That page, without the second line of the tag: Chromium prerenders no page with an `<embed>`. It says when it has loaded in
/// advance, and when it is shown after that.
const PRERENDERED: &str = r#"<img loading="lazy" src="COUNTER/online.png" width="200" height="30" alt="Users online">
<script>
if (document.prerendering) onload = () => fetch('/loaded');
document.onprerenderingchange = () => fetch('/shown');
</script>"#;

/// What pages that are prerendered have said, and are told.
#[derive(Default)]
struct Prerendering {
    /// How many have loaded before they were shown.
    loaded: watch::Sender<usize>,
    /// How many of these have been shown.
    shown: watch::Sender<usize>,
    /// Lets one page go to the one that is prerendered.
    go: Notify,
}

pub(crate) struct Site {
    address: SocketAddr,
    prerendering: Arc<Prerendering>,
    serving: JoinHandle<Outcome>,
}

impl Site {
    /// - `/1`, `/2`, …: pages with the tag, each with a link to the next (`#next`) and to elsewhere (`#away`);
    /// - `/visitors/1`, …: pages with the first line of it, for the visitors, each with a link to the next;
    /// - `/framed`: a page with the frame, `/reloading`: one that reloads itself;
    /// - `/auto/told`, `/auto/bare`: pages with `page=auto`, with and without a policy for the Referer;
    /// - `/canvas`: a page with the picture, whose script may read it;
    /// - `/prerender`: a page that has one with the picture prerendered, and goes there when [`Site::show_prerendered`] says so;
    /// - `/element`: a page with the element, `/forbidden`: one on which that can't connect;
    /// - `/read`: a long page with the tag, and a mark at each tenth (`#at0`, `#at10`, … `#at100`);
    /// - any other: no picture.
    pub(crate) async fn start(counter: &Counter) -> Outcome<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let counter = counter.url("");
        let prerendering = Arc::new(Prerendering::default());
        let pages = Arc::clone(&prerendering);
        let serving = tokio::spawn(async move {
            loop {
                let (socket, _) = listener.accept().await?;
                tokio::spawn(serve(socket, counter.clone(), Arc::clone(&pages)));
            }
        });
        Ok(Self { address, prerendering, serving })
    }

    /// The counter is at 127.0.0.1: by this name the pages are another site's.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://localhost:{}{path}", self.address.port())
    }

    /// Waits until that many pages have loaded before they were shown.
    pub(crate) async fn has_prerendered(&self, pages: usize) -> Outcome {
        let mut loaded = self.prerendering.loaded.subscribe();
        let loaded = tokio::time::timeout(PATIENCE, loaded.wait_for(|loaded| *loaded == pages)).await;
        loaded.map_err(|_| format!("{pages} pages were not prerendered"))??;
        Ok(())
    }

    /// Has one of these pages shown, and waits until it says that it was prerendered.
    pub(crate) async fn show_prerendered(&self) -> Outcome {
        self.prerendering.go.notify_one();
        let mut shown = self.prerendering.shown.subscribe();
        let shown = tokio::time::timeout(PATIENCE, shown.wait_for(|shown| *shown == 1)).await;
        shown.map_err(|_| "no page was shown that had been prerendered")??;
        Ok(())
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn serve(socket: TcpStream, counter: String, prerendering: Arc<Prerendering>) {
    let answer = async |request: Request<Incoming>| {
        let path = request.uri().path();
        let mut response = Response::builder().header("Content-Type", "text/html; charset=utf-8");
        match path {
            "/loaded" => prerendering.loaded.send_modify(|loaded| *loaded += 1),
            "/shown" => prerendering.shown.send_modify(|shown| *shown += 1),
            "/go" => prerendering.go.notified().await,
            "/forbidden" => response = response.header("Content-Security-Policy", NO_CONNECTION),
            _ => {}
        }
        response.body(page(path).replace("COUNTER", &counter))
    };
    // A browser that hangs up is no matter.
    let _ = hyper::server::conn::http1::Builder::new()
        .serve_connection(TokioIo::new(socket), service_fn(answer))
        .await;
}

fn page(path: &str) -> String {
    let picture = match path.trim_start_matches('/') {
        "framed" => FRAME.to_owned(),
        "reloading" => FRAME.replace("/embed", "/embed?refresh=20s"),
        "auto/told" => TOLD.to_owned(),
        "auto/bare" => BARE.to_owned(),
        "canvas" => CANVAS.to_owned(),
        "prerender" => PRERENDER.to_owned(),
        "prerendered" => PRERENDERED.to_owned(),
        "element" | "forbidden" => ELEMENT.to_owned(),
        "read" => TAG.replace("online.png", "online.png?page=/read") + marks().as_str(),
        name => match name.strip_prefix("visitors/") {
            Some(number) => numbered(&VISITORS.replace("PAGE", path), "/visitors/", number),
            None => numbered(TAG, "/", name),
        },
    };
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<title>{path}</title>\n<main>\n<p>{picture}\n<p><a id=\"away\" href=\"/elsewhere\">away</a>\n"
    )
}

/// Each further from the next than a browser loads ahead: Chromium does that by 1250 to 2500 pixels.
fn marks() -> String {
    let mark = |at: u32| {
        format!(
            r#"<div id="at{at}" style="height:5000px"><img loading="lazy" src="COUNTER/mark.png?page=/read&at={at}" width="1" height="1" alt=""></div>"#
        )
    };
    (0..=100).step_by(10).map(mark).collect()
}

/// A page with a link to the next one; nothing if `number` is none.
fn numbered(picture: &str, folder: &str, number: &str) -> String {
    number.parse::<u32>().map_or_else(
        |_| String::new(),
        |n| format!("{picture}\n<p><a id=\"next\" href=\"{folder}{}\">next</a>", n + 1),
    )
}

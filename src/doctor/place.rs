//! Where an address leads: to a counter, or to a page.

use std::io::Write;
use std::time::Duration;

use hyper::header::{ACCEPT_ENCODING, HeaderValue};
use hyper::{HeaderMap, StatusCode};

use super::ask::{asking, browser};
use super::fetch::{Answer, Network, Trouble};
use super::finding::Fault;
use super::report::Report;
use super::url::Url;
use crate::wire::diagnosis;

/// How long an answer may take.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

/// How many redirects are followed.
const MAX_REDIRECTS: usize = 5;

/// The most of a page that is read, in bytes.
const MAX_PAGE: usize = 2 << 20;

/// The counter's own files.
const FILES: [&str; 8] =
    ["online.png", "top.png", "reading.png", "top.json", "embed", "live", "onlookers.js", "robots.txt"];

pub(super) enum Place {
    /// The folder of a counter.
    Counter(Url),
    /// A page, with its headers and its HTML.
    Page(Url, HeaderMap, String),
}

/// Asks, follows redirects, and reports if neither is there.
pub(super) async fn find<W: Write>(network: &Network, url: &Url, report: &mut Report<W>) -> Option<Place> {
    let mut url = url.clone();
    for _ in 0..=MAX_REDIRECTS {
        let mut headers = asking(browser("text/html,application/xhtml+xml,*/*;q=0.8"));
        // Whether streams are compressed is seen when they are asked for.
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        let answer = match network.get(&url, headers, PATIENCE).await {
            Ok(answer) => answer,
            Err(trouble) => {
                unreachable(&url, &trouble, report);
                return None;
            }
        };
        report.recognise(answer.headers());
        if answer.headers().contains_key(diagnosis::HEADER)
            || FILES.contains(&url.file()) && !leads_on(&answer)
        {
            return Some(Place::Counter(folder(&url)));
        }
        let Some(next) = redirect(&url, &answer) else {
            return other(url, answer, report).await;
        };
        report.note(&format!("{url} redirects to {next}"));
        url = next;
    }
    report.fault(
        Fault::Unreachable,
        &format!("there are more than {MAX_REDIRECTS} redirects, the last one to {url}"),
    );
    None
}

fn leads_on(answer: &Answer) -> bool {
    answer.status().is_redirection() && !answer.header("location").contains("u=")
}

fn redirect(url: &Url, answer: &Answer) -> Option<Url> {
    let location = answer.status().is_redirection().then(|| answer.header("location"))?;
    url.join(&location)
}

/// The counter's folder, if this is one of its files, or a folder without the slash.
fn folder(url: &Url) -> Url {
    let file = url.file();
    if file.is_empty() || FILES.contains(&file) { url.beside("") } else { url.beside(&format!("{file}/")) }
}

async fn other<W: Write>(url: Url, answer: Answer, report: &mut Report<W>) -> Option<Place> {
    let kind = answer.header("content-type");
    let text = match answer.status() {
        status if status.is_server_error() => {
            format!("{url} answers {status}: the server may not run, or not where the proxy looks for it")
        }
        StatusCode::OK if kind.starts_with("text/html") || kind.starts_with("application/xhtml+xml") => {
            let headers = answer.headers().clone();
            return Some(Place::Page(url, headers, answer.text(MAX_PAGE, PATIENCE).await));
        }
        StatusCode::OK => format!("{url} is neither a counter nor a page, but {kind:?}"),
        status => format!("{url} answers {status}, and is no counter"),
    };
    report.fault(Fault::Unreachable, &text);
    None
}

pub(super) fn unreachable<W: Write>(url: &Url, trouble: &Trouble, report: &mut Report<W>) {
    let mut text = format!("{url} can't be reached: {trouble}");
    if matches!(trouble, Trouble::Tls(_)) {
        text.push_str("; --ca FILE would trust a certificate of your own");
    }
    report.fault(Fault::Unreachable, &text);
}

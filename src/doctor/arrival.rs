//! How requests arrive: the server says what it got.

use std::io::Write;
use std::net::IpAddr;

use hyper::StatusCode;
use hyper::header::HeaderName;

use super::ask::{Asker, asking, put};
use super::fetch::Answer;
use super::finding::Fault;
use super::heads::check_cache;
use super::place::{PATIENCE, unreachable};
use super::report::Report;
use super::watch::refusal;
use crate::wire::diagnosis::{HEADER, Received};

/// An address that no visitor has (RFC 5737).
const FORGED: &str = "198.51.100.77";

/// Checks how a picture's request arrives. Returns who may go on asking; none if the server refuses.
pub(super) async fn check<W: Write>(asker: Asker, report: &mut Report<W>) -> Option<Asker> {
    let plain = ask(&asker, &[], report).await?;
    let received = received(&plain);
    match &received {
        Some(received) => check_received(&asker, received, &plain, report),
        None => report.note(
            "the server doesn't say how requests arrive: it is older than this program, or a proxy removes Onlookers-Doctor",
        ),
    }
    let location = plain.header("location");
    let asker = check_status(asker, plain, report).await?;
    let other = if asker.base().is_https { "http" } else { "https" };
    let forged = ask(&asker, &[("x-forwarded-for", FORGED), ("x-forwarded-proto", other)], report).await?;
    if !location.is_empty() && forged.header("location") == location {
        report
            .fault(Fault::Caches, "two pages were given the same address of a picture: a cache has answered");
    }
    if let (Some(plain), Some(received)) = (&received, self::received(&forged)) {
        check_forged(&asker, plain, &received, &forged, report);
    }
    Some(asker)
}

async fn ask<W: Write>(
    asker: &Asker,
    more: &[(&'static str, &str)],
    report: &mut Report<W>,
) -> Option<Answer> {
    let mut headers = asking(asker.picture_headers());
    for (name, value) in more {
        put(&mut headers, HeaderName::from_static(name), value);
    }
    let url = asker.redirect();
    match asker.network.get(&url, headers, PATIENCE).await {
        Ok(answer) => {
            report.recognise(answer.headers());
            check_cache("the picture's redirect", answer.headers(), report);
            Some(answer)
        }
        Err(trouble) => {
            unreachable(&url, &trouble, report);
            None
        }
    }
}

fn received(answer: &Answer) -> Option<Received> {
    answer.headers().get(HEADER).map(|value| Received::of_header(value.as_bytes()))
}

fn check_received<W: Write>(asker: &Asker, received: &Received, answer: &Answer, report: &mut Report<W>) {
    let (base, host) = (asker.base(), &received.host);
    let default = if base.is_https { ":443" } else { ":80" };
    if host.strip_suffix(default).unwrap_or(host).eq_ignore_ascii_case(base.authority()) {
        report.ok(&format!("the server gets the Host {host}"));
    } else {
        report.fault(
            Fault::Host,
            &format!("the server gets the Host {host:?} instead of {}", base.authority()),
        );
    }
    if received.referer != asker.referer() {
        let found = &received.referer;
        report.fault(
            Fault::Referer,
            &format!("the server gets the Referer {found:?} instead of {:?}", asker.referer()),
        );
    }
    let is_behind = is_behind_proxy(asker, received, report);
    if base.is_https != received.is_https && is_behind {
        let got = if received.is_https { "https" } else { "http" };
        report.fault(
            Fault::Scheme,
            &format!("the server takes the scheme for {got}, and it is {}", base.scheme()),
        );
    }
    check_address(is_behind, received, answer.ends, report);
}

/// Whether there is a proxy in between, as far as can be known.
fn is_behind_proxy<W: Write>(asker: &Asker, received: &Received, report: &Report<W>) -> bool {
    received.is_forwarded || report.knows_proxy() || asker.base().is_https && !received.is_tls
}

fn check_address<W: Write>(
    is_behind: bool,
    received: &Received,
    ends: (IpAddr, IpAddr),
    report: &mut Report<W>,
) {
    let (here, there) = ends;
    if is_behind && !received.is_by_trusted {
        report.fault(
            Fault::Untrusted,
            "the server doesn't trust the proxy: all visitors have the proxy's address",
        );
        return;
    }
    match received.address {
        Some(address) if is_public(here) && address != here => report.fault(
            Fault::Address,
            &format!("the server takes the visitor's address for {address}, and it is {here}"),
        ),
        Some(address) => report.ok(&format!("the server sees you as {address}")),
        None if is_public(here) || is_public(there) => report.fault(
            Fault::Address,
            "the server doesn't learn the visitor's address: all visitors have that of a proxy",
        ),
        // From the same network, the address of a visitor may well be private.
        None => {}
    }
}

fn check_forged<W: Write>(
    asker: &Asker,
    plain: &Received,
    forged: &Received,
    answer: &Answer,
    report: &mut Report<W>,
) {
    let is_behind = is_behind_proxy(asker, plain, report);
    if forged.address.is_some_and(|address| address.to_string() == FORGED) {
        if is_behind || is_public(answer.ends.0) {
            let text =
                "visitors can choose their address: the X-Forwarded-For that they send is passed on as it is";
            report.fault(Fault::Address, text);
        } else {
            report.note(
                "the server believes the X-Forwarded-For of this machine: that is right if this is the server itself, and \
                 not a proxy",
            );
        }
    }
    if is_behind && forged.is_https != plain.is_https {
        let text =
            "visitors can choose the scheme: the X-Forwarded-Proto that they send is passed on as it is";
        report.fault(Fault::Scheme, text);
    }
}

/// Reports an answer that isn't the redirect to a unique address.
async fn check_status<W: Write>(asker: Asker, answer: Answer, report: &mut Report<W>) -> Option<Asker> {
    let (status, kind) = (answer.status(), answer.header("content-type"));
    let is_ours = answer.headers().contains_key(HEADER);
    match status {
        StatusCode::FOUND => {
            check_location(&asker, &answer.header("location"), report);
            return Some(asker);
        }
        StatusCode::FORBIDDEN if asker.has_page() => {
            let asker = asker.of_site();
            let again = Box::pin(ask(&asker, &[], report)).await?;
            return Box::pin(check_status(asker, again, report)).await;
        }
        StatusCode::FORBIDDEN if is_ours => {
            let site = asker.site();
            report.fault(
                Fault::Refused,
                &format!(
                    "the server refuses pages of {site}: name a site that may show the counter by --site, or start the server \
                     with --name {} or --allow {site}",
                    asker.base().host()
                ),
            );
        }
        StatusCode::OK if kind.starts_with("image/") => report.fault(
            Fault::Refused,
            "a still picture came in place of the stream: a proxy changes User-Agent, Accept or Referer, or answers itself",
        ),
        StatusCode::NOT_FOUND => {
            report.fault(Fault::Path, &format!("{} isn't there: the path that arrives is another one", asker.redirect()));
        }
        status if is_ours => {
            let why = refusal(answer).await;
            report.fault(Fault::Refused, &format!("the server answers {status} {why:?}"));
        }
        status => report.fault(
            Fault::Unreachable,
            &format!("something before the server answers {status}: does the server run, and where the proxy looks for it?"),
        ),
    }
    None
}

/// The redirect is relative, so that it holds below any prefix.
fn check_location<W: Write>(asker: &Asker, location: &str, report: &mut Report<W>) {
    let leads_to = asker.redirect().join(location);
    let is_same = leads_to
        .is_some_and(|url| url.origin() == asker.base().origin() && url.path() == asker.redirect().path());
    if !is_same {
        report.fault(
            Fault::Redirect,
            &format!("the redirect to the picture was changed, and leads to {location:?}"),
        );
    }
}

/// Whether an address is one of the internet.
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(ip) => !(ip.is_private() || ip.is_loopback() || ip.is_link_local() || ip.is_unspecified()),
        IpAddr::V6(ip) => !(ip.is_unique_local() || ip.is_unicast_link_local() || ip.is_loopback()),
    }
}

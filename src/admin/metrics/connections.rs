//! Connections, handshakes, certificates, and requests.

use std::fmt;
use std::time::SystemTime;

use crate::admin::Admin;
use crate::admin::text::Text;
use crate::metrics::{AcceptError, Failed, Refused};

pub(super) fn encode(admin: &Admin, text: &mut Text<'_>) -> fmt::Result {
    let (metrics, (open, closed)) = (&admin.app.metrics, admin.app.connections.counts());
    text.counter(
        ("onlookers_connections_accepted", "Connections that were accepted"),
        metrics.accepted.value(),
    )?;
    let errors = |reason: AcceptError| metrics.accept_errors.of(reason).value();
    text.counters_by(("onlookers_accept_errors", "Connections that couldn't be accepted"), "reason", errors)?;
    text.gauge(
        (
            "onlookers_connections_waiting",
            "Connections that wait for a request or get an answer, without viewers",
        ),
        open as f64,
    )?;
    text.counter(
        ("onlookers_connections_closed", "Connections that were closed to make room for others"),
        closed,
    )?;
    let failed = |reason: Failed| metrics.failed.of(reason).value();
    text.counters_by(
        ("onlookers_connections_failed", "Connections that have ended before they had an answer"),
        "reason",
        failed,
    )?;
    text.counter(("onlookers_requests", "Requests that were answered"), metrics.requests.value())?;
    let refusals = |reason: Refused| metrics.refusals.of(reason).value();
    text.counters_by(("onlookers_refusals", "Requests that were refused"), "reason", refusals)?;
    text.counter(
        ("onlookers_tls_handshakes", "TLS handshakes that were finished"),
        metrics.handshakes.value(),
    )?;
    text.counter(
        (
            "onlookers_tls_handshake_failures",
            "TLS handshakes that failed, took too long, or were an authority's challenge",
        ),
        metrics.failed_handshakes.value(),
    )?;
    certificates(admin, text)
}

fn certificates(admin: &Admin, text: &mut Text<'_>) -> fmt::Result {
    let expiries =
        admin.certificates.as_ref().map(|certificates| certificates.expiries()).unwrap_or_default();
    let left = |expires: SystemTime| match expires.duration_since(SystemTime::now()) {
        Ok(left) => left.as_secs_f64(),
        Err(past) => -past.duration().as_secs_f64(),
    };
    let sources = ["files", "ordered"].into_iter().zip(expiries);
    let known = sources.filter_map(|(source, expires)| Some(([("source", source)], left(expires?))));
    text.gauges(
        ("onlookers_certificate_remaining_seconds", "How long the certificate is valid that expires first"),
        known,
    )
}

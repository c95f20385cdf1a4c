//! One name: its certificate, and when the next thing is to be done about it.

use std::time::{Duration, Instant, SystemTime};

use instant_acme::{CertificateIdentifier, RenewalInfo};
use rustls::pki_types::CertificateDer;

use super::error::Error;
use super::schedule;
use super::store::Store;
use crate::config::AcmeName;
use crate::net::tls::{Certificate, CertificateError};

/// How long an authority that doesn't say when to renew isn't asked again.
const UNTIL_ASKING: Duration = Duration::from_hours(6);

/// A name, and the certificate for it.
pub(super) struct Managed {
    pub(super) name: AcmeName,
    pub(super) certificate: Option<Certificate>,
    /// How many attempts have failed since one succeeded.
    pub(super) failures: u32,
    /// Whether the next attempt doesn't wait for what other nodes have found.
    pub(super) is_hurried: bool,
    /// When to renew, by the clock on the wall, which may be set; that of a missing certificate is over.
    due: SystemTime,
    /// When to renew even if that can't be agreed on with other nodes; never, if there is no certificate.
    last_resort: Option<SystemTime>,
    /// Before this there is no further order, whatever the clock on the wall says.
    gate: Instant,
    /// When to ask the authority when to renew.
    ask: Instant,
}

impl Managed {
    pub(super) fn new(name: AcmeName) -> Self {
        let now = Instant::now();
        Self {
            name,
            certificate: None,
            failures: 0,
            is_hurried: false,
            due: SystemTime::UNIX_EPOCH,
            last_resort: None,
            gate: now,
            ask: now,
        }
    }

    /// Makes `certificate` the one for this name.
    pub(super) fn take(&mut self, certificate: Certificate, now: Instant) {
        self.due = schedule::two_thirds(&certificate.validity(), random());
        self.last_resort = Some(schedule::last_resort(&certificate.validity(), random()));
        self.failures = 0;
        (self.gate, self.ask) = (now, now);
        self.certificate = Some(certificate);
    }

    /// Whether `certificate` is another one, and newer.
    pub(super) fn is_older_than(&self, certificate: &Certificate) -> bool {
        is_newer(certificate, self.certificate.as_ref())
    }

    /// Whether an order can't wait any longer for the other nodes to agree.
    pub(super) fn is_at_last_resort(&self) -> bool {
        self.last_resort.is_some_and(|last_resort| last_resort <= SystemTime::now())
    }

    /// How long until the next order.
    pub(super) fn until_order(&self, (time, now): (SystemTime, Instant)) -> Duration {
        let until_due = self.due.duration_since(time).unwrap_or_default();
        until_due.max(self.gate.saturating_duration_since(now))
    }

    /// The same, for a node that can't agree on it with the others.
    pub(super) fn until_last_resort(&self, (time, now): (SystemTime, Instant)) -> Duration {
        let Some(last_resort) = self.last_resort else { return Duration::MAX };
        let until = last_resort.duration_since(time).unwrap_or_default();
        until.max(self.until_order((time, now)))
    }

    /// How long until the authority is asked when to renew.
    pub(super) fn until_asking(&self, now: Instant) -> Duration {
        self.certificate.as_ref().map_or(Duration::MAX, |_| self.ask.saturating_duration_since(now))
    }

    /// After an order that succeeded.
    pub(super) fn rest(&mut self, now: Instant) {
        let validity = self.certificate.as_ref().map(Certificate::validity);
        self.gate = validity.map_or(now, |validity| now + schedule::least_pause(&validity));
    }

    /// No order before then.
    pub(super) fn wait(&mut self, until: Instant) {
        self.gate = until;
    }

    /// After an order that failed; gives the time until the next one.
    pub(super) fn fail(&mut self, first: Duration, asked: Option<Duration>, now: Instant) -> Duration {
        self.failures = self.failures.saturating_add(1);
        let pause = schedule::backoff(first, self.failures, random(), asked);
        self.gate = now + pause;
        pause
    }

    /// Does as the authority says, and tells whether it has said something.
    pub(super) fn obey(&mut self, said: Option<(RenewalInfo, Duration)>, now: Instant) -> bool {
        self.ask = now + said.as_ref().map_or(UNTIL_ASKING, |(_, again)| schedule::until_asking(*again));
        let window = said.map(|(info, _)| info.suggested_window);
        let window = window.map(|window| SystemTime::from(window.start)..SystemTime::from(window.end));
        let validity = self.certificate.as_ref().map(Certificate::validity);
        let due = window.zip(validity);
        let due = due.and_then(|(window, validity)| schedule::within(&window, &validity, random()));
        self.due = due.unwrap_or(self.due);
        due.is_some()
    }

    /// By what the authority knows the certificate (RFC 9773, section 4.1).
    pub(super) fn identifier(&self) -> Option<CertificateIdentifier<'static>> {
        let leaf: &CertificateDer<'_> = self.certificate.as_ref()?.certified_key().end_entity_cert().ok()?;
        CertificateIdentifier::try_from(leaf).ok().map(CertificateIdentifier::into_owned)
    }

    /// Until when the certificate is valid, and when it will be renewed, for the log.
    pub(super) fn plan(&self) -> String {
        let end = self.certificate.as_ref().map_or(SystemTime::UNIX_EPOCH, |own| own.validity().end);
        let [end, due] = [end, self.due].map(humantime::format_rfc3339_seconds);
        format!("it is valid until {end} and renewed at {due}")
    }
}

/// The certificate for a name that is in the folder.
///
/// # Errors
/// The folder's, and what is wrong with the certificate; but it may have expired.
pub(super) fn look(store: &Store, name: &AcmeName) -> Result<Option<Certificate>, Error> {
    let Some(pem) = store.certificate(name.as_str())? else { return Ok(None) };
    parse(name, &pem).map(Some)
}

/// The certificate for a name that is in a text, with its key.
///
/// # Errors
/// What is wrong with it; but it may have expired.
pub(super) fn parse(name: &AcmeName, pem: &[u8]) -> Result<Certificate, Error> {
    let certificate = Certificate::from_pem(pem, pem)?;
    if certificate.is_for(name.as_str()) { Ok(certificate) } else { Err(Error::OtherName) }
}

/// Whether a certificate is to take the place of another one, or of none.
pub(super) fn is_newer(certificate: &Certificate, than: Option<&Certificate>) -> bool {
    !has_expired(certificate) && than.is_none_or(|than| age(than) < age(certificate))
}

/// Whether a certificate is of no use any more. One that isn't valid yet is: some machine's clock is slow, and another order would change
/// nothing.
pub(super) fn has_expired(certificate: &Certificate) -> bool {
    matches!(certificate.check_time(SystemTime::now()), Err(CertificateError::Expired))
}

/// When a certificate was issued and when it ends: one that was ordered later is the newer one, even if it ends sooner.
pub(super) fn age(certificate: &Certificate) -> (SystemTime, SystemTime) {
    let validity = certificate.validity();
    (validity.start, validity.end)
}

/// From 0 to 1.
fn random() -> f64 {
    let mut bytes = [0; 4];
    // Without randomness, there is no TLS either.
    let _ = rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty());
    f64::from(u32::from_ne_bytes(bytes)) / f64::from(u32::MAX)
}

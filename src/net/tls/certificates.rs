//! The certificates in force, chosen by the name that a client asks for.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustls::crypto::ring::default_provider;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::FromDer;

/// A certificate with its chain and key, and what it says.
#[derive(Clone, Debug)]
pub(crate) struct Certificate {
    key: Arc<CertifiedKey>,
    /// Names as clients ask for them, in lower case; `*.example.com` stands for the names one level below.
    names: Vec<String>,
    not_before: SystemTime,
    not_after: SystemTime,
}

/// Why a certificate can't be used.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum CertificateError {
    /// There is no certificate in the file, or none that can be read.
    NoCertificate,
    /// There is no private key in the file, or none that can be read.
    NoKey,
    /// The key belongs to another certificate.
    Mismatch,
    /// Until when it was valid, in seconds since 1970.
    Expired,
    /// It isn't valid yet.
    NotYetValid,
}

/// The certificates in force: those of files, and those that were ordered from an authority.
#[derive(Debug, Default)]
pub(crate) struct Certificates(RwLock<Table>);

#[derive(Debug, Default)]
struct Table {
    of_files: Arc<Chosen>,
    ordered: Arc<Chosen>,
}

#[derive(Debug, Default)]
struct Chosen {
    /// For clients that name nothing, or something unknown.
    first: Option<Arc<CertifiedKey>>,
    /// None for a name whose certificate isn't there yet.
    by_name: HashMap<String, Option<Arc<CertifiedKey>>>,
    /// When the first of them expires.
    expires: Option<SystemTime>,
}

impl Chosen {
    fn note_expiry(&mut self, certificate: &Certificate) {
        let expires = self.expires.map_or(certificate.not_after, |first| first.min(certificate.not_after));
        self.expires = Some(expires);
    }
}

impl Certificate {
    /// The certificate in a PEM file, followed by its chain, and the key in another; both may be in one file.
    ///
    /// # Errors
    /// [`CertificateError`], except that it may have expired.
    pub(crate) fn from_pem(chain: &[u8], key: &[u8]) -> Result<Self, CertificateError> {
        let chain: Vec<_> = CertificateDer::pem_slice_iter(chain)
            .collect::<Result<_, _>>()
            .map_err(|_| CertificateError::NoCertificate)?;
        let key = PrivateKeyDer::from_pem_slice(key).map_err(|_| CertificateError::NoKey)?;
        Self::new(chain, key)
    }

    fn new(
        chain: Vec<CertificateDer<'static>>,
        key: PrivateKeyDer<'static>,
    ) -> Result<Self, CertificateError> {
        let leaf = chain.first().ok_or(CertificateError::NoCertificate)?;
        let (_, parsed) = X509Certificate::from_der(leaf).map_err(|_| CertificateError::NoCertificate)?;
        let time = |seconds: i64| UNIX_EPOCH + Duration::from_secs(seconds.max(0).unsigned_abs());
        let validity = parsed.validity();
        let (not_before, not_after) =
            (time(validity.not_before.timestamp()), time(validity.not_after.timestamp()));
        let names = names(&parsed);
        let key =
            default_provider().key_provider.load_private_key(key).map_err(|_| CertificateError::NoKey)?;
        let key = CertifiedKey::new(chain, key);
        key.keys_match().map_err(|_| CertificateError::Mismatch)?;
        Ok(Self { key: Arc::new(key), names, not_before, not_after })
    }

    /// Whether `other` is for all of its names.
    pub(crate) fn is_replaced_by(&self, other: &Self) -> bool {
        self.names.iter().all(|name| other.names.contains(name))
    }

    /// From when to when it is valid.
    #[cfg(feature = "acme")]
    pub(crate) fn validity(&self) -> std::ops::Range<SystemTime> {
        self.not_before..self.not_after
    }

    /// Whether it is for `name`, in lower case.
    #[cfg(feature = "acme")]
    pub(crate) fn is_for(&self, name: &str) -> bool {
        self.names.iter().any(|known| known == name)
    }

    /// It with its chain and key.
    #[cfg(feature = "acme")]
    pub(crate) fn certified_key(&self) -> &Arc<CertifiedKey> {
        &self.key
    }

    /// Whether it is valid at `now`.
    ///
    /// # Errors
    /// [`CertificateError`], if it isn't.
    pub(crate) fn check_time(&self, now: SystemTime) -> Result<(), CertificateError> {
        if now > self.not_after {
            return Err(CertificateError::Expired);
        }
        if now < self.not_before { Err(CertificateError::NotYetValid) } else { Ok(()) }
    }
}

/// The names for which a certificate is, in lower case.
fn names(certificate: &X509Certificate<'_>) -> Vec<String> {
    let Ok(Some(alternative)) = certificate.subject_alternative_name() else { return Vec::new() };
    let name = |name: &GeneralName<'_>| match name {
        GeneralName::DNSName(name) => Some(name.to_ascii_lowercase()),
        _ => None,
    };
    alternative.value.general_names.iter().filter_map(name).collect()
}

impl Certificates {
    /// Puts these of files into force. The first of them is for clients that name nothing, or something unknown; the first for a name
    /// is taken. Those that are valid now come before the others.
    pub(crate) fn replace<'c>(&self, certificates: impl IntoIterator<Item = &'c Certificate>) {
        let (mut chosen, now) = (Chosen::default(), SystemTime::now());
        let (valid, others): (Vec<_>, Vec<_>) =
            certificates.into_iter().partition(|certificate| certificate.check_time(now).is_ok());
        for certificate in valid.into_iter().chain(others) {
            chosen.note_expiry(certificate);
            chosen.first.get_or_insert_with(|| Arc::clone(&certificate.key));
            for name in &certificate.names {
                chosen.by_name.entry(name.clone()).or_insert_with(|| Some(Arc::clone(&certificate.key)));
            }
        }
        self.0.write().unwrap_or_else(PoisonError::into_inner).of_files = Arc::new(chosen);
    }

    /// Puts those that were ordered into force, each for one name. A client that asks for a name without one gets none, not that
    /// of another name.
    #[cfg(feature = "acme")]
    pub(crate) fn replace_ordered<'c>(
        &self,
        certificates: impl IntoIterator<Item = (&'c str, Option<&'c Certificate>)>,
    ) {
        let mut chosen = Chosen::default();
        for (name, certificate) in certificates {
            let key = certificate.map(|certificate| Arc::clone(&certificate.key));
            certificate.inspect(|certificate| chosen.note_expiry(certificate));
            chosen.first = chosen.first.or_else(|| key.clone());
            chosen.by_name.insert(name.to_owned(), key);
        }
        self.0.write().unwrap_or_else(PoisonError::into_inner).ordered = Arc::new(chosen);
    }

    /// When the first of those of files expires, and the first of those that were ordered.
    pub(crate) fn expiries(&self) -> [Option<SystemTime>; 2] {
        let table = self.0.read().unwrap_or_else(PoisonError::into_inner);
        [table.of_files.expires, table.ordered.expires]
    }

    /// Whether one of them is for exactly this name, in lower case, or will be.
    pub(crate) fn have(&self, name: &str) -> bool {
        let table = self.0.read().unwrap_or_else(PoisonError::into_inner);
        [&table.of_files, &table.ordered].iter().any(|chosen| chosen.by_name.contains_key(name))
    }

    /// The one for a client that asks for `name`, in lower case. Files come first.
    fn find(&self, name: Option<&str>) -> Option<Arc<CertifiedKey>> {
        let [of_files, ordered] = {
            let table = self.0.read().unwrap_or_else(PoisonError::into_inner);
            [&table.of_files, &table.ordered].map(Arc::clone)
        };
        let exact = |chosen: &Chosen| chosen.by_name.get(name?).cloned();
        let of_domain = || {
            let (_, domain) = name?.split_once('.')?;
            of_files.by_name.get(&format!("*.{domain}")).cloned()
        };
        let by_name = exact(&of_files).or_else(|| exact(&ordered));
        let is_awaited = matches!(by_name, Some(None));
        let first = || of_files.first.clone().or_else(|| ordered.first.clone()).filter(|_| !is_awaited);
        by_name.flatten().or_else(|| of_domain().flatten()).or_else(first)
    }
}

impl ResolvesServerCert for Certificates {
    /// rustls gives names in lower case.
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.find(hello.server_name())
    }
}

impl fmt::Display for CertificateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoCertificate => "there is no certificate in it that can be read (PEM is expected)",
            Self::NoKey => {
                "there is no private key in it that can be read (PEM, without a password, is expected)"
            }
            Self::Mismatch => {
                "the private key belongs to another certificate, or the chain doesn't begin with the server's own"
            }
            Self::Expired => "the certificate has expired",
            Self::NotYetValid => "the certificate isn't valid yet",
        })
    }
}

impl std::error::Error for CertificateError {}

#[cfg(test)]
mod tests;

//! What tls: listeners need: certificates, and what shakes hands with them.

use std::sync::Arc;

use rustls::Error;
use tokio::sync::Notify;
use tokio::task::JoinSet;

#[cfg(feature = "acme")]
use crate::acme::{Acme, Challenge};
use crate::certificates::CertificateFiles;
#[cfg(feature = "acme")]
use crate::config::Place;
use crate::config::{Alpn, Config, ConfigError, Speaks};
use crate::net::challenges::Challenges;
use crate::net::tls::{Acceptor, Certificates, TlsClients};
use crate::nodes::StoredValues;

/// The sources of certificates.
pub(super) struct Tls {
    pub(super) certificates: Arc<Certificates>,
    pub(super) files: Arc<CertificateFiles>,
    #[cfg(feature = "acme")]
    pub(super) acme: Option<Acme>,
    pub(super) challenges: Arc<Challenges>,
}

/// The ports at which authorities look.
#[cfg(feature = "acme")]
const TLS_PORT: u16 = 443;
#[cfg(feature = "acme")]
const HTTP_PORT: u16 = 80;

impl Tls {
    /// Reads the files, to see whether they are fine.
    ///
    /// # Errors
    /// [`ConfigError`], if one isn't, or one is missing.
    pub(super) fn check(config: &Config) -> Result<(), ConfigError> {
        needs_tls(config)?;
        #[cfg(feature = "acme")]
        if !config.acme.names.is_empty() {
            Acme::check(&config.acme)?;
        }
        CertificateFiles::load(&config.tls_files, Arc::default()).map(drop)
    }

    /// None if no listener needs it. `stored` is what nodes share.
    ///
    /// # Errors
    /// [`ConfigError`], if a certificate is missing or can't be read.
    pub(super) fn load(config: &Config, stored: Option<StoredValues>) -> Result<Option<Self>, ConfigError> {
        if !needs_tls(config)? {
            return Ok(None);
        }
        let _ = &stored;
        let (certificates, challenges) = (Arc::<Certificates>::default(), Arc::<Challenges>::default());
        Ok(Some(Self {
            files: Arc::new(CertificateFiles::load(&config.tls_files, Arc::clone(&certificates))?),
            #[cfg(feature = "acme")]
            acme: match config.acme.names.is_empty() {
                true => None,
                false => {
                    let (certificates, challenges) = (Arc::clone(&certificates), Arc::clone(&challenges));
                    let acme = Acme::load(&config.acme, kinds(config), certificates, challenges)?;
                    Some(acme.sharing(stored)?)
                }
            },
            certificates,
            challenges,
        }))
    }

    /// Has failed orders tried again when it is notified.
    pub(super) fn orders(&self) -> Option<Arc<Notify>> {
        #[cfg(feature = "acme")]
        return self.acme.as_ref().map(Acme::hurry);
        #[cfg(not(feature = "acme"))]
        None
    }

    /// Waits until it is known which certificates the other nodes have, for two seconds at most.
    pub(super) async fn ready(tls: Option<Self>) -> Option<Self> {
        #[cfg(feature = "acme")]
        let tls = {
            let mut tls = tls;
            if let Some(acme) = tls.as_mut().and_then(|tls| tls.acme.as_mut()) {
                acme.ready().await;
            }
            tls
        };
        tls
    }

    /// Keeps the certificates up to date, until the result is dropped.
    pub(super) fn renew(self) -> JoinSet<()> {
        let mut tasks = JoinSet::new();
        tasks.spawn(self.files.watch());
        #[cfg(feature = "acme")]
        self.acme.map(|acme| tasks.spawn(acme.run()));
        tasks
    }

    /// # Errors
    /// rustls', if there is no randomness to be had.
    pub(super) fn acceptor(&self, alpn: Alpn, clients: &TlsClients) -> Result<Acceptor, Error> {
        let (certificates, challenges) = (Arc::clone(&self.certificates), Arc::clone(&self.challenges));
        Acceptor::new(certificates, challenges, alpn, Arc::clone(clients))
    }
}

/// Whether a listener needs TLS, and there can be a certificate for it.
///
/// # Errors
/// [`ConfigError::Setting`], if not; also if certificates are ordered that no listener needs.
fn needs_tls(config: &Config) -> Result<bool, ConfigError> {
    let needs_tls = config.listen.iter().any(|listener| listener.speaks == Speaks::Tls);
    let refuse = |key, sentence: &str| Err(ConfigError::Setting(key, sentence.into()));
    if let Err((key, sentence)) = config.acme.check() {
        return refuse(key, &sentence);
    }
    if config.acme.acme_key_file.is_some() && config.acme.names.is_empty() {
        return refuse("acme_key_file", "it is for certificates that are ordered: it needs acme, too");
    }
    if config.acme.acme_key_file.is_some() && !has_nodes(config) {
        return refuse("acme_key_file", "it is for nodes, which share through Redis: it needs redis, too");
    }
    if !needs_tls && !config.acme.names.is_empty() {
        return refuse(
            "acme",
            "certificates are for tls: listeners, and there is none; add --listen tls:[::]:443",
        );
    }
    if needs_tls && config.tls_files.tls_cert.is_empty() && config.acme.names.is_empty() {
        let missing =
            "a tls: listener needs a certificate; name a file with --tls-cert, or a host with --acme";
        return refuse("listen", missing);
    }
    Ok(needs_tls)
}

/// Whether there may be other nodes.
fn has_nodes(config: &Config) -> bool {
    let _ = config;
    #[cfg(feature = "redis")]
    return config.redis.is_some();
    #[cfg(not(feature = "redis"))]
    false
}

/// How an authority can look whether a name leads here. A port may be another one to the outside; then TLS is tried.
#[cfg(feature = "acme")]
fn kinds(config: &Config) -> Vec<Challenge> {
    let is_at = |place: &Place, port| matches!(place, Place::Tcp(address) if address.port() == port);
    let listeners = config.listeners();
    let has =
        |port, tls| listeners.iter().any(|it| (it.speaks == Speaks::Tls) == tls && is_at(&it.place, port));
    match (has(TLS_PORT, true), has(HTTP_PORT, false)) {
        (true, true) => vec![Challenge::Tls, Challenge::Http],
        (false, true) => vec![Challenge::Http, Challenge::Tls],
        (_, false) => vec![Challenge::Tls],
    }
}

//! Automatic certificates: ordered from a certificate authority, kept in a folder, renewed in time (RFC 8555).
//!
//! One task does one thing after the other. Whatever the authority, the folder or the clock does, the certificates that are there
//! stay in force, and the task waits a while before it tries again. With other nodes, all of that is shared ([`exchange`]), one of
//! them orders ([`turn`]), and any of them answers the authority ([`others`]).

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use tokio::sync::Notify;

use crate::config::{self, ConfigError};
use crate::net::challenges::Challenges;
use crate::net::tls::Certificates;
use client::Client;
use error::Error;
use exchange::{key, share_address};
use managed::{Managed, look};
pub(crate) use order::Challenge;
use shared::SharedStore;
use store::{Store, in_background};

mod account;
mod attempt;
mod client;
mod error;
mod exchange;
mod managed;
mod order;
mod others;
mod roots;
mod schedule;
mod seal;
mod shared;
mod store;
mod turn;

/// How long one order may take in all.
const LONGEST_ATTEMPT: Duration = Duration::from_mins(6);

/// The longest sleep. The clock may be set meanwhile, the machine suspended, and another process may have renewed.
const LONGEST_SLEEP: Duration = Duration::from_mins(10);

/// The longest sleep with other nodes, which may have renewed.
const LONGEST_SLEEP_TOGETHER: Duration = Duration::from_mins(1);

/// How long to wait while another process orders, and while the other nodes can't be asked.
const OTHERS_TURN: Duration = Duration::from_secs(5);

/// Orders and renews the certificates for some names.
pub(crate) struct Acme {
    config: config::Acme,
    store: Store,
    client: Client,
    certificates: Arc<Certificates>,
    challenges: Arc<Challenges>,
    /// How the authority may look whether a name leads here, in the order in which to try.
    kinds: Vec<Challenge>,
    names: Vec<Managed>,
    /// Until when the authority has asked to be left alone.
    left_alone_until: Instant,
    hurry: Arc<Notify>,
    /// What nodes share, if there are others.
    shared: Option<SharedStore>,
    /// Why nothing is shared now, although there are others.
    apart: Option<Error>,
}

impl Acme {
    /// Reads the certificates that are there, and puts them into force.
    ///
    /// # Errors
    /// [`ConfigError::Setting`], if the folder or the roots can't be used.
    pub(crate) fn load(
        config: &config::Acme,
        kinds: Vec<Challenge>,
        certificates: Arc<Certificates>,
        challenges: Arc<Challenges>,
    ) -> Result<Self, ConfigError> {
        let setting = |key| move |error: io::Error| ConfigError::Setting(key, error.into());
        let client =
            roots::load(config.ca.as_deref()).and_then(|roots| Client::new(roots).map_err(io::Error::other));
        let client = client.map_err(setting("acme_ca"))?;
        let folder = config.folder().map_err(|error| ConfigError::Setting("acme_dir", error.into()))?;
        let store = Store::open(&folder, &config.directory);
        let store = store.map_err(|error| {
            setting("acme_dir")(io::Error::new(error.kind(), format!("{}: {error}", folder.display())))
        })?;
        let mut names: Vec<Managed> = Vec::new();
        for name in &config.names {
            if names.iter().all(|other| other.name != *name) {
                names.push(Managed::new(name.clone()));
            }
        }
        let now = Instant::now();
        let (config, hurry) = (config.clone(), Arc::default());
        let mut this = Self {
            config,
            store,
            client,
            certificates,
            challenges,
            kinds,
            names,
            left_alone_until: now,
            hurry,
            shared: None,
            apart: None,
        };
        for managed in &mut this.names {
            match look(&this.store, &managed.name) {
                Ok(None) => {
                    tracing::info!("{}: there is no certificate yet; it is refused until then", managed.name)
                }
                Ok(Some(certificate)) => managed.take(certificate, now),
                Err(error) => tracing::error!(
                    "{}: the certificate in the folder is ordered anew: {error}",
                    managed.name
                ),
            }
        }
        this.put_into_force();
        Ok(this)
    }

    /// Reads the key and the roots, to see whether they are fine.
    ///
    /// # Errors
    /// [`ConfigError::Setting`].
    pub(crate) fn check(config: &config::Acme) -> Result<(), ConfigError> {
        roots::load(config.ca.as_deref()).map_err(|error| ConfigError::Setting("acme_ca", error.into()))?;
        key(config).map(drop)
    }

    /// Has it try again at once, after a failure.
    pub(crate) fn hurry(&self) -> Arc<Notify> {
        Arc::clone(&self.hurry)
    }

    /// Orders and renews for ever.
    pub(crate) async fn run(mut self) {
        let hurry = self.hurry();
        loop {
            self.look_again().await;
            let now = (SystemTime::now(), Instant::now());
            if let Some(index) = self.names.iter().position(|it| self.until_order(it, now).is_zero()) {
                self.order(index).await;
            } else if let Some(index) = self.names.iter().position(|it| it.until_asking(now.1).is_zero()) {
                self.ask(index).await;
            } else {
                tokio::select! {
                    () = tokio::time::sleep(self.pause(now)) => {}
                    () = hurry.notified() => self.forget_failures(),
                }
            }
        }
    }

    /// How long until the next order for a name. Apart from the other nodes there is none unless the certificate is about to
    /// expire: each of them would order its own, and the authority might reach another one.
    fn until_order(&self, managed: &Managed, now: (SystemTime, Instant)) -> Duration {
        if self.apart.is_some() { managed.until_last_resort(now) } else { managed.until_order(now) }
    }

    /// How long until the next thing to do, or to look for.
    fn pause(&self, now: (SystemTime, Instant)) -> Duration {
        let pauses = self.names.iter().map(|it| self.until_order(it, now).min(it.until_asking(now.1)));
        let longest = match (&self.shared, &self.apart) {
            (None, _) => LONGEST_SLEEP,
            (Some(_), None) => LONGEST_SLEEP_TOGETHER,
            (Some(_), Some(_)) => OTHERS_TURN,
        };
        pauses.min().unwrap_or(longest).min(longest)
    }

    /// Puts certificates into force that another process or node has ordered.
    async fn look_again(&mut self) {
        let (store, names) =
            (self.store.clone(), self.names.iter().map(|it| it.name.clone()).collect::<Vec<_>>());
        let found =
            in_background(move || Ok(names.iter().map(|name| look(&store, name)).collect::<Vec<_>>())).await;
        let mut has_changed = false;
        for (managed, found) in self.names.iter_mut().zip(found.unwrap_or_default()) {
            match found {
                Ok(Some(certificate)) if managed.is_older_than(&certificate) => {
                    tracing::info!("{}: there is another certificate in the folder", managed.name);
                    managed.take(certificate, Instant::now());
                    has_changed = true;
                }
                Ok(_) => {}
                Err(error) => tracing::debug!("{}: {error}", managed.name),
            }
        }
        if has_changed {
            self.put_into_force();
        }
        self.exchange().await;
    }

    /// Asks the authority when to renew. Without an answer, that is at two thirds of the lifetime.
    async fn ask(&mut self, index: usize) {
        let managed = &self.names[index];
        let asked = async {
            let store = self.store.clone();
            let lock = in_background(move || store.lock()).await?.map(Arc::new);
            let (email, lock) = (self.config.email.as_ref(), lock.as_ref());
            let kept = account::kept(&self.store, &self.client, email, lock).await?;
            let Some((account, has_changed)) = kept else { return Ok(None) };
            if let (true, Some(shared)) = (has_changed, self.together()) {
                share_address(shared, &self.store).await?;
            }
            let Some(identifier) = managed.identifier() else { return Ok(None) };
            Ok::<_, Error>(Some(account.renewal_info(&identifier).await?))
        };
        let said = asked.await;
        let managed = &mut self.names[index];
        let said = said.unwrap_or_else(|error| {
            tracing::debug!("{}: the authority doesn't say when to renew: {error}", managed.name);
            None
        });
        self.client.take_retry_after();
        if managed.obey(said, Instant::now()) {
            tracing::info!("{}: as the authority suggests, {}", managed.name, managed.plan());
        }
    }

    fn forget_failures(&mut self) {
        let gate = self.left_alone_until;
        for managed in self.names.iter_mut().filter(|managed| managed.failures > 0) {
            managed.wait(gate);
            managed.is_hurried = true;
        }
    }

    fn put_into_force(&self) {
        let names = self.names.iter();
        self.certificates.replace_ordered(names.map(|it| (it.name.as_str(), it.certificate.as_ref())));
    }
}

//! Automatic certificates: ordered from a certificate authority, kept in a folder, renewed in time (RFC 8555).
//!
//! One task does one thing after the other. Whatever the authority, the folder or the clock does, the certificates that are there
//! stay in force, and the task waits a while before it tries again.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use instant_acme::Account;
use tokio::sync::Notify;
use tokio::time::timeout;

use crate::config::{self, ConfigError};
use crate::net::challenges::Challenges;
use crate::net::tls::{Certificate, CertificateError, Certificates};
use client::Client;
use error::Error;
pub(crate) use order::Challenge;
use store::{Store, in_background};

mod account;
mod client;
mod error;
mod managed;
mod order;
mod roots;
mod schedule;
mod store;

use managed::{Managed, look};

/// How long one order may take in all.
const LONGEST_ATTEMPT: Duration = Duration::from_mins(6);

/// The longest sleep. The clock may be set meanwhile, the machine suspended, and another process may have renewed.
const LONGEST_SLEEP: Duration = Duration::from_mins(10);

/// How long to wait while another process orders.
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
}

/// How an attempt went.
enum Outcome {
    Ordered(Box<Certificate>),
    /// Another process has ordered.
    Found(Box<Certificate>),
    /// Another process is about to.
    OthersTurn,
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

    /// Reads the roots, to see whether they are fine.
    ///
    /// # Errors
    /// [`ConfigError::Setting`].
    pub(crate) fn check(config: &config::Acme) -> Result<(), ConfigError> {
        roots::load(config.ca.as_deref())
            .map(drop)
            .map_err(|error| ConfigError::Setting("acme_ca", error.into()))
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
            if let Some(index) = self.names.iter().position(|managed| managed.until_order(now).is_zero()) {
                self.order(index).await;
            } else if let Some(index) = self.names.iter().position(|it| it.until_asking(now.1).is_zero()) {
                self.ask(index).await;
            } else {
                let pauses = self.names.iter().map(|it| it.until_order(now).min(it.until_asking(now.1)));
                let pause = pauses.min().unwrap_or(LONGEST_SLEEP).min(LONGEST_SLEEP);
                tokio::select! {
                    () = tokio::time::sleep(pause) => {}
                    () = hurry.notified() => self.forget_failures(),
                }
            }
        }
    }

    /// Puts certificates into force that another process has ordered.
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
    }

    /// Orders a certificate for the name with that index.
    async fn order(&mut self, index: usize) {
        let attempt = timeout(LONGEST_ATTEMPT, self.attempt(index)).await;
        let outcome = attempt.unwrap_or(Err(Error::Slow(LONGEST_ATTEMPT)));
        let (managed, now) = (&mut self.names[index], Instant::now());
        let asked = self.client.take_retry_after();
        match outcome {
            Ok(Outcome::Ordered(certificate)) => {
                managed.take(*certificate, now);
                managed.rest(now);
                tracing::info!("{}: there is a new certificate; {}", managed.name, managed.plan());
            }
            Ok(Outcome::Found(certificate)) => managed.take(*certificate, now),
            Ok(Outcome::OthersTurn) => managed.wait(now + OTHERS_TURN),
            Err(error) => {
                let pause = managed.fail(self.config.retry, asked, now);
                self.left_alone_until = asked.map_or(self.left_alone_until, |asked| now + asked);
                let pause = humantime::format_duration(Duration::from_secs(pause.as_secs()));
                tracing::error!(
                    "{}: no certificate was given: {error}; the next attempt is in {pause}",
                    managed.name
                );
            }
        }
        self.put_into_force();
    }

    async fn attempt(&self, index: usize) -> Result<Outcome, Error> {
        let (managed, store) = (&self.names[index], self.store.clone());
        let name = managed.name.clone();
        let prepared = in_background(move || {
            let Some(lock) = store.lock()? else { return Ok(None) };
            let found = look(&store, &name).ok().flatten();
            store.check_room()?;
            Ok(Some((lock, found)))
        });
        let Some((_lock, found)) = prepared.await? else { return Ok(Outcome::OthersTurn) };
        if let Some(certificate) = found.filter(|certificate| managed.is_older_than(certificate)) {
            return Ok(Outcome::Found(Box::new(certificate)));
        }
        tracing::info!("{}: a certificate is ordered from {}", managed.name, self.config.directory);
        let pem = match self.order_by(self.account().await?, managed).await {
            Err(error) if error.is_of_account() => {
                tracing::warn!("the authority doesn't know the account; a new one is made");
                self.order_by(self.new_account().await?, managed).await?
            }
            ordered => ordered?,
        };
        let certificate = Certificate::from_pem(pem.as_bytes(), pem.as_bytes())?;
        if !certificate.is_for(managed.name.as_str()) {
            return Err(Error::OtherName);
        }
        match certificate.check_time(SystemTime::now()) {
            // It is used all the same: this machine's clock is slow, and another order would change nothing.
            Err(error @ CertificateError::NotYetValid) => {
                tracing::error!("{}: {error}, by the clock of this machine", managed.name);
            }
            checked => checked?,
        }
        let (store, name) = (self.store.clone(), managed.name.clone());
        let kept = in_background(move || store.keep_certificate(name.as_str(), pem.as_bytes())).await;
        if let Err(error) = kept {
            tracing::error!("{}: the new certificate is in force, but can't be kept: {error}", managed.name);
        }
        Ok(Outcome::Ordered(Box::new(certificate)))
    }

    async fn order_by(&self, account: Account, managed: &Managed) -> Result<String, Error> {
        let kind = managed.failures as usize % self.kinds.len().max(1);
        let kind = self.kinds.get(kind).copied().unwrap_or(Challenge::Tls);
        order::certificate(&account, &managed.name, managed.identifier(), kind, &self.challenges).await
    }

    /// The account, which is made if there is none.
    async fn account(&self) -> Result<Account, Error> {
        match account::kept(&self.store, &self.client, self.config.email.as_ref()).await? {
            Some(account) => Ok(account),
            None => self.new_account().await,
        }
    }

    async fn new_account(&self) -> Result<Account, Error> {
        account::new(&self.store, &self.client, self.config.email.as_ref(), &self.config.directory).await
    }

    /// Asks the authority when to renew. Without an answer, that is at two thirds of the lifetime.
    async fn ask(&mut self, index: usize) {
        let managed = &self.names[index];
        let asked = async {
            let Some(account) = account::kept(&self.store, &self.client, self.config.email.as_ref()).await?
            else {
                return Ok(None);
            };
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
        self.names.iter_mut().filter(|managed| managed.failures > 0).for_each(|managed| managed.wait(gate));
    }

    fn put_into_force(&self) {
        let names = self.names.iter();
        self.certificates.replace_ordered(names.map(|it| (it.name.as_str(), it.certificate.as_ref())));
    }
}

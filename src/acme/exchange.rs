//! Keeps the folder and what nodes share alike: the newer of two certificates, and the account that all have.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use tokio::time::timeout;
use zeroize::Zeroizing;

use super::error::Error;
use super::managed::{age, has_expired, is_newer, look, parse};
use super::others::Others;
use super::seal::Seal;
use super::shared::{Kept, SharedStore, What};
use super::store::{Lock, Store, in_background};
use super::{Acme, account};
use crate::config::{self, AcmeName, ConfigError};
use crate::net::tls::Certificate;
use crate::nodes::StoredValues;

/// How long a server that starts waits for what other nodes have.
const PATIENCE: Duration = Duration::from_secs(2);

impl Acme {
    /// Shares with other nodes what is configured to be.
    ///
    /// # Errors
    /// [`ConfigError::Setting`], if the key can't be read.
    pub(crate) fn sharing(mut self, stored: Option<StoredValues>) -> Result<Self, ConfigError> {
        match (stored, &self.config.acme_key_file) {
            (Some(stored), Some(_)) => {
                let seal = key(&self.config)?;
                self.shared = seal.map(|seal| SharedStore::new(stored, seal, &self.config.directory));
                let others = self.shared.clone().map(Others::new);
                others.into_iter().for_each(|others| self.challenges.share(Arc::new(others)));
            }
            (Some(_), None) => tracing::warn!(
                "the nodes share no certificates: each of them with --acme orders its own, and fails if the authority \
                 reaches another one; give all of them the same --acme-key-file"
            ),
            (None, _) => {}
        }
        Ok(self)
    }

    /// Waits until it is known which certificates the other nodes have, for two seconds at most.
    pub(crate) async fn ready(&mut self) {
        if self.shared.is_some() {
            let _ = timeout(PATIENCE, self.exchange()).await;
        }
    }

    /// What nodes share, if it can be had now.
    pub(super) fn together(&self) -> Option<&SharedStore> {
        self.shared.as_ref().filter(|_| self.apart.is_none())
    }

    /// Takes what other nodes have that is newer, and shares what they don't have.
    pub(super) async fn exchange(&mut self) {
        let Some(shared) = self.shared.clone() else { return };
        let mut exchanged = exchange_account(&shared, &self.store, None).await;
        for index in 0..self.names.len() {
            // Each question to a store that doesn't answer takes seconds.
            if matches!(exchanged, Err(Error::Shared(_))) {
                break;
            }
            match self.exchange_certificate(&shared, index, None).await {
                Ok(Some(certificate)) => self.take_from_others(index, certificate),
                Ok(None) => {}
                Err(error) => exchanged = exchanged.and(Err(error)),
            }
        }
        self.note(exchanged.err());
    }

    /// Makes a certificate that another node has ordered the one for its name. This node doesn't order for a while, just as if
    /// it had done so itself: an authority, or a clock, may be wrong.
    pub(super) fn take_from_others(&mut self, index: usize, certificate: Certificate) {
        let (managed, now) = (&mut self.names[index], Instant::now());
        managed.take(certificate, now);
        managed.rest(now);
        tracing::info!("{}: another node has ordered a certificate; {}", managed.name, managed.plan());
        self.put_into_force();
    }

    /// The certificate that other nodes have, if it is newer than this one's. The folder gets it, too, unless another process has
    /// the lock; then it gets it later. If the folder's is newer, the others get that. `lock` is the folder's, if this process has it.
    ///
    /// # Errors
    /// Those of what is shared. The folder's are logged.
    pub(super) async fn exchange_certificate(
        &self,
        shared: &SharedStore,
        index: usize,
        lock: Option<&Arc<Lock>>,
    ) -> Result<Option<Certificate>, Error> {
        let managed = &self.names[index];
        let name = &managed.name;
        let (kept, theirs) = read(shared, name).await?;
        let found = theirs.clone().filter(|theirs| managed.is_older_than(theirs));
        let own = certificate(&self.store, name).await;
        match (kept, theirs, own) {
            (Some(kept), Some(theirs), own) if is_newer(&theirs, own.as_ref().map(|(_, own)| own)) => {
                let kept = keep(&self.store, lock, name, (kept.plain, theirs)).await;
                // It is tried again at each exchange.
                if let (Err(error), true) = (kept, found.is_some()) {
                    tracing::error!("{name}: another node's certificate can't be kept: {error}");
                }
            }
            (kept, theirs, Some((own, _))) => offer(shared, name, &own, (kept, theirs)).await?,
            _ => {}
        }
        Ok(found)
    }

    /// Shares a certificate that was ordered. If that fails, it is shared later, from the folder.
    pub(super) async fn share_certificate(&self, shared: &SharedStore, name: &AcmeName, pem: &[u8]) {
        let shared = async { offer(shared, name, pem, read(shared, name).await?).await };
        if let Err(error) = shared.await {
            tracing::warn!("{name}: the new certificate isn't shared with other nodes yet: {error}");
        }
    }

    /// Notes why nothing is shared, and says so once.
    fn note(&mut self, apart: Option<Error>) {
        let kind = |error: &Option<Error>| error.as_ref().map(std::mem::discriminant);
        match &apart {
            _ if kind(&self.apart) == kind(&apart) => {}
            Some(why) => tracing::error!(
                "certificates aren't shared with other nodes: {why}; until they are, this one uses those that it has, and \
                 orders none that isn't about to expire"
            ),
            None => tracing::info!("certificates are shared with other nodes again"),
        }
        self.apart = apart;
    }
}

/// Has the folder and all nodes use one account: that which is shared, or else the folder's. Its address may differ: a node that has been
/// given another one has told the authority. `lock` is the folder's, if this process
/// has it; while another has it, the folder stays as it is.
///
/// # Errors
/// The folder's, and those of what is shared.
pub(super) async fn exchange_account(
    shared: &SharedStore,
    store: &Store,
    lock: Option<&Arc<Lock>>,
) -> Result<(), Error> {
    let (kept, read) = (shared.read(What::Account).await?, store.clone());
    let own = in_background(move || read.account()).await?;
    match (kept, own) {
        (Some(kept), own) if own.as_ref().is_none_or(|own| !account::is_same(own, &kept.plain)) => {
            let (store, lock) = (store.clone(), lock.cloned());
            let keep = move || locked(&store, lock)?.map_or(Ok(()), |lock| lock.keep_account(&kept.plain));
            Ok(in_background(keep).await?)
        }
        // Another node may be as quick; then its account will be found.
        (None, Some(own)) => match shared.replace(What::Account, None, &own, None).await {
            Err(Error::Overtaken) => Ok(()),
            written => written,
        },
        _ => Ok(()),
    }
}

/// Shares the folder's account in place of one that the authority doesn't know.
///
/// # Errors
/// The folder's, and those of what is shared.
pub(super) async fn replace_account(shared: &SharedStore, store: &Store) -> Result<(), Error> {
    let (before, store) = (shared.read(What::Account).await?, store.clone());
    let Some(own) = in_background(move || store.account()).await? else { return Ok(()) };
    if before.as_ref().is_some_and(|before| *before.plain == own) {
        return Ok(());
    }
    shared.replace(What::Account, before.as_ref(), &own, None).await
}

/// Shares the address of the folder's account, if nodes share that account.
///
/// # Errors
/// The folder's, and those of what is shared.
pub(super) async fn share_address(shared: &SharedStore, store: &Store) -> Result<(), Error> {
    let (before, store) = (shared.read(What::Account).await?, store.clone());
    let own = in_background(move || store.account()).await?;
    match (before, own) {
        (Some(before), Some(own)) if account::is_same(&before.plain, &own) => {
            shared.replace(What::Account, Some(&before), &own, None).await
        }
        _ => Ok(()),
    }
}

/// The shared certificate for a name, and what it is read as, if it is one.
async fn read(shared: &SharedStore, name: &AcmeName) -> Result<(Option<Kept>, Option<Certificate>), Error> {
    let kept = shared.read(What::Certificate(name.as_str())).await?;
    let certificate = kept.as_ref().and_then(|kept| {
        let parsed = parse(name, &kept.plain);
        parsed.inspect_err(|error| tracing::warn!("{name}: what nodes share is no certificate: {error}")).ok()
    });
    Ok((kept, certificate))
}

/// Shares a certificate, unless the one that was read is as new. It is kept until it expires.
async fn offer(
    shared: &SharedStore,
    name: &AcmeName,
    pem: &[u8],
    (kept, theirs): (Option<Kept>, Option<Certificate>),
) -> Result<(), Error> {
    let Ok(own) = parse(name, pem) else { return Ok(()) };
    let (end, now) = (own.validity().end, SystemTime::now());
    if has_expired(&own) || theirs.is_some_and(|theirs| age(&theirs) >= age(&own)) {
        return Ok(());
    }
    let lifetime = end.duration_since(now).unwrap_or_default();
    match shared.replace(What::Certificate(name.as_str()), kept.as_ref(), pem, Some(lifetime)).await {
        // Another node has another one, which will be found.
        Err(Error::Overtaken) => Ok(()),
        written => written,
    }
}

/// The certificate for a name that is in the folder, if it is one.
async fn certificate(store: &Store, name: &AcmeName) -> Option<(Vec<u8>, Certificate)> {
    let (store, name) = (store.clone(), name.clone());
    let found = in_background(move || {
        let Some(pem) = store.certificate(name.as_str())? else { return Ok(None) };
        Ok(parse(&name, &pem).ok().map(|certificate| (pem, certificate)))
    });
    found.await.ok().flatten()
}

/// Keeps a certificate, unless another process has the lock, or has kept a newer one.
async fn keep(
    store: &Store,
    lock: Option<&Arc<Lock>>,
    name: &AcmeName,
    (pem, certificate): (Zeroizing<Vec<u8>>, Certificate),
) -> io::Result<()> {
    let (store, lock, name) = (store.clone(), lock.cloned(), name.clone());
    in_background(move || {
        let Some(lock) = locked(&store, lock)? else { return Ok(()) };
        let found = look(&store, &name).ok().flatten();
        if is_newer(&certificate, found.as_ref()) {
            lock.keep_certificate(name.as_str(), &pem)
        } else {
            Ok(())
        }
    })
    .await
}

/// The folder's lock, which this process may have; none if another has it.
fn locked(store: &Store, lock: Option<Arc<Lock>>) -> io::Result<Option<Arc<Lock>>> {
    if lock.is_some() { Ok(lock) } else { Ok(store.lock()?.map(Arc::new)) }
}

/// The key of what nodes share, if there is one.
pub(super) fn key(config: &config::Acme) -> Result<Option<Seal>, ConfigError> {
    let seal = config.acme_key_file.as_deref().map(Seal::load).transpose();
    seal.map_err(|error| ConfigError::Setting("acme_key_file", error.into()))
}

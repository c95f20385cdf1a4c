//! Attempts to get a certificate: by an order, if nobody else orders or has ordered meanwhile.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use instant_acme::{Account, Order};
use tokio::time::timeout;

use super::error::Error;
use super::exchange::{exchange_account, replace_account};
use super::managed::{Managed, look};
use super::order::{self, Challenge};
use super::shared::{Failures, SharedStore};
use super::store::{Lock, in_background};
use super::turn::Turn;
use super::{Acme, LONGEST_ATTEMPT, OTHERS_TURN, account};
use crate::net::tls::{Certificate, CertificateError};

/// How an attempt went.
enum Outcome {
    /// The authority is about to give a certificate.
    Ready(Box<Order>, Arc<Lock>),
    Ordered(Box<Certificate>),
    /// Another process has ordered.
    Found(Box<Certificate>),
    /// Another node has.
    FoundShared(Box<Certificate>),
    /// Another process, or node, is about to.
    OthersTurn,
    /// Another node has failed so often in a row, lately.
    OthersFailures(u32),
}

impl Acme {
    /// Orders a certificate for the name with that index.
    pub(super) async fn order(&mut self, index: usize) {
        let mut turn = None;
        let attempt = timeout(LONGEST_ATTEMPT, self.attempt(index, &mut turn)).await;
        let outcome = match attempt.unwrap_or(Err(Error::Slow(LONGEST_ATTEMPT))) {
            // A certificate that is given counts at the authority, whoever has the turn by then, and however late it is.
            Ok(Outcome::Ready(order, lock)) => self.finish(index, *order, lock).await,
            outcome => outcome,
        };
        let (managed, now) = (&mut self.names[index], Instant::now());
        let asked = self.client.take_retry_after();
        managed.is_hurried = false;
        match outcome {
            Ok(Outcome::Ordered(certificate)) => {
                managed.take(*certificate, now);
                managed.rest(now);
                tracing::info!("{}: there is a new certificate; {}", managed.name, managed.plan());
            }
            Ok(Outcome::Found(certificate)) => managed.take(*certificate, now),
            Ok(Outcome::FoundShared(certificate)) => self.take_from_others(index, *certificate),
            Ok(Outcome::Ready(..) | Outcome::OthersTurn) | Err(Error::Overtaken) => {
                managed.wait(now + OTHERS_TURN)
            }
            Ok(Outcome::OthersFailures(number)) => {
                managed.failures = managed.failures.max(number);
                managed.wait(now + self.config.retry);
            }
            Err(error) => {
                let pause = managed.fail(self.config.retry, asked, now);
                self.left_alone_until = asked.map_or(self.left_alone_until, |asked| now + asked);
                let words = humantime::format_duration(Duration::from_secs(pause.as_secs()));
                tracing::error!(
                    "{}: no certificate was given: {error}; the next attempt is in {words}",
                    managed.name
                );
                if turn.is_some() {
                    // The others come first then: it may be this one alone that can't reach the authority.
                    managed.wait(now + pause + 2 * self.config.retry);
                    self.tell_failure(index, asked.is_some(), pause).await;
                }
            }
        }
        self.put_into_force();
    }

    /// Has the other nodes wait, too.
    async fn tell_failure(&self, index: usize, is_asked: bool, pause: Duration) {
        let (Some(shared), managed) = (&self.shared, &self.names[index]) else { return };
        let failures = Failures { number: managed.failures, is_asked };
        if let Err(error) = shared.keep_failures(managed.name.as_str(), failures, pause).await {
            tracing::debug!("{}: other nodes aren't told of the failure: {error}", managed.name);
        }
    }

    /// With other nodes, `turn` is this one's from the order on, so that they can be told of a failure before it is theirs.
    async fn attempt(&self, index: usize, turn: &mut Option<Turn>) -> Result<Outcome, Error> {
        let managed = &self.names[index];
        let Some((lock, found)) = self.prepare(managed).await? else { return Ok(Outcome::OthersTurn) };
        if let Some(certificate) = found.filter(|certificate| managed.is_older_than(certificate)) {
            return Ok(Outcome::Found(Box::new(certificate)));
        }
        let Some(shared) = self.together() else { return self.order_now(managed, &lock, None).await };
        match self.attempt_together(index, &lock, shared, turn).await {
            // The store answers, but takes nothing: as if it were away.
            Err(Error::Shared(_) | Error::Sealed(_)) if managed.is_at_last_resort() => {
                self.order_now(managed, &lock, None).await
            }
            outcome => outcome,
        }
    }

    async fn attempt_together(
        &self,
        index: usize,
        lock: &Arc<Lock>,
        shared: &SharedStore,
        turn: &mut Option<Turn>,
    ) -> Result<Outcome, Error> {
        let managed = &self.names[index];
        let Some(taken) = Turn::take(shared).await? else { return Ok(Outcome::OthersTurn) };
        let turn = turn.insert(taken);
        // The one whose turn it was may have done it, or failed.
        if let Some(failures) = shared.failures(managed.name.as_str()).await?
            && (failures.is_asked || !managed.is_hurried)
        {
            return Ok(Outcome::OthersFailures(failures.number));
        }
        if let Some(certificate) = self.exchange_certificate(shared, index, Some(lock)).await? {
            return Ok(Outcome::FoundShared(Box::new(certificate)));
        }
        exchange_account(shared, &self.store, Some(lock)).await?;
        tokio::select! {
            ordered = self.order_now(managed, lock, Some(shared)) => ordered,
            () = turn.lost() => Err(Error::Overtaken),
        }
    }

    /// The folder's lock and certificate; none if another process has the lock.
    async fn prepare(&self, managed: &Managed) -> Result<Option<(Arc<Lock>, Option<Certificate>)>, Error> {
        let (store, name) = (self.store.clone(), managed.name.clone());
        let prepared = in_background(move || {
            let Some(lock) = store.lock()? else { return Ok(None) };
            let found = look(&store, &name).ok().flatten();
            lock.check_room()?;
            Ok(Some((Arc::new(lock), found)))
        });
        Ok(prepared.await?)
    }

    async fn order_now(
        &self,
        managed: &Managed,
        lock: &Arc<Lock>,
        shared: Option<&SharedStore>,
    ) -> Result<Outcome, Error> {
        let name = &managed.name;
        tracing::info!("{name}: a certificate is ordered from {}", self.config.directory);
        let order = match self.order_by(self.account(lock, shared).await?, managed, shared).await {
            Err(error) if error.is_of_account() => {
                tracing::warn!("the authority doesn't know the account; a new one is made");
                self.order_by(self.new_account(lock, shared).await?, managed, shared).await?
            }
            ordered => ordered?,
        };
        Ok(Outcome::Ready(Box::new(order), Arc::clone(lock)))
    }

    /// Takes the certificate from the authority, and keeps and shares it. Nothing interrupts this.
    async fn finish(&self, index: usize, order: Order, lock: Arc<Lock>) -> Result<Outcome, Error> {
        let name = &self.names[index].name;
        let pem = order::finish(order, name).await?;
        let certificate = Certificate::from_pem(pem.as_bytes(), pem.as_bytes())?;
        if !certificate.is_for(name.as_str()) {
            return Err(Error::OtherName);
        }
        match certificate.check_time(SystemTime::now()) {
            // It is used all the same: this machine's clock is slow, and another order would change nothing.
            Err(error @ CertificateError::NotYetValid) => {
                tracing::error!("{name}: {error}, by the clock of this machine");
            }
            checked => checked?,
        }
        let (kept, bytes) = (name.clone(), pem.clone());
        let kept = in_background(move || lock.keep_certificate(kept.as_str(), bytes.as_bytes())).await;
        if let Err(error) = kept {
            tracing::error!("{name}: the new certificate is in force, but can't be kept: {error}");
        }
        if let Some(shared) = self.together() {
            self.share_certificate(shared, name, pem.as_bytes()).await;
        }
        Ok(Outcome::Ordered(Box::new(certificate)))
    }

    async fn order_by(
        &self,
        account: Account,
        managed: &Managed,
        shared: Option<&SharedStore>,
    ) -> Result<Order, Error> {
        let kind = managed.failures as usize % self.kinds.len().max(1);
        let kind = self.kinds.get(kind).copied().unwrap_or(Challenge::Tls);
        let answered_by = (&self.challenges, shared);
        order::prepare(&account, &managed.name, managed.identifier(), kind, answered_by).await
    }

    /// The account, which is made if there is none.
    async fn account(&self, lock: &Arc<Lock>, shared: Option<&SharedStore>) -> Result<Account, Error> {
        let email = self.config.email.as_ref();
        let kept = account::kept(&self.store, &self.client, email, Some(lock)).await?;
        let Some((account, _)) = kept else {
            return self.new_account(lock, shared).await;
        };
        self.share_account(shared).await?;
        Ok(account)
    }

    async fn new_account(&self, lock: &Arc<Lock>, shared: Option<&SharedStore>) -> Result<Account, Error> {
        let email = self.config.email.as_ref();
        let account = account::new(lock, &self.client, email, &self.config.directory).await?;
        self.share_account(shared).await?;
        Ok(account)
    }

    /// Has the other nodes use the account, which may be new, or have another address.
    async fn share_account(&self, shared: Option<&SharedStore>) -> Result<(), Error> {
        match shared {
            Some(shared) => replace_account(shared, &self.store).await,
            None => Ok(()),
        }
    }
}

//! The challenges of other nodes, which this one answers, too: the authority may reach any of them.
//!
//! Anybody can ask for a challenge at any time. So requests that come while the store is asked wait together for the next
//! answer, and it is asked twenty times a second at most.

use std::sync::Arc;
use std::time::Duration;

use ring::digest::{SHA256, digest};
use rustls::sign::CertifiedKey;
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep_until, timeout};

use super::error::Error;
use super::order::proof_certificate;
use super::shared::{SharedChallenge, SharedStore};
use crate::net::challenges::{InTime, OthersChallenges};

/// How long a request waits, all in all. Then there is no such challenge, as far as the authority is told.
const PATIENCE: Duration = Duration::from_secs(3);

/// The shortest time between two questions to the store.
const INTERVAL: Duration = Duration::from_millis(50);

/// Asks the store.
pub(super) struct Others {
    shared: SharedStore,
    last: Mutex<Last>,
}

/// What the store has said last.
struct Last {
    /// When it was asked last. It may not have answered: those who wait can go at any time.
    begun: Instant,
    /// When it was asked for `found`.
    asked: Instant,
    found: Option<SharedChallenge>,
}

impl Others {
    pub(super) fn new(shared: SharedStore) -> Self {
        let now = Instant::now();
        Self { shared, last: Mutex::new(Last { begun: now, asked: now, found: None }) }
    }

    /// The challenge that is pending. The store is asked after this was called: whatever was pending by then is found.
    async fn pending(&self) -> Option<SharedChallenge> {
        let called = Instant::now();
        let mut last = self.last.lock().await;
        if last.asked < called {
            sleep_until(last.begun + INTERVAL).await;
            last.begun = Instant::now();
            let found = self.shared.challenge().await.unwrap_or_else(|error| {
                tracing::debug!("a challenge can't be looked up: {error}");
                None
            });
            *last = Last { asked: last.begun, found, ..*last };
        }
        last.found.clone()
    }

    async fn pending_in_time(&self) -> Option<SharedChallenge> {
        timeout(PATIENCE, self.pending()).await.ok().flatten()
    }
}

impl OthersChallenges for Others {
    fn answer(self: Arc<Self>, token: String) -> InTime<String> {
        Box::pin(async move {
            let pending = self.pending_in_time().await.filter(|pending| pending.token == token)?;
            tracing::debug!("a challenge of another node is answered");
            Some(pending.proof)
        })
    }

    fn certificate(self: Arc<Self>, name: String) -> InTime<Arc<CertifiedKey>> {
        Box::pin(async move {
            let pending = self.pending_in_time().await.filter(|pending| pending.name == name)?;
            tracing::debug!("{name}: a challenge of another node is answered");
            certificate(&pending).ok()
        })
    }
}

fn certificate(pending: &SharedChallenge) -> Result<Arc<CertifiedKey>, Error> {
    let digest = digest(&SHA256, pending.proof.as_bytes());
    proof_certificate(&pending.name, digest.as_ref())
}

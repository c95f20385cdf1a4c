//! Which node orders: the one whose turn it is. The others wait, and then have its certificate.

use std::sync::Arc;
use std::time::Duration;

use ring::rand::{SecureRandom, SystemRandom};
use tokio::task::JoinHandle;
use tokio::time::sleep;

use super::error::Error;
use super::shared::{SharedStore, Temporary, What};

/// How long a turn lasts unless it is renewed. A node that dies in the middle of an order has the others wait for so long.
pub(super) const LIFETIME: Duration = Duration::from_secs(30);

/// How often it is renewed.
const RENEWAL: Duration = Duration::from_secs(10);

/// While this exists, no other node orders, unless the store is away for longer than a turn lasts.
pub(super) struct Turn {
    renewing: JoinHandle<()>,
    _claimed: Arc<Temporary>,
}

impl Turn {
    /// The turn; none if another node has it.
    ///
    /// # Errors
    /// The store's.
    pub(super) async fn take(shared: &SharedStore) -> Result<Option<Self>, Error> {
        let mut owner = [0; 16];
        let no_randomness = |_| Error::Crypto("the system has no randomness".into());
        SystemRandom::new().fill(&mut owner).map_err(no_randomness)?;
        let owner = format!("{:032x}", u128::from_ne_bytes(owner)).into_bytes();
        let claimed = shared.claim(What::Turn, owner, LIFETIME).await?.map(Arc::new);
        Ok(claimed
            .map(|claimed| Self { renewing: tokio::spawn(renew(Arc::clone(&claimed))), _claimed: claimed }))
    }

    /// Returns when another node has it.
    pub(super) async fn lost(&mut self) {
        let _ = (&mut self.renewing).await;
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.renewing.abort();
    }
}

/// Renews a turn until another node has it. Without an answer, nobody knows whether one has.
async fn renew(claimed: Arc<Temporary>) {
    loop {
        sleep(RENEWAL).await;
        let is_there = claimed.extend(LIFETIME).await;
        // A store that has restarted has lost it.
        if matches!(is_there, Ok(false)) && matches!(claimed.again(LIFETIME).await, Ok(false)) {
            return;
        }
    }
}

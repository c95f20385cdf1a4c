//! What nodes share: the account, the certificates with their keys, the challenge that is pending, and how orders have failed. Each
//! is a value in the nodes' store, under a name of its own, sealed.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::runtime::Handle;
use zeroize::Zeroizing;

use super::error::Error;
use super::schedule::{LONGEST_BACKOFF, LONGEST_RETRY_AFTER};
use super::seal::Seal;
use super::store::name_of;
use super::{LONGEST_ATTEMPT, turn};
use crate::config::DirectoryUrl;
use crate::nodes::StoredValues;

/// The values of one certificate authority: those of different ones have nothing in common.
#[derive(Clone)]
pub(super) struct SharedStore(Arc<Inner>);

struct Inner {
    values: StoredValues,
    seal: Seal,
    authority: String,
}

/// Which value.
#[derive(Clone, Copy, Debug)]
pub(super) enum What<'n> {
    Account,
    /// Of a name.
    Certificate(&'n str),
    Challenge,
    /// Of orders for a name.
    Failures(&'n str),
    /// The turn of the node that orders. It is no secret, so it isn't sealed.
    Turn,
}

impl What<'_> {
    /// For how long a value keeps other nodes from ordering that was written without a lifetime, and each at most, whoever has written it.
    /// None for one that stays.
    fn bounds(self) -> Option<[Duration; 2]> {
        match self {
            Self::Account | Self::Certificate(_) => None,
            Self::Challenge => Some([LONGEST_ATTEMPT; 2]),
            Self::Failures(_) => Some([LONGEST_BACKOFF, LONGEST_RETRY_AFTER]),
            Self::Turn => Some([turn::LIFETIME; 2]),
        }
    }
}

/// A value as it was read.
pub(super) struct Kept {
    pub(super) plain: Zeroizing<Vec<u8>>,
    sealed: Vec<u8>,
}

/// The challenge that is pending. There is one at most, since one node orders at a time, for one name.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct SharedChallenge {
    pub(super) name: String,
    pub(super) token: String,
    /// The key authorization (RFC 8555, section 8.1).
    pub(super) proof: String,
}

/// How often in a row orders for a name have failed. While it is there, there is none.
#[derive(Clone, Copy, Serialize, Deserialize)]
pub(super) struct Failures {
    pub(super) number: u32,
    /// Whether the authority has asked to be left alone.
    pub(super) is_asked: bool,
}

/// A value that is there while this exists, and for its lifetime at most.
pub(super) struct Temporary {
    values: StoredValues,
    key: String,
    value: Vec<u8>,
}

impl SharedStore {
    pub(super) fn new(values: StoredValues, seal: Seal, authority: &DirectoryUrl) -> Self {
        Self(Arc::new(Inner { values, seal, authority: name_of(authority) }))
    }

    /// A value; none if there is none.
    ///
    /// # Errors
    /// The store's; and [`Error::Sealed`], if it can't be opened.
    pub(super) async fn read(&self, what: What<'_>) -> Result<Option<Kept>, Error> {
        let key = self.key(what);
        let Some(sealed) = self.0.values.read(&key).await? else { return Ok(None) };
        match self.0.seal.open(&key, &sealed) {
            Some(plain) => Ok(Some(Kept { plain, sealed })),
            None => Err(Error::Sealed(key)),
        }
    }

    /// Writes a value in place of the one that was read. Without a lifetime it stays.
    ///
    /// # Errors
    /// The store's; and [`Error::Overtaken`], if another node has written meanwhile.
    pub(super) async fn replace(
        &self,
        what: What<'_>,
        before: Option<&Kept>,
        plain: &[u8],
        lifetime: Option<Duration>,
    ) -> Result<(), Error> {
        self.write(what, before, plain, lifetime).await.map(drop)
    }

    /// The same, until the result is dropped.
    ///
    /// # Errors
    /// As with [`replace`](Self::replace), and those of reading what was there before.
    pub(super) async fn lend(
        &self,
        what: What<'_>,
        plain: &[u8],
        lifetime: Duration,
    ) -> Result<Temporary, Error> {
        let before = self.read_bounded(what).await?;
        let value = self.write(what, before.as_ref(), plain, Some(lifetime)).await?;
        Ok(Temporary { values: self.0.values.clone(), key: self.key(what), value })
    }

    /// The challenge that is pending.
    ///
    /// # Errors
    /// As with [`read`](Self::read).
    pub(super) async fn challenge(&self) -> Result<Option<SharedChallenge>, Error> {
        let kept = self.read(What::Challenge).await?;
        Ok(kept.and_then(|kept| serde_json::from_slice(&kept.plain).ok()))
    }

    /// How orders for a name have failed, if it is too early for another.
    ///
    /// # Errors
    /// As with [`read`](Self::read).
    pub(super) async fn failures(&self, name: &str) -> Result<Option<Failures>, Error> {
        let kept = self.read_bounded(What::Failures(name)).await?;
        Ok(kept.and_then(|kept| serde_json::from_slice(&kept.plain).ok()))
    }

    /// Has all nodes wait for so long.
    ///
    /// # Errors
    /// As with [`replace`](Self::replace), and those of reading what was there before.
    pub(super) async fn keep_failures(
        &self,
        name: &str,
        failures: Failures,
        pause: Duration,
    ) -> Result<(), Error> {
        let what = What::Failures(name);
        let before = self.read(what).await?;
        let plain = serde_json::to_vec(&failures).map_err(|error| Error::Crypto(error.into()))?;
        self.replace(what, before.as_ref(), &plain, Some(pause)).await
    }

    /// Writes a value as it is where there is none, and tells whether there was none.
    ///
    /// # Errors
    /// The store's.
    pub(super) async fn claim(
        &self,
        what: What<'_>,
        value: Vec<u8>,
        lifetime: Duration,
    ) -> Result<Option<Temporary>, Error> {
        let claimed = Temporary { values: self.0.values.clone(), key: self.key(what), value };
        // If this fails, it may have been written nevertheless, and is removed.
        let is_new = claimed.again(lifetime).await;
        if matches!(is_new, Ok(false)) {
            claimed.forget();
            return self.bound(what).await.map(|()| None);
        }
        is_new.map(|_| Some(claimed))
    }

    /// Reads a value that doesn't stay, even if it can't be opened.
    async fn read_bounded(&self, what: What<'_>) -> Result<Option<Kept>, Error> {
        self.bound(what).await?;
        self.read(what).await
    }

    async fn bound(&self, what: What<'_>) -> Result<(), Error> {
        let Some([usual, longest]) = what.bounds() else { return Ok(()) };
        Ok(self.0.values.bound(&self.key(what), usual, longest).await?)
    }

    async fn write(
        &self,
        what: What<'_>,
        before: Option<&Kept>,
        plain: &[u8],
        lifetime: Option<Duration>,
    ) -> Result<Vec<u8>, Error> {
        let key = self.key(what);
        let no_randomness = || Error::Crypto("the system has no randomness".into());
        let sealed = self.0.seal.seal(&key, plain).ok_or_else(no_randomness)?;
        let before = before.map(|kept| kept.sealed.as_slice());
        match self.0.values.replace(&key, before, &sealed, lifetime).await? {
            true => Ok(sealed),
            false => Err(Error::Overtaken),
        }
    }

    fn key(&self, what: What<'_>) -> String {
        let authority = &self.0.authority;
        match what {
            What::Account => format!("onlookers:acme:{authority}:account"),
            What::Certificate(name) => format!("onlookers:acme:{authority}:certificate:{name}"),
            What::Challenge => format!("onlookers:acme:{authority}:challenge"),
            What::Failures(name) => format!("onlookers:acme:{authority}:failures:{name}"),
            What::Turn => format!("onlookers:acme:{authority}:turn"),
        }
    }
}

impl Temporary {
    /// Keeps it for so long from now on. Tells whether it was still there.
    ///
    /// # Errors
    /// The store's.
    pub(super) async fn extend(&self, lifetime: Duration) -> Result<bool, Error> {
        Ok(self.values.extend(&self.key, &self.value, lifetime).await?)
    }

    /// Writes it where there is none. Tells whether there was none.
    ///
    /// # Errors
    /// The store's.
    pub(super) async fn again(&self, lifetime: Duration) -> Result<bool, Error> {
        Ok(self.values.replace(&self.key, None, &self.value, Some(lifetime)).await?)
    }

    /// It isn't removed: it is another's.
    fn forget(mut self) {
        self.value.clear();
    }
}

impl Drop for Temporary {
    /// Removes it, unless another has taken its place; without the runtime it is left to its lifetime.
    fn drop(&mut self) {
        let (values, key, value) =
            (self.values.clone(), std::mem::take(&mut self.key), std::mem::take(&mut self.value));
        if let (false, Ok(runtime)) = (value.is_empty(), Handle::try_current()) {
            runtime.spawn(async move { drop(values.remove(&key, &value).await) });
        }
    }
}

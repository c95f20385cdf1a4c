//! The account at the certificate authority.

use std::sync::Arc;

use instant_acme::{Account, AccountCredentials, NewAccount};
use serde::{Deserialize, Serialize};

use super::client::Client;
use super::error::Error;
use super::store::{Lock, Store, in_background};
use crate::config::{DirectoryUrl, Email};

/// The account as it is kept.
#[derive(Serialize, Deserialize)]
struct Kept {
    email: Option<String>,
    credentials: AccountCredentials,
}

/// The account that was kept, and whether it has another address now; none if there is none that can be used. With the folder's lock, the authority is told of another
/// address.
///
/// # Errors
/// The folder's or the authority's.
pub(super) async fn kept(
    store: &Store,
    client: &Client,
    email: Option<&Email>,
    lock: Option<&Arc<Lock>>,
) -> Result<Option<(Account, bool)>, Error> {
    let read = store.clone();
    let Some(bytes) = in_background(move || read.account()).await? else { return Ok(None) };
    let Kept { email: known, credentials } = match serde_json::from_slice(&bytes) {
        Ok(kept) => kept,
        Err(error) => {
            tracing::error!("{}: the account can't be read: {error}", store.path().display());
            return Ok(None);
        }
    };
    // It has no copy that could be written later.
    let again = serde_json::from_slice(&bytes).map(|kept: Kept| kept.credentials);
    let account = Account::builder_with_http(Box::new(client.clone())).from_credentials(credentials).await?;
    let wanted = email.map(|email| email.as_str().to_owned());
    if let (true, Ok(credentials), Some(lock)) = (known != wanted, again, lock) {
        let contact = contact(email);
        account.update_contacts(&contact.iter().map(String::as_str).collect::<Vec<_>>()).await?;
        keep(lock, &Kept { email: wanted, credentials }).await?;
        return Ok(Some((account, true)));
    }
    Ok(Some((account, false)))
}

/// Whether two texts have the same account, perhaps with different addresses.
pub(super) fn is_same(one: &[u8], other: &[u8]) -> bool {
    let credentials = |text| serde_json::from_slice(text).ok().map(|kept: Kept| kept.credentials);
    let text = |text| credentials(text).and_then(|credentials| serde_json::to_string(&credentials).ok());
    one == other || text(one).is_some_and(|one| Some(one) == text(other))
}

/// A new account, which is kept.
///
/// # Errors
/// The folder's or the authority's.
pub(super) async fn new(
    lock: &Arc<Lock>,
    client: &Client,
    email: Option<&Email>,
    directory: &DirectoryUrl,
) -> Result<Account, Error> {
    let contact = contact(email);
    let new = NewAccount {
        contact: &contact.iter().map(String::as_str).collect::<Vec<_>>(),
        // The server doesn't start without --acme-agree.
        terms_of_service_agreed: true,
        only_return_existing: false,
    };
    let builder = Account::builder_with_http(Box::new(client.clone()));
    let (account, credentials) = builder.create(&new, directory.to_string(), None).await?;
    keep(lock, &Kept { email: email.map(|email| email.as_str().to_owned()), credentials }).await?;
    Ok(account)
}

fn contact(email: Option<&Email>) -> Option<String> {
    email.map(|email| format!("mailto:{}", email.as_str()))
}

async fn keep(lock: &Arc<Lock>, kept: &Kept) -> Result<(), Error> {
    let bytes = serde_json::to_vec(kept).map_err(|error| Error::Crypto(error.into()))?;
    let lock = Arc::clone(lock);
    Ok(in_background(move || lock.keep_account(&bytes)).await?)
}

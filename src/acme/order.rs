//! One order: the authority looks whether the name leads here, and gives a certificate.

use std::sync::Arc;
use std::time::Duration;

use instant_acme::{
    Account, AuthorizationStatus, CertificateIdentifier, ChallengeType, Identifier, NewOrder, Order,
    OrderStatus, RetryPolicy,
};
use rcgen::{CertificateParams, CustomExtension, DistinguishedName, KeyPair};
use rustls::crypto::ring::default_provider;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::sign::CertifiedKey;

use super::LONGEST_ATTEMPT;
use super::error::Error;
use super::shared::{SharedChallenge, SharedStore, Temporary, What};
use crate::config::AcmeName;
use crate::net::challenges::{Challenges, Pending, is_of_token};

/// How long the authority may take to look, and then to make the certificate.
const PATIENCE: Duration = Duration::from_mins(2);

/// How the authority looks whether a name leads here.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Challenge {
    /// At port 443 (RFC 8737).
    Tls,
    /// At port 80 (RFC 8555, section 8.3).
    Http,
}

/// By whom a challenge is answered: this server, and the other nodes, if there are any.
type AnsweredBy<'a> = (&'a Arc<Challenges>, Option<&'a SharedStore>);

/// A challenge is answered for as long as this exists.
struct Answered {
    _here: Pending,
    _elsewhere: Option<Temporary>,
}

/// Orders a certificate, and has the authority find that the name leads here. `replaces` is the certificate before.
///
/// # Errors
/// [`Error`], most of them the authority's.
pub(super) async fn prepare(
    account: &Account,
    name: &AcmeName,
    replaces: Option<CertificateIdentifier<'_>>,
    challenge: Challenge,
    answered_by: AnsweredBy<'_>,
) -> Result<Order, Error> {
    let mut order = open(account, name, replaces).await?;
    // They are answered until this function has ended, however it does.
    let _answered = begin(&mut order, name, challenge, answered_by).await?;
    let ready = order.poll_ready(&RetryPolicy::new().timeout(PATIENCE)).await;
    if !matches!(ready, Ok(OrderStatus::Ready)) {
        return Err(reason(&mut order).await.or(ready.err().map(Error::from)).unwrap_or(Error::NotConvinced));
    }
    Ok(order)
}

/// Gives the certificate that was ordered, with its chain and a new key, in PEM.
///
/// # Errors
/// As with [`prepare`].
pub(super) async fn finish(mut order: Order, name: &AcmeName) -> Result<String, Error> {
    let key = KeyPair::generate()?;
    let mut params = CertificateParams::new([name.as_str().to_owned()])?;
    params.distinguished_name = DistinguishedName::new();
    order.finalize_csr(params.serialize_request(&key)?.der()).await?;
    let chain = order.poll_certificate(&RetryPolicy::new().timeout(PATIENCE)).await?;
    Ok(key.serialize_pem() + chain.as_str())
}

/// Authorities may know nothing of the certificate that is replaced, or have had it replaced already.
async fn open(
    account: &Account,
    name: &AcmeName,
    replaces: Option<CertificateIdentifier<'_>>,
) -> Result<Order, Error> {
    let identifiers = [Identifier::Dns(name.as_str().to_owned())];
    if let Some(replaces) = replaces {
        match account.new_order(&NewOrder::new(&identifiers).replaces(replaces)).await {
            Ok(order) => return Ok(order),
            Err(error) => tracing::debug!(%error, "an order that replaces a certificate failed"),
        }
    }
    Ok(account.new_order(&NewOrder::new(&identifiers)).await?)
}

/// Asks the authority to look, wherever it hasn't yet.
async fn begin(
    order: &mut Order,
    name: &AcmeName,
    kind: Challenge,
    (challenges, shared): AnsweredBy<'_>,
) -> Result<Vec<Answered>, Error> {
    let mut answered = Vec::new();
    let mut authorizations = order.authorizations();
    while let Some(authorization) = authorizations.next().await {
        let mut authorization = authorization?;
        match authorization.status {
            AuthorizationStatus::Pending => {}
            AuthorizationStatus::Valid => continue,
            _ => return Err(Error::NotConvinced),
        }
        let (wanted, wanted_name) = match kind {
            Challenge::Tls => (ChallengeType::TlsAlpn01, "tls-alpn-01"),
            Challenge::Http => (ChallengeType::Http01, "http-01"),
        };
        let mut challenge = authorization.challenge(wanted).ok_or(Error::NoChallenge(wanted_name))?;
        if challenge.token.len() > 256 || !challenge.token.bytes().all(is_of_token) {
            return Err(Error::NoChallenge(wanted_name));
        }
        let proof = challenge.key_authorization();
        let _here = match kind {
            Challenge::Tls => {
                let certificate = proof_certificate(name.as_str(), proof.digest().as_ref())?;
                challenges.over_tls(name.as_str(), certificate)
            }
            Challenge::Http => challenges.over_http(&challenge.token, proof.as_str()),
        };
        let _elsewhere = match shared {
            Some(shared) => Some(share(shared, name, &challenge.token, proof.as_str()).await?),
            None => None,
        };
        answered.push(Answered { _here, _elsewhere });
        challenge.set_ready().await?;
    }
    Ok(answered)
}

/// Has the other nodes answer the challenge, too.
async fn share(shared: &SharedStore, name: &AcmeName, token: &str, proof: &str) -> Result<Temporary, Error> {
    let challenge =
        SharedChallenge { name: name.as_str().to_owned(), token: token.to_owned(), proof: proof.to_owned() };
    let challenge = serde_json::to_vec(&challenge).map_err(|error| Error::Crypto(error.into()))?;
    shared.lend(What::Challenge, &challenge, LONGEST_ATTEMPT).await
}

/// A certificate that proves who has the account, given the SHA-256 of the key authorization (RFC 8737, section 3). No usual one: it
/// has a critical extension, by which rustls refuses to look whether the key is its own.
pub(super) fn proof_certificate(name: &str, digest: &[u8]) -> Result<Arc<CertifiedKey>, Error> {
    let mut params = CertificateParams::new([name.to_owned()])?;
    params.custom_extensions = vec![CustomExtension::new_acme_identifier(digest)];
    let key = KeyPair::generate()?;
    let certificate = params.self_signed(&key)?;
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let key = default_provider().key_provider.load_private_key(key);
    let key = key.map_err(|error| Error::Crypto(error.into()))?;
    Ok(Arc::new(CertifiedKey::new(vec![certificate.der().clone()], key)))
}

/// What the authority says of the challenge that failed. The order itself may say nothing of it.
async fn reason(order: &mut Order) -> Option<Error> {
    let mut authorizations = order.authorizations();
    while let Some(authorization) = authorizations.next().await {
        let mut authorization = authorization.ok()?;
        let state = authorization.refresh().await.ok()?;
        if let Some(problem) = state.challenges.iter().find_map(|challenge| challenge.error.clone()) {
            return Some(Error::Authority(instant_acme::Error::Api(problem)));
        }
    }
    None
}

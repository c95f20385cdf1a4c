//! The challenges of a certificate authority that this server is to answer, as proof that a name leads here.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};

use onlookers_rooms::sync::Mutex;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

/// The path of a challenge over HTTP, up to its token (RFC 8555, section 8.3).
pub(crate) const PATH: &str = "/.well-known/acme-challenge/";

/// The protocol of a challenge over TLS (RFC 8737).
pub(crate) const PROTOCOL: &[u8] = b"acme-tls/1";

/// The challenges that are pending. There are none most of the time.
#[derive(Default)]
pub(crate) struct Challenges {
    /// The certificate that a connection with [`PROTOCOL`] gets, by the name that it asks for.
    certificates: Mutex<HashMap<String, Arc<CertifiedKey>>>,
    /// The answer to a request for each token.
    answers: Mutex<HashMap<String, String>>,
    /// None if this server is alone.
    others: OnceLock<Arc<dyn OthersChallenges>>,
}

/// The challenges of the nodes that have the same names: the authority may reach any of them. Each call is answered within seconds.
pub(crate) trait OthersChallenges: Send + Sync {
    /// The answer to a request for `token`; none unless it is pending.
    fn answer(self: Arc<Self>, token: String) -> InTime<String>;

    /// The certificate that a connection with [`PROTOCOL`] gets that asks for `name`; none unless one is pending.
    fn certificate(self: Arc<Self>, name: String) -> InTime<Arc<CertifiedKey>>;
}

pub(crate) type InTime<T> = Pin<Box<dyn Future<Output = Option<T>> + Send>>;

/// How many characters a token has: 128 random bits at least (RFC 8555, section 8), and not very many more.
const TOKEN_LENGTHS: std::ops::RangeInclusive<usize> = 22..=256;

impl Challenges {
    /// The answer to a request for `token`; none unless it is pending.
    pub(crate) fn answer(&self, token: &str) -> Option<String> {
        self.answers.lock().get(token).cloned()
    }

    /// Asks the other nodes for the answer to a request for `token`; none if there are none, or it can't be a token.
    pub(crate) fn ask_others(&self, token: &str) -> Option<InTime<String>> {
        let others = self.others.get()?;
        let is_token = TOKEN_LENGTHS.contains(&token.len()) && token.bytes().all(is_of_token);
        is_token.then(|| Arc::clone(others).answer(token.to_owned()))
    }

    /// Asks the other nodes for the certificate that a connection with [`PROTOCOL`] gets that asks for `name`; none if there are
    /// none, or this server has one.
    pub(crate) fn ask_others_for(&self, name: &str) -> Option<InTime<Arc<CertifiedKey>>> {
        let others = self.others.get()?;
        let is_own = self.certificates.lock().contains_key(name);
        (!is_own).then(|| Arc::clone(others).certificate(name.to_owned()))
    }
}

/// Whether a token may have it: it becomes a part of a path (RFC 8555, section 8.3).
pub(crate) fn is_of_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')
}

impl ResolvesServerCert for Challenges {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.certificates.lock().get(hello.server_name()?).cloned()
    }
}

impl std::fmt::Debug for Challenges {
    /// Without what the authority alone is to know.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Challenges").finish_non_exhaustive()
    }
}

#[cfg(feature = "acme")]
pub(crate) use pending::Pending;

#[cfg(feature = "acme")]
mod pending {
    use super::{Arc, CertifiedKey, Challenges, OthersChallenges};

    /// A challenge is answered for as long as this exists.
    pub(crate) struct Pending {
        challenges: Arc<Challenges>,
        key: Key,
    }

    enum Key {
        Name(String),
        Token(String),
    }

    impl Challenges {
        /// Asks these from now on for what isn't pending here.
        pub(crate) fn share(&self, others: Arc<dyn OthersChallenges>) {
            // There is one source of certificates, so it is called once.
            let _ = self.others.set(others);
        }

        /// Shows `certificate` to connections with [`PROTOCOL`](super::PROTOCOL) that ask for `name`.
        pub(crate) fn over_tls(self: &Arc<Self>, name: &str, certificate: Arc<CertifiedKey>) -> Pending {
            self.certificates.lock().insert(name.to_owned(), certificate);
            Pending { challenges: Arc::clone(self), key: Key::Name(name.to_owned()) }
        }

        /// Answers requests for `token`.
        pub(crate) fn over_http(self: &Arc<Self>, token: &str, answer: &str) -> Pending {
            self.answers.lock().insert(token.to_owned(), answer.to_owned());
            Pending { challenges: Arc::clone(self), key: Key::Token(token.to_owned()) }
        }
    }

    impl Drop for Pending {
        fn drop(&mut self) {
            match &self.key {
                Key::Name(name) => drop(self.challenges.certificates.lock().remove(name)),
                Key::Token(token) => drop(self.challenges.answers.lock().remove(token)),
            }
        }
    }
}

#[cfg(all(test, feature = "acme"))]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_answered_while_its_challenge_is_pending() {
        let challenges = Arc::new(Challenges::default());
        let pending = challenges.over_http("token", "answer");
        assert_eq!(challenges.answer("token").as_deref(), Some("answer"));
        assert_eq!(challenges.answer("other"), None);
        drop(pending);
        assert_eq!(challenges.answer("token"), None);
    }

    struct Other;

    impl OthersChallenges for Other {
        fn answer(self: Arc<Self>, token: String) -> InTime<String> {
            Box::pin(async move { Some(token + ".proof") })
        }

        fn certificate(self: Arc<Self>, _: String) -> InTime<Arc<CertifiedKey>> {
            Box::pin(async { None })
        }
    }

    #[tokio::test]
    async fn others_are_asked_for_what_can_be_a_token() {
        let (challenges, token) = (Challenges::default(), "A-z_0123456789abcdefgh");
        assert!(challenges.ask_others(token).is_none(), "there are no others");
        challenges.share(Arc::new(Other));
        assert_eq!(challenges.ask_others(token).unwrap().await, Some(format!("{token}.proof")));
        for refused in
            ["", "short", &token.replace('-', "/"), &token.replace('-', "\u{e4}"), &"a".repeat(257)]
        {
            assert!(challenges.ask_others(refused).is_none(), "{refused}");
        }
        assert!(challenges.ask_others_for("count.example").is_some());
    }
}

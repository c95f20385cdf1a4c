//! The challenges of a certificate authority that this server is to answer, as proof that a name leads here.

use std::collections::HashMap;
use std::sync::Arc;

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
}

impl Challenges {
    /// The answer to a request for `token`; none unless it is pending.
    pub(crate) fn answer(&self, token: &str) -> Option<String> {
        self.answers.lock().get(token).cloned()
    }
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
    use super::{Arc, CertifiedKey, Challenges};

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
}

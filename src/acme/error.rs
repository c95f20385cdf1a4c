//! Why there is no certificate, in words for the log.

use std::fmt;
use std::io;
use std::time::Duration;

use instant_acme::Problem;

use crate::net::tls::CertificateError;
use crate::nodes::StoreError;

/// The longest text of an authority that is logged, in characters.
const LONGEST_TEXT: usize = 500;

/// Why an attempt failed.
#[derive(Debug)]
pub(super) enum Error {
    /// The folder can't be read or written.
    Store(io::Error),
    /// What nodes share can't be had.
    Shared(StoreError),
    /// The value with that key can't be opened.
    Sealed(String),
    /// Another node has ordered or written meanwhile.
    Overtaken,
    /// The authority refuses, can't be reached, or says something strange.
    Authority(instant_acme::Error),
    /// It doesn't offer the challenge of that name.
    NoChallenge(&'static str),
    /// It says that it wasn't convinced, and not why.
    NotConvinced,
    /// It takes too long.
    Slow(Duration),
    /// Its certificate can't be used.
    Certificate(CertificateError),
    /// Its certificate is for something else.
    OtherName,
    /// No key, or no request, can be made.
    Crypto(Box<dyn std::error::Error + Send + Sync>),
}

impl Error {
    /// Whether the authority doesn't know the account, or not any more.
    pub(super) fn is_of_account(&self) -> bool {
        let kind = match self {
            Self::Authority(instant_acme::Error::Api(problem)) => problem.r#type.as_deref(),
            _ => None,
        };
        kind.is_some_and(|kind| kind.ends_with(":accountDoesNotExist"))
    }
}

impl From<instant_acme::Error> for Error {
    fn from(error: instant_acme::Error) -> Self {
        Self::Authority(error)
    }
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        Self::Shared(error)
    }
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        Self::Store(error)
    }
}

impl From<CertificateError> for Error {
    fn from(error: CertificateError) -> Self {
        Self::Certificate(error)
    }
}

impl From<rcgen::Error> for Error {
    fn from(error: rcgen::Error) -> Self {
        Self::Crypto(error.into())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Store(error) => write!(f, "the folder for certificates can't be used: {error}"),
            Self::Shared(error) => write!(f, "what nodes share can't be had: {error}"),
            Self::Sealed(key) => write!(
                f,
                "{key} in Redis can't be opened with the key in --acme-key-file (is it that of the other nodes?), and \
                 is left as it is"
            ),
            Self::Overtaken => f.write_str("another node has been quicker"),
            Self::Authority(instant_acme::Error::Api(problem)) => {
                write!(f, "the authority says: {}", plain(&said(problem)))
            }
            Self::Authority(instant_acme::Error::Json(_)) => {
                f.write_str("the authority's answer can't be understood")
            }
            Self::Authority(instant_acme::Error::Timeout(_)) => {
                f.write_str("the authority has not decided in time")
            }
            Self::Authority(instant_acme::Error::Other(error)) => {
                write!(f, "the authority can't be asked: {}", plain(&error.to_string()))?;
                // hyper says why in its source only.
                error.source().map_or(Ok(()), |source| write!(f, ": {}", plain(&source.to_string())))
            }
            Self::Authority(error) => write!(f, "the authority: {}", plain(&error.to_string())),
            Self::NoChallenge(name) => write!(f, "the authority doesn't offer the challenge {name}"),
            Self::NotConvinced => f.write_str("the authority was not convinced that the name leads here"),
            Self::Slow(time) => write!(f, "it has taken longer than {}", humantime::format_duration(*time)),
            Self::Certificate(error) => write!(f, "the authority's certificate can't be used: {error}"),
            Self::OtherName => f.write_str("the authority's certificate is for another name"),
            Self::Crypto(error) => write!(f, "no key can be made: {error}"),
        }
    }
}

impl std::error::Error for Error {}

fn said(problem: &Problem) -> String {
    let kind =
        problem.r#type.as_deref().unwrap_or_default().trim_start_matches("urn:ietf:params:acme:error:");
    let details = [&problem.detail].into_iter().chain(problem.subproblems.iter().map(|sub| &sub.detail));
    let details: Vec<_> = details.flatten().map(String::as_str).collect();
    format!("{} ({kind})", details.join("; "))
}

/// A text of others, as a line.
fn plain(text: &str) -> String {
    text.chars().take(LONGEST_TEXT).map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(json: &str) -> Error {
        Error::Authority(instant_acme::Error::Api(serde_json::from_str(json).unwrap()))
    }

    #[test]
    fn an_authoritys_words_are_one_line_of_bounded_length() {
        let long = "a".repeat(10_000);
        let error =
            problem(&format!(r#"{{"type":"urn:ietf:params:acme:error:dns","detail":"no\nsuch {long}"}}"#));
        let text = error.to_string();
        assert!(text.starts_with("the authority says: no such aaa") && text.len() < 600, "{text}");
        let error = problem(r#"{"type":"urn:ietf:params:acme:error:dns","detail":"none"}"#);
        assert_eq!(error.to_string(), "the authority says: none (dns)");
    }

    #[test]
    fn an_account_that_the_authority_has_lost_is_recognised() {
        assert!(problem(r#"{"type":"urn:ietf:params:acme:error:accountDoesNotExist"}"#).is_of_account());
        assert!(!problem(r#"{"type":"urn:ietf:params:acme:error:dns"}"#).is_of_account());
        assert!(!Error::NotConvinced.is_of_account());
    }
}

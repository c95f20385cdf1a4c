//! Why a WebSocket isn't opened: a short sentence for the client, the whole reason for the log.

use hyper::header::{CONNECTION, HeaderValue, SEC_WEBSOCKET_VERSION, UPGRADE};
use hyper::{Response, StatusCode};

use super::Body;
use super::answers::{full_in_words, text};
use super::online::NoPlace;
use crate::gate::Refusal;

/// The version of the protocol that is spoken here (RFC 6455, section 4.1).
pub(super) const VERSION: HeaderValue = HeaderValue::from_static("13");

/// Why not.
#[derive(Debug)]
pub(super) enum Denied {
    /// It isn't asked for as it has to be; says how it would be.
    NoUpgrade(&'static str),
    /// The request is wrong in itself; says in what.
    Bad(String),
    /// The page may not.
    Refused(Refusal),
    /// There is no place.
    Full(NoPlace),
}

impl Denied {
    pub(super) fn response(&self) -> Response<Body> {
        match self {
            Self::NoUpgrade(sentence) => upgrade_required(sentence),
            Self::Bad(sentence) => text(StatusCode::BAD_REQUEST, format!("{sentence}\n")),
            Self::Refused(refusal) => {
                tracing::debug!(%refusal, "refused a WebSocket");
                text(StatusCode::FORBIDDEN, "A page of this origin may not open this WebSocket.\n")
            }
            Self::Full(no_place) => {
                tracing::debug!(?no_place, "no place for a WebSocket");
                full_in_words(no_place)
            }
        }
    }
}

impl From<Refusal> for Denied {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

/// 426, with what to upgrade to.
fn upgrade_required(sentence: &str) -> Response<Body> {
    let mut response = text(StatusCode::UPGRADE_REQUIRED, format!("{sentence}\n"));
    let headers = response.headers_mut();
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(SEC_WEBSOCKET_VERSION, VERSION);
    response
}

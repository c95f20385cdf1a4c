//! Why a request doesn't get what it asks for, and how each kind of route says so.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt;

use bytes::Bytes;
use hyper::header::{ALLOW, CONNECTION, HeaderValue, RETRY_AFTER, SEC_WEBSOCKET_VERSION, UPGRADE};
use hyper::{Response, StatusCode};
use onlookers_picture::notice;
use onlookers_rooms::sync::Mutex;
use onlookers_rooms::{LimitReached, RoomNameError};
use tracing::field::display;

use super::query::QueryError;
use super::respond::{self, Body, PNG};
use super::static_file::{self, KnownTags};
use super::{Request, cors};
use crate::gate::GateError;
use crate::metrics::Refused;
use crate::net::capacity::CapacityError;
use crate::painting::Busy;

/// After how many seconds to try again when the server or an address has too many viewers.
const RETRY_SECONDS: HeaderValue = HeaderValue::from_static("30");

/// And when there is too much to paint, which is over sooner.
const RETRY_PAINTING_SECONDS: HeaderValue = HeaderValue::from_static("1");

/// The version of the WebSocket protocol (RFC 6455, section 4.1).
pub(super) const WEBSOCKET_VERSION: HeaderValue = HeaderValue::from_static("13");

const NOT_FOUND: &str = "<!doctype html>\n<title>Not found</title>\n\
    <p>There is nothing here. <a href=\"/\">The counter is there.</a></p>\n";

const HOW_TO_EMBED: &str = "You can't view this image directly.\n\
    Embed it in a page: <img loading=\"lazy\" srcset=\"/online.png, /online.png?scale=2 2x\" width=\"200\" height=\"30\" alt=\"Users online\">, \
    with this server's address before each /online.png.";

const HOW_TO_PEEK: &str = "These events are for pages, and this request doesn't say from which it comes.\n\
    To look without being counted, add ?peek=1.";

/// Why a request is refused. The client gets a short sentence, the log the whole reason, with its [`source`](Error::source).
#[derive(Debug)]
pub(super) enum Refusal {
    /// The query can't be parsed.
    Query(QueryError),
    /// The path doesn't name a room.
    Name(RoomNameError),
    /// The request is malformed in a way of its route's own; the sentence says how.
    Malformed(&'static str),
    /// The gate, or a setting of the site.
    Gate(GateError),
    /// The configuration denies the client.
    Denied,
    /// The form of `/ignore`, sent by another site's page.
    ForeignForm,
    /// There is nothing at this path.
    NotFound,
    /// The path doesn't support this method.
    Method,
    /// Not a request that opens a WebSocket; the sentence says what is missing.
    NoUpgrade(&'static str),
    /// Not with this version of HTTP; the sentence says with which.
    Version(&'static str),
    /// There are too many viewers.
    Capacity(CapacityError),
    /// There are too many sites or pages.
    Rooms(LimitReached),
    /// There is too much to paint.
    Busy(Busy),
}

/// The kind of answer that a route gives.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Form {
    /// A picture on a page. A refusal is a picture too, where the site's owner is to see it.
    Picture,
    /// One complete picture. A refusal is a picture with 200: image proxies keep errors, and pages show them as broken.
    Still,
    /// JSON for shields.io, with 200 for the same reason.
    Shield,
    Json,
    /// The numbers alone.
    Count,
    Text,
    /// Server-sent events.
    Events,
    WebSocket,
}

impl Form {
    /// Whether scripts of any page may read the answers: pictures and numbers, which are the same for everybody.
    pub(super) fn is_public(self) -> bool {
        matches!(self, Self::Picture | Self::Still | Self::Shield | Self::Json | Self::Count)
    }
}

impl Refusal {
    /// Logs the refusal, and gives the answer to it.
    pub(super) fn render(&self, form: Form, request: &Request<'_>) -> Response<Body> {
        let address = request.settings.logged(request.address).map(display);
        tracing::debug!(path = request.path, address, cause = self.source(), "refused: {self}");
        // Programs that show images in documents of their own take no answer but 200.
        let form = if form == Form::Picture && request.is_image_alone() { Form::Still } else { form };
        let mut response = self.body(form, request);
        let headers = response.headers_mut();
        match self {
            Self::Method => drop(headers.insert(ALLOW, respond::METHODS)),
            Self::Capacity(_) | Self::Rooms(_) => drop(headers.insert(RETRY_AFTER, RETRY_SECONDS)),
            Self::Busy(_) => drop(headers.insert(RETRY_AFTER, RETRY_PAINTING_SECONDS)),
            Self::NoUpgrade(_) => {
                headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
                headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
                headers.insert(SEC_WEBSOCKET_VERSION, WEBSOCKET_VERSION);
            }
            _ => {}
        }
        if form == Form::Events {
            headers.extend(self.cross_origin(request));
        }
        if form.is_public() { cors::of_any_page(response) } else { response }
    }

    fn body(&self, form: Form, request: &Request<'_>) -> Response<Body> {
        match (self, form) {
            (Self::NotFound, _) => respond::response(StatusCode::NOT_FOUND, respond::HTML, NOT_FOUND),
            // An image proxy tries again, and a page that has the last picture keeps it.
            (Self::Busy(_), Form::Still) => respond::text(self.status(), self.sentence(form) + "\n"),
            (_, Form::Still) => static_file::fresh(&KnownTags::of(request), PNG, painted(self.notice())),
            (_, Form::Shield) => respond::shield("error", &self.notice().to_lowercase(), "red"),
            (_, Form::Picture) if self.is_for_owner() || request.is_for_image() => {
                respond::response(self.status(), PNG, painted(self.notice()))
            }
            (_, Form::Json) => {
                respond::json(self.status(), &serde_json::json!({ "error": self.sentence(form) }))
            }
            _ => respond::text(self.status(), self.sentence(form) + "\n"),
        }
    }

    /// How it is counted.
    pub(super) fn reason(&self) -> Refused {
        match self {
            Self::Query(_) | Self::Gate(GateError::BadSite(_)) => Refused::Query,
            Self::Name(_) => Refused::Name,
            Self::Malformed(_) => Refused::Malformed,
            Self::Gate(_) | Self::ForeignForm => Refused::NotAllowed,
            Self::Denied => Refused::Denied,
            Self::NotFound => Refused::NotFound,
            Self::Method => Refused::Method,
            Self::NoUpgrade(_) | Self::Version(_) => Refused::Upgrade,
            Self::Capacity(CapacityError::Total) => Refused::Viewers,
            Self::Capacity(_) => Refused::Client,
            Self::Rooms(LimitReached::Sites) => Refused::Sites,
            Self::Rooms(LimitReached::Pages) => Refused::Pages,
            Self::Busy(_) => Refused::Painting,
        }
    }

    fn status(&self) -> StatusCode {
        match self {
            Self::Query(_) | Self::Name(_) | Self::Malformed(_) | Self::Gate(GateError::BadSite(_)) => {
                StatusCode::BAD_REQUEST
            }
            Self::Gate(_) | Self::ForeignForm | Self::Denied => StatusCode::FORBIDDEN,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::Method => StatusCode::METHOD_NOT_ALLOWED,
            Self::NoUpgrade(_) => StatusCode::UPGRADE_REQUIRED,
            Self::Version(_) => StatusCode::HTTP_VERSION_NOT_SUPPORTED,
            Self::Capacity(_) | Self::Rooms(_) | Self::Busy(_) => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// Whether a page's picture says so: a setting of the site or the server, which its owner can change.
    fn is_for_owner(&self) -> bool {
        use GateError::{BadReferer, BadSite, Direct};
        match self {
            Self::Gate(Direct | BadReferer(_) | BadSite(_)) => false,
            Self::Gate(_) | Self::Capacity(_) | Self::Rooms(_) => true,
            _ => false,
        }
    }

    /// A few words, for a picture.
    fn notice(&self) -> String {
        match self {
            Self::Query(error) => return format!("Bad {}", error.name),
            Self::Name(RoomNameError::Site(_)) => "Bad site name",
            Self::Name(RoomNameError::Page(_)) => "Bad page name",
            Self::Gate(GateError::Nameless) => "No Referer sent",
            Self::Gate(GateError::NotOwnName(_)) => "Server name not set",
            Self::Gate(GateError::NoPresence(_)) => "Reading positions are off here",
            Self::Gate(_) => "Not allowed here",
            Self::Capacity(CapacityError::Total) => "Too many viewers",
            Self::Capacity(CapacityError::Address | CapacityError::Pages) => "Too many pages open",
            Self::Rooms(LimitReached::Sites) => "Too many sites",
            Self::Rooms(LimitReached::Pages) => "Too many pages",
            Self::Busy(_) => "Too much to paint",
            Self::Denied => "Not served here",
            Self::Malformed(_) | Self::ForeignForm => "Bad request",
            Self::NotFound | Self::Method | Self::NoUpgrade(_) | Self::Version(_) => "Not found",
        }
        .to_owned()
    }

    /// A sentence, for text and JSON.
    fn sentence(&self, form: Form) -> String {
        match (self, form) {
            (Self::Query(error), _) => return error.to_string(),
            (Self::Name(error), Form::WebSocket) => {
                return format!("This is not the name of a room: {error}.");
            }
            (Self::Malformed(sentence) | Self::NoUpgrade(sentence) | Self::Version(sentence), _) => sentence,
            (Self::Gate(GateError::BadSite(_)), _) => "The parameter site is not a site's name.",
            (Self::Gate(_), Form::Picture) => HOW_TO_EMBED,
            (Self::Gate(_), Form::Json) => "This ranking is not shown to you.",
            (Self::Gate(_), Form::Count) => "This count is not shown here.",
            (Self::Gate(GateError::Direct), Form::Events) => HOW_TO_PEEK,
            (Self::Gate(_), Form::WebSocket) => "A page of this origin may not open this WebSocket.",
            (Self::ForeignForm, _) => "Only this server's own page does that.",
            (Self::Method, _) => "Only GET, HEAD and OPTIONS are understood here.",
            _ => return self.notice() + ".",
        }
        .to_owned()
    }

    /// A page that may listen can read why it has to wait; any other one reads nothing.
    fn cross_origin(&self, request: &Request<'_>) -> hyper::HeaderMap {
        match self {
            Self::Capacity(_) | Self::Rooms(_) | Self::Busy(_) => cors::readable(request.origin),
            _ => cors::unreadable(),
        }
    }
}

/// The picture of a notice. There are few, and each is painted once: a refused request must cost nothing.
fn painted(words: String) -> Bytes {
    static PAINTED: Mutex<BTreeMap<String, Bytes>> = Mutex::new(BTreeMap::new());
    let mut painted = PAINTED.lock();
    painted.entry(words).or_insert_with_key(|words| notice(words)).clone()
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Query(_) => "a bad query",
            Self::Name(_) => "not the name of a room",
            Self::Malformed(sentence) | Self::NoUpgrade(sentence) | Self::Version(sentence) => sentence,
            Self::Gate(_) => "not admitted",
            Self::Denied => "denied by the configuration",
            Self::ForeignForm => "a form of another site",
            Self::NotFound => "not found",
            Self::Method => "a method that isn't supported",
            Self::Capacity(_) => "no capacity",
            Self::Rooms(_) => "no place for another room",
            Self::Busy(_) => "too much to paint",
        })
    }
}

impl Error for Refusal {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Query(error) => Some(error),
            Self::Name(error) => Some(error),
            Self::Gate(error) => Some(error),
            Self::Capacity(error) => Some(error),
            Self::Rooms(error) => Some(error),
            Self::Busy(error) => Some(error),
            _ => None,
        }
    }
}

macro_rules! wrap {
    ($($error:ty => $reason:ident),*) => {
        $(impl From<$error> for Refusal {
            fn from(error: $error) -> Self {
                Self::$reason(error)
            }
        })*
    };
}

wrap!(QueryError => Query, RoomNameError => Name, GateError => Gate, CapacityError => Capacity, LimitReached => Rooms, Busy => Busy);

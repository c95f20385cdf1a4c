//! Requests to a certificate authority: one connection each, over TLS, with bounds for time and size.

use std::convert::Infallible;
use std::fmt;
use std::future::pending;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1;
use hyper::header::{CONTENT_TYPE, HOST, HeaderValue, RETRY_AFTER};
use hyper::http::request::Parts;
use hyper::{HeaderMap, Request, Response, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use instant_acme::{BodyWrapper, BytesResponse, Error, HttpClient};
use onlookers_rooms::sync::Mutex;
use rustls::crypto::ring::default_provider;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::schedule::LONGEST_RETRY_AFTER;

/// How long one request may take, the connection included.
const TIMEOUT: Duration = Duration::from_secs(30);

/// The longest answer, in bytes: a chain of certificates has a few kilobytes.
const LONGEST: usize = 256 * 1024;

/// The type of an answer that says in JSON what is wrong (RFC 9457).
const PROBLEM: &str = "application/problem+json";

type AnyError = Box<dyn std::error::Error + Send + Sync>;

/// Sends requests, and notes when the authority wants to be asked again.
#[derive(Clone)]
pub(super) struct Client(Arc<Inner>);

struct Inner {
    connector: TlsConnector,
    /// What the last answers with an error said in `Retry-After`.
    retry_after: Mutex<Option<Duration>>,
}

/// An answer that isn't ACME's.
#[derive(Debug)]
enum BadAnswer {
    Status(StatusCode),
    NotHttps,
    Slow,
}

impl Client {
    /// # Errors
    /// rustls', if it can't be configured.
    pub(super) fn new(roots: RootCertStore) -> Result<Self, rustls::Error> {
        let builder = ClientConfig::builder_with_provider(Arc::new(default_provider()));
        let builder = builder.with_safe_default_protocol_versions()?;
        let mut config = builder.with_root_certificates(roots).with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        let connector = TlsConnector::from(Arc::new(config));
        Ok(Self(Arc::new(Inner { connector, retry_after: Mutex::new(None) })))
    }

    /// How long the authority has asked to be left alone for since this was called last.
    pub(super) fn take_retry_after(&self) -> Option<Duration> {
        self.0.retry_after.lock().take()
    }
}

impl HttpClient for Client {
    fn request(
        &self,
        request: Request<BodyWrapper<Bytes>>,
    ) -> Pin<Box<dyn Future<Output = Result<BytesResponse, Error>> + Send>> {
        let this = Arc::clone(&self.0);
        Box::pin(async move {
            let answered = timeout(TIMEOUT, this.send(request)).await;
            let answer = answered.map_err(|_| BadAnswer::Slow.into()).flatten();
            Ok(this.judge(answer.map_err(Error::Other)?).map_err(Error::Other)?.into())
        })
    }
}

impl Inner {
    async fn send(&self, request: Request<BodyWrapper<Bytes>>) -> Result<Response<Full<Bytes>>, AnyError> {
        let (mut parts, body) = request.into_parts();
        let (host, port) = place(&parts.uri)?;
        let tcp = TcpStream::connect((host.as_str(), port)).await?;
        tcp.set_nodelay(true)?;
        let tls = self.connector.connect(ServerName::try_from(host)?, tcp).await?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(tls)).await?;
        relative(&mut parts)?;
        let exchange = async {
            let (parts, body) = sender.send_request(Request::from_parts(parts, body)).await?.into_parts();
            let body = Limited::new(body, LONGEST).collect().await?.to_bytes();
            Ok(Response::from_parts(parts, Full::new(body)))
        };
        tokio::select! {
            answer = exchange => answer,
            never = drive(connection) => match never {},
        }
    }

    /// Keeps from instant-acme what it doesn't expect: answers of proxies in between, and times that are out of range.
    fn judge(&self, mut answer: Response<Full<Bytes>>) -> Result<Response<Full<Bytes>>, AnyError> {
        let status = answer.status();
        let retry_after = retry_after(answer.headers());
        answer.headers_mut().remove(RETRY_AFTER);
        let seconds = retry_after.map(|time| HeaderValue::from(time.as_secs()));
        answer.headers_mut().extend(seconds.map(|seconds| (RETRY_AFTER, seconds)));
        if status.is_success() {
            return Ok(answer);
        }
        let mut noted = self.retry_after.lock();
        *noted = retry_after.max(*noted);
        let content_type = answer.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let is_problem = content_type.is_some_and(|value| value.starts_with(PROBLEM));
        if is_problem && status.as_u16() >= 400 { Ok(answer) } else { Err(BadAnswer::Status(status).into()) }
    }
}

/// Reads and writes until the connection has ended; what has come over it may still be read.
async fn drive(connection: impl Future<Output = hyper::Result<()>>) -> Infallible {
    drop(connection.await);
    pending().await
}

/// The host and the port of a URL. The authority's answers contain URLs, too.
fn place(uri: &Uri) -> Result<(String, u16), BadAnswer> {
    let is_https = uri.scheme_str() == Some("https");
    let host = uri.host().filter(|_| is_https).ok_or(BadAnswer::NotHttps)?;
    Ok((host.trim_matches(['[', ']']).to_owned(), uri.port_u16().unwrap_or(443)))
}

/// Makes an absolute URL one with a path alone and a Host header, as a server expects it.
fn relative(parts: &mut Parts) -> Result<(), AnyError> {
    let host = parts.uri.authority().map_or("", |authority| authority.as_str());
    parts.headers.insert(HOST, HeaderValue::from_str(host)?);
    parts.uri = parts.uri.path_and_query().map_or("/", |path| path.as_str()).parse()?;
    Ok(())
}

/// `Retry-After` in seconds or as a date (RFC 9110, section 10.2.3), within bounds.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let date = || httpdate::parse_http_date(text).ok()?.duration_since(SystemTime::now()).ok();
    let seconds = text.parse().ok().map(Duration::from_secs);
    seconds.or_else(date).map(|time| time.min(LONGEST_RETRY_AFTER))
}

impl fmt::Display for BadAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status(status) => write!(f, "the authority answers with {status}"),
            Self::NotHttps => f.write_str("the authority names a URL that isn't https"),
            Self::Slow => write!(f, "the authority takes longer than {} s to answer", TIMEOUT.as_secs()),
        }
    }
}

impl std::error::Error for BadAnswer {}

#[cfg(test)]
mod tests {
    use super::*;

    fn client() -> Client {
        Client::new(RootCertStore::empty()).unwrap()
    }

    fn answer(status: u16, headers: &[(&'static str, &str)]) -> Response<Full<Bytes>> {
        let mut answer = Response::builder().status(status);
        for (name, value) in headers {
            answer = answer.header(*name, *value);
        }
        answer.body(Full::default()).unwrap()
    }

    #[test]
    fn an_answer_that_is_not_acme_is_an_error_in_words() {
        let client = client();
        for status in [301, 404, 500, 503] {
            let error = client.0.judge(answer(status, &[("content-type", "text/html")])).unwrap_err();
            assert!(error.to_string().contains(&format!("answers with {status}")), "{error}");
        }
        assert!(client.0.judge(answer(400, &[("content-type", PROBLEM)])).is_ok());
        assert!(client.0.judge(answer(201, &[])).is_ok());
    }

    #[test]
    fn the_authority_can_ask_to_be_left_alone() {
        let client = client();
        for (text, seconds) in [("120", Some(120)), ("18446744073709551615", Some(604_800)), ("soon", None)] {
            let answer = answer(429, &[("content-type", PROBLEM), ("retry-after", text)]);
            let answer = client.0.judge(answer).unwrap();
            let header =
                answer.headers().get(RETRY_AFTER).map(|value| value.to_str().unwrap().parse().unwrap());
            assert_eq!((client.take_retry_after().map(|time| time.as_secs()), header), (seconds, seconds));
        }
        let past = "Sun, 06 Nov 1994 08:49:37 GMT";
        assert!(client.0.judge(answer(200, &[("retry-after", past)])).unwrap().headers().is_empty());
        assert_eq!(client.take_retry_after(), None);
    }

    #[test]
    fn a_url_names_a_host_and_a_port() {
        let place = |text: &str| place(&text.parse().unwrap()).ok();
        assert_eq!(place("https://ca.example/dir"), Some(("ca.example".to_owned(), 443)));
        assert_eq!(place("https://[::1]:14000/dir"), Some(("::1".to_owned(), 14_000)));
        assert_eq!(place("http://ca.example/dir"), None);
        assert_eq!(place("/dir"), None);
    }
}

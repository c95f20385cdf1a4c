//! Authorities that answer as a test says.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;

use rustls::crypto::ring::default_provider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::{Value, json as value};

use crate::pebble::Place;

/// An answer to a request.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Vec<u8>,
}

/// An https server on a port that the system chooses, for as long as the process lives.
pub(crate) struct Authority {
    pub(crate) port: u16,
}

pub(crate) fn json(status: u16, body: Value) -> Answer {
    let kind = if status < 400 { "application/json" } else { "application/problem+json" };
    Answer { status, headers: vec![("content-type", kind.to_owned())], body: body.to_string().into_bytes() }
}

pub(crate) fn text(status: u16, body: &str) -> Answer {
    Answer { status, headers: vec![("content-type", "text/html".to_owned())], body: body.as_bytes().to_vec() }
}

impl Authority {
    /// `answer` gets the authority's own URL, the path and the body.
    pub(crate) fn start(
        place: &Place,
        answer: impl Fn(&str, &str, &[u8]) -> Answer + Send + Sync + 'static,
    ) -> Self {
        let builder = ServerConfig::builder_with_provider(Arc::new(default_provider()));
        let builder = builder.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
        let chain = vec![CertificateDer::from_pem_slice(place.root.as_bytes()).unwrap()];
        let key = PrivateKeyDer::from_pem_slice(place.key.as_bytes()).unwrap();
        let config = Arc::new(builder.with_single_cert(chain, key).unwrap());
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let answer =
            Arc::new(move |path: &str, body: &[u8]| answer(&format!("https://127.0.0.1:{port}"), path, body));
        thread::spawn(move || {
            for socket in listener.incoming() {
                let (config, answer) = (Arc::clone(&config), Arc::clone(&answer));
                thread::spawn(move || serve(socket.unwrap(), config, &*answer));
            }
        });
        Self { port }
    }

    /// An authority that finds every name fine, and gives the certificates that `certificate` makes of a request for one.
    pub(crate) fn giving(
        place: &Place,
        certificate: impl Fn(&[u8]) -> String + Send + Sync + 'static,
    ) -> Self {
        let request = std::sync::Mutex::new(Vec::new());
        Self::start(place, move |own, path, body| {
            let order = |status: &str| {
                value!({"status": status, "authorizations": [], "finalize": format!("{own}/finalize"),
                    "certificate": format!("{own}/certificate")})
            };
            let mut answer = match path {
                "/nonce" => text(200, ""),
                "/account" => json(201, value!({"status": "valid"})),
                "/order" => json(201, order("ready")),
                "/orders/1" if request.lock().unwrap().is_empty() => json(200, order("ready")),
                "/orders/1" => json(200, order("valid")),
                "/finalize" => {
                    *request.lock().unwrap() = csr(body);
                    json(200, order("processing"))
                }
                "/certificate" => text(200, &certificate(&request.lock().unwrap())),
                _ => json(
                    200,
                    value!({"newNonce": format!("{own}/nonce"), "newAccount": format!("{own}/account"),
                    "newOrder": format!("{own}/order")}),
                ),
            };
            answer
                .headers
                .extend([("replay-nonce", "nonce".to_owned()), ("location", format!("{own}/orders/1"))]);
            answer
        })
    }
}

/// The request for a certificate in a message, whose signature nobody looks at.
fn csr(message: &[u8]) -> Vec<u8> {
    use base64::Engine;
    let decode =
        |value: &Value| base64::prelude::BASE64_URL_SAFE_NO_PAD.decode(value.as_str().unwrap()).unwrap();
    let message: Value = serde_json::from_slice(message).unwrap();
    let payload: Value = serde_json::from_slice(&decode(&message["payload"])).unwrap();
    decode(&payload["csr"])
}

/// One request; the client may have gone at any time.
fn serve(socket: TcpStream, config: Arc<ServerConfig>, answer: &dyn Fn(&str, &[u8]) -> Answer) {
    let stream = StreamOwned::new(ServerConnection::new(config).unwrap(), socket);
    let mut stream = BufReader::new(stream);
    let (mut head, mut length) = (Vec::new(), 0);
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).unwrap_or_default() == 0 {
            return;
        }
        if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        if line == "\r\n" {
            break;
        }
        head.push(line);
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).unwrap();
    let (method, path) = head[0].split_once(' ').unwrap();
    let Answer { status, headers, body } = answer(path.split(' ').next().unwrap(), &body);
    let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let head = format!(
        "HTTP/1.1 {status} Status\r\n{headers}content-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    let body = if method == "HEAD" { &[] } else { &*body };
    let stream = stream.get_mut();
    let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body));
    stream.conn.send_close_notify();
    let _ = stream.flush();
}

//! Debian's pebble, an authority for tests, on fixed ports in a network of the test's own.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use onlookers::config::Config;
use rcgen::{CertificateParams, KeyPair};
use tempfile::TempDir;

use crate::common::server::{TestServer, config};
use crate::secure::{get, wait_for};

/// The name that all orders are for.
pub(crate) const NAME: &str = "count.example";
/// Where the server under test listens.
pub(crate) const TLS: SocketAddr = local(443);
pub(crate) const HTTP: SocketAddr = local(80);

const PEBBLE: SocketAddr = local(14000);
const MANAGEMENT: SocketAddr = local(15000);
const DNS: SocketAddr = local(53);
/// Where pebble itself is reached by https.
const PEBBLE_NAME: &str = "127.0.0.1";

const fn local(port: u16) -> SocketAddr {
    SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), port)
}

/// A folder for everything, and a certificate by which an authority can be reached at 127.0.0.1.
pub(crate) struct Place {
    pub(crate) folder: TempDir,
    /// Of that certificate, in PEM.
    pub(crate) root: String,
    pub(crate) key: String,
}

/// How pebble is to behave.
pub(crate) struct Options {
    /// How many of a hundred good nonces are refused.
    pub(crate) refused_nonces: u8,
    /// The longest wait before it looks, in seconds.
    pub(crate) longest_wait: u8,
    /// How long its certificates are valid, in seconds.
    pub(crate) validity: u32,
    /// Where it looks for TLS.
    pub(crate) tls_port: u16,
}

/// Pebble, killed when dropped.
pub(crate) struct Pebble {
    child: Child,
}

impl Default for Options {
    fn default() -> Self {
        Self { refused_nonces: 5, longest_wait: 0, validity: 90 * 24 * 3600, tls_port: TLS.port() }
    }
}

impl Place {
    pub(crate) fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let certificate =
            CertificateParams::new([PEBBLE_NAME.to_owned()]).unwrap().self_signed(&key).unwrap();
        let place =
            Self { folder: tempfile::tempdir().unwrap(), root: certificate.pem(), key: key.serialize_pem() };
        fs::write(place.path("root.pem"), &place.root).unwrap();
        fs::write(place.path("key.pem"), &place.key).unwrap();
        place
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A server that orders from the authority at that port.
    pub(crate) fn server(&self, port: u16) -> TestServer {
        TestServer::with(self.config(&[format!("tls:{TLS}"), HTTP.to_string()], "acme", port, &[]))
    }

    /// The configuration of a server that listens there, has that folder, and orders from the authority at that port.
    pub(crate) fn config(&self, listen: &[String; 2], folder: &str, port: u16, more: &[&str]) -> Config {
        let [dir, ca] = [folder, "root.pem"].map(|name| self.path(name).display().to_string());
        let directory = format!("https://{PEBBLE_NAME}:{port}/dir");
        let args = [
            "--listen",
            &listen[0],
            "--listen",
            &listen[1],
            "--repaint",
            "1h",
            "--acme",
            NAME,
            "--acme-agree",
            "--acme-email",
            "admin@example.com",
            "--acme-dir",
            &dir,
            "--acme-ca",
            &ca,
            "--acme-directory",
            &directory,
        ];
        let mut config = config(&[&args, more].concat());
        config.acme.retry = std::time::Duration::from_millis(100);
        config
    }

    /// The file with the certificate from the authority at that port.
    pub(crate) fn certificate(&self, port: u16) -> PathBuf {
        self.path("acme").join(format!("127.0.0.1-{port}-dir")).join(format!("{NAME}.pem"))
    }
}

impl Pebble {
    pub(crate) const PORT: u16 = PEBBLE.port();

    /// Starts it, and waits until it answers.
    pub(crate) fn start(place: &Place, options: &Options) -> Self {
        let config = serde_json::json!({ "pebble": {
            "listenAddress": PEBBLE.to_string(),
            "managementListenAddress": MANAGEMENT.to_string(),
            "certificate": place.path("root.pem"),
            "privateKey": place.path("key.pem"),
            "httpPort": HTTP.port(),
            "tlsPort": options.tls_port,
            "certificateValidityPeriod": options.validity,
        }});
        fs::write(place.path("pebble.json"), config.to_string()).unwrap();
        let mut command = Command::new("pebble");
        command.arg("-config").arg(place.path("pebble.json")).args(["-dnsserver", &DNS.to_string()]);
        command
            .env("PEBBLE_WFE_NONCEREJECT", options.refused_nonces.to_string())
            .env("PEBBLE_AUTHZREUSE", "0");
        match options.longest_wait {
            0 => command.env("PEBBLE_VA_NOSLEEP", "1"),
            seconds => command.env("PEBBLE_VA_SLEEPTIME", seconds.to_string()),
        };
        let log = fs::File::create(place.path("pebble.log")).unwrap();
        let command = command.stdout(log.try_clone().unwrap()).stderr(log).stdin(Stdio::null());
        let child = command.spawn().expect("this test needs the program pebble (Debian and Ubuntu: pebble)");
        let this = Self { child };
        wait_for("pebble doesn't listen", 1, || std::net::TcpStream::connect(MANAGEMENT).ok());
        this
    }

    /// The root of its certificates, in PEM. It makes a new one at each start.
    pub(crate) fn root(&self, place: &Place) -> String {
        get(MANAGEMENT, PEBBLE_NAME, "/roots/0", &place.root)
    }
}

impl Drop for Pebble {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Pebble's directory, as JSON.
pub(crate) fn directory(place: &Place) -> serde_json::Value {
    serde_json::from_str(&get(PEBBLE, PEBBLE_NAME, "/dir", &place.root)).unwrap()
}

/// Answers every question of DNS, for as long as the process lives: each name has the address 127.0.0.1, and no other record.
pub(crate) fn answer_dns() {
    let socket = UdpSocket::bind(DNS).unwrap();
    std::thread::spawn(move || {
        let mut question = [0; 512];
        while let Ok((length, from)) = socket.recv_from(&mut question) {
            let _ = socket.send_to(&dns_answer(&question[..length]), from);
        }
    });
}

/// RFC 1035, section 4.
fn dns_answer(question: &[u8]) -> Vec<u8> {
    const HEAD: usize = 12;
    let name = question[HEAD..].iter().position(|byte| *byte == 0).unwrap();
    let end = HEAD + name + 1 + 4;
    let is_address = question[end - 4..end] == [0, 1, 0, 1];
    let mut answer = question[..end].to_vec();
    answer[2..HEAD].copy_from_slice(&[0x81, 0x80, 0, 1, 0, u8::from(is_address), 0, 0, 0, 0]);
    if is_address {
        answer.extend([0xc0, HEAD as u8, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4, 127, 0, 0, 1]);
    }
    answer
}

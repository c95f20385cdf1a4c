//! The files for proxies in `docs/proxies`, as they are, and the programs that run them.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use rustix::process::{Pid, Signal, kill_process};

use crate::common::server::TestServer;
use crate::link::{Door, Page, START};
use crate::network::{VISITORS, certificate};
use crate::nginx;

/// The file of a proxy, and how long it waits for a silent server.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    Nginx,
    Caddy,
    Haproxy,
    Apache,
    Varnish,
    Lighttpd,
}

/// A running proxy in front of port 9192, with a certificate of its own; killed when dropped.
pub(crate) struct Proxy {
    child: Child,
    kind: Kind,
    folder: tempfile::TempDir,
}

/// A server as the files expect it.
pub(crate) fn server(more: &[&str]) -> TestServer {
    let args = ["--allow", "example.com", "--name", "count.example", "--trust-proxy", "127.0.0.1/32"];
    TestServer::start(&[&args[..], &["--listen", "127.0.0.1:9192"], more].concat())
}

impl Kind {
    /// The file, word for word.
    pub(crate) fn file(self) -> &'static str {
        match self {
            Self::Nginx => include_str!("../../docs/proxies/nginx.conf"),
            Self::Caddy => include_str!("../../docs/proxies/Caddyfile"),
            Self::Haproxy => include_str!("../../docs/proxies/haproxy.cfg"),
            Self::Apache => include_str!("../../docs/proxies/apache.conf"),
            Self::Varnish => include_str!("../../docs/proxies/varnish.vcl"),
            Self::Lighttpd => include_str!("../../docs/proxies/lighttpd.conf"),
        }
    }

    /// Where it listens: for `http:`, then for `https:`.
    pub(crate) fn doors(self) -> [Door; 2] {
        [Door::Plain(80), if self == Self::Varnish { Door::AfterTls(8443) } else { Door::Tls(443) }]
    }

    /// The file with the time for which it lets a server be silent lowered to 6 s. Caddy has no such time of its own, and
    /// Varnish has it on the command line.
    fn impatient(self) -> String {
        let changes: &[(&str, &str)] = match self {
            Self::Nginx => &[("proxy_read_timeout 1h", "proxy_read_timeout 6s")],
            Self::Caddy => &[(":9192", ":9192 {\ntransport http {\nread_timeout 6s\n}\n}")],
            Self::Haproxy => &[
                ("timeout client 1m", "timeout client 6s"),
                ("timeout server 1m", "timeout server 6s"),
                ("timeout tunnel 1h", "timeout tunnel 6s"),
            ],
            Self::Apache => &[("ProxyPreserveHost On", "ProxyPreserveHost On\nProxyTimeout 6\nTimeout 6")],
            Self::Varnish => &[],
            Self::Lighttpd => &[("\"port\" => 9192,", "\"port\" => 9192, \"read-timeout\" => 6,")],
        };
        changes.iter().fold(self.file().to_owned(), |file, (from, to)| {
            assert!(file.contains(from), "{from}");
            file.replace(from, to)
        })
    }

    /// The file with HTTP/2 to the server.
    fn over_http2(self) -> String {
        let (from, to) = match self {
            Self::Caddy => ("reverse_proxy 127.0.0.1:9192", "reverse_proxy h2c://127.0.0.1:9192"),
            Self::Haproxy => ("127.0.0.1:9192", "127.0.0.1:9192 proto h2\n    http-reuse always"),
            _ => panic!("{self:?} speaks HTTP/1.1 to servers"),
        };
        self.file().replacen(from, to, 1)
    }

    /// Runs it with its files in that folder.
    fn command(self, folder: &Path, file: &str, more: &[&str]) -> Command {
        let path = folder.display();
        let write = |name: &str, text: &str| {
            std::fs::write(folder.join(name), text).unwrap();
            format!("{path}/{name}")
        };
        // What the packages of Debian configure besides, as far as it is needed.
        let (program, args) = match self {
            Self::Nginx => return nginx::command(folder, file),
            Self::Caddy => {
                // It makes the certificate itself, instead of asking an authority for one.
                let global = "{\nadmin off\nlocal_certs\nskip_install_trust\n}\n";
                let config = write("Caddyfile", &format!("{global}{file}"));
                ("caddy", format!("run --adapter caddyfile --config {config}"))
            }
            Self::Haproxy => ("/usr/sbin/haproxy", format!("-db -f {}", write("haproxy.cfg", file))),
            Self::Apache => {
                let site = write("site.conf", file);
                let config = write("apache.conf", &format!("{}Include {site}\n", apache(folder)));
                ("/usr/sbin/apache2", format!("-X -f {config}"))
            }
            Self::Varnish => {
                let listen = "-a :80 -a 127.0.0.1:8443,PROXY -s malloc,16m";
                let file = write("default.vcl", file);
                ("/usr/sbin/varnishd", format!("-F -j none -n {path}/varnish {listen} -f {file}"))
            }
            Self::Lighttpd => {
                let main = format!("server.document-root = \"{path}\"\nserver.port = 80\n");
                ("/usr/sbin/lighttpd", format!("-D -f {}", write("lighttpd.conf", &(main + file))))
            }
        };
        let mut command = Command::new(program);
        command.args(args.split(' ')).args(more).env("HOME", folder).env("XDG_DATA_HOME", folder);
        command
    }
}

impl Proxy {
    /// With the file as it is. The server has to run.
    pub(crate) fn start(kind: Kind) -> Self {
        Self::with(kind, kind.file(), &[])
    }

    /// Speaking HTTP/2 to the server.
    pub(crate) fn over_http2(kind: Kind) -> Self {
        Self::with(kind, &kind.over_http2(), &[])
    }

    /// With its timeout lowered to 6 s.
    pub(crate) fn impatient(kind: Kind) -> Self {
        let more: &[&str] = if kind == Kind::Varnish { &["-p", "pipe_timeout=6"] } else { &[] };
        Self::with(kind, &kind.impatient(), more)
    }

    /// The certificate by which it is to be trusted.
    pub(crate) fn trusted_certificate(&self) -> PathBuf {
        let file = match self.kind {
            Kind::Caddy => "caddy/pki/authorities/local/root.crt",
            _ => "fullchain.pem",
        };
        self.folder.path().join(file)
    }

    /// With another file in place of the one that users copy.
    pub(crate) fn with(kind: Kind, file: &str, more: &[&str]) -> Self {
        let folder = certificate();
        let file = file.replace("/etc/ssl/count.example", &folder.path().display().to_string());
        let mut command = kind.command(folder.path(), &file, more);
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn();
        let child =
            child.unwrap_or_else(|error| panic!("{kind:?} has to be installed for this test: {error}"));
        let proxy = Self { child, kind, folder };
        kind.doors().into_iter().for_each(wait_until_open);
        proxy
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        // The manager of Varnish ends its child only if it may; all others are one process.
        let signal = if self.kind == Kind::Varnish { Signal::TERM } else { Signal::KILL };
        let _ = kill_process(Pid::from_child(&self.child), signal);
        let _ = self.child.wait();
    }
}

/// Waits until the proxy passes a request on.
fn wait_until_open(door: Door) {
    let begun = Instant::now();
    loop {
        let mut page =
            Page::with(VISITORS[0], door, "/robots.txt", "Host: count.example\r\nConnection: close");
        page.wait_until_end();
        if page.text().starts_with("HTTP/1.1 200 ") {
            return;
        }
        assert!(begun.elapsed() < START, "no answer by {door:?}: {}", page.text());
    }
}

/// The main file of Apache.
fn apache(folder: &Path) -> String {
    let path = folder.display();
    let modules =
        "mpm_event authz_core headers macro proxy proxy_http proxy_wstunnel rewrite socache_shmcb ssl";
    let modules: String = modules
        .split(' ')
        .map(|name| format!("LoadModule {name}_module /usr/lib/apache2/modules/mod_{name}.so\n"))
        .collect();
    format!(
        "{modules}ServerRoot {path}\nPidFile {path}/pid\nErrorLog {path}/log\nMutex sem\nServerName localhost\n\
         Listen 80\nListen 443\nUser nobody\nGroup nogroup\n"
    )
}

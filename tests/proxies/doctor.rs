//! `onlookers doctor` through real proxies: nothing is wrong with the files that users copy, and it names what is wrong with others.

use crate::common::program::onlookers;
use crate::common::server::TestServer;
use crate::files::{Kind, Proxy, server};
use crate::link::Door;
use crate::network::{VISITORS, in_network_of_its_own};

/// A server that sends a frame for each change and no other.
const QUIET: [&str; 2] = ["--repaint", "1h"];

for_each_proxy!(the_doctor_finds_nothing_wrong);

/// A test in a network of its own.
macro_rules! in_network {
    ($(fn $name:ident() $body:block)*) => {
        $(
            #[test]
            fn $name() {
                let test = concat!(module_path!(), "::", stringify!($name)).split_once("::").unwrap().1;
                in_network_of_its_own(test, || $body);
            }
        )*
    };
}

mod pages;

/// What the doctor says, and its exit code.
#[derive(Debug)]
struct Visit {
    said: String,
    code: Option<i32>,
}

impl Visit {
    fn to(url: &str, more: &[&str]) -> Self {
        let connect = VISITORS[0].to_string();
        let output = onlookers().args(["doctor", url, "--connect", &connect]).args(more).output().unwrap();
        let said =
            String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        println!("{url}:\n{said}");
        Self { said, code: output.status.code() }
    }

    fn short(url: &str) -> Self {
        Self::to(url, &["--watch", "0s"])
    }

    /// Asserts that it found these faults, or texts that help.
    fn assert_finds(&self, wanted: &[&str]) {
        assert_eq!(self.code, Some(1), "{self:?}");
        for wanted in wanted {
            assert!(self.said.contains(wanted), "{wanted:?} is not in {}", self.said);
        }
    }

    /// How many faults it found.
    fn faults(&self) -> usize {
        self.said.lines().filter(|line| line.starts_with("fault")).count()
    }
}

/// A proxy with its file changed in these ways.
fn changed(kind: Kind, changes: &[(&str, &str)]) -> Proxy {
    let file = changes.iter().fold(kind.file().to_owned(), |file, (from, to)| {
        assert!(file.contains(from), "{from}");
        file.replace(from, to)
    });
    Proxy::with(kind, &file, &[])
}

/// nginx with more lines in its block.
fn nginx_with(lines: &str) -> Proxy {
    let before = "proxy_http_version 1.1;";
    changed(Kind::Nginx, &[(before, &format!("{before} {lines}"))])
}

fn the_doctor_finds_nothing_wrong(kind: Kind) {
    let _server = server(&[]);
    let proxy = Proxy::start(kind);
    let visits = match kind.doors()[1] {
        Door::Tls(_) => {
            let ca = proxy.trusted_certificate();
            let ca = ca.to_str().unwrap();
            vec![
                Visit::short("http://count.example/"),
                Visit::to("https://count.example/online.png", &["--ca", ca]),
                Visit::to("https://count.example/", &["--ca", ca, "--site", "example.com", "--watch", "0s"]),
            ]
        }
        _ => vec![Visit::to("http://count.example/", &[])],
    };
    for visit in visits {
        assert_eq!(visit.code, Some(0), "{visit:?}");
        assert!(visit.said.contains("the server sees you as 203.0.113.1\n"), "{visit:?}");
        assert_eq!(visit.said.matches(" is live: a change took ").count(), 3, "{visit:?}");
        assert!(visit.said.contains("a reader who has gone is uncounted after "), "{visit:?}");
    }
}

in_network! {
    fn nginx_that_buffers_is_found() {
        let _server = server(&QUIET);
        let _proxy = nginx_with("proxy_buffering on; proxy_ignore_headers X-Accel-Buffering;");
        let visit = Visit::short("http://count.example/");
        visit.assert_finds(&["held back", "in nginx: proxy_buffering off;"]);
        assert!(!visit.said.contains("cut after"), "{visit:?}");
    }

    fn nginx_that_cuts_silent_streams_is_found() {
        let _server = server(&QUIET);
        let _proxy = changed(Kind::Nginx, &[("proxy_read_timeout 1h", "proxy_read_timeout 2s")]);
        let visit = Visit::to("http://count.example/", &["--watch", "8s"]);
        visit.assert_finds(&[
            "the picture was cut after 2.",
            "when nothing had come for ",
            // These show that the picture is gone, and are silent from then on.
            "the stream of events was cut after ",
            "the WebSocket was cut after ",
            "in nginx: proxy_read_timeout 1h;",
        ]);
        assert_eq!(visit.faults(), 3, "{visit:?}");
    }

    fn nginx_without_host_and_scheme_is_found() {
        let _server = server(&[]);
        let changes = [
            ("proxy_set_header Host $http_host;", ""),
            ("proxy_set_header X-Forwarded-Proto $scheme;", ""),
        ];
        let proxy = changed(Kind::Nginx, &changes);
        let ca = proxy.trusted_certificate();
        let ca = ca.to_str().unwrap();
        let visit = Visit::to("https://count.example/", &["--ca", ca, "--watch", "0s", "--site", "example.com"]);
        visit.assert_finds(&[
            "the server gets the Host \"127.0.0.1:9192\" instead of count.example",
            "in nginx: proxy_set_header Host $http_host;",
            "the server takes the scheme for http, and it is https",
            "in nginx: proxy_set_header X-Forwarded-Proto $scheme;",
        ]);
        Visit::short("http://count.example/").assert_finds(&["instead of count.example"]);
    }

    fn an_address_of_ones_own_choice_is_found() {
        let _server = server(&[]);
        let line = "proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;";
        let _proxy = changed(Kind::Nginx, &[(line, "")]);
        Visit::short("http://count.example/").assert_finds(&[
            "the server doesn't learn the visitor's address",
            "visitors can choose their address",
            "in nginx: proxy_set_header X-Forwarded-For",
        ]);
    }

    fn haproxy_that_says_nothing_is_found() {
        let _server = server(&[]);
        let _proxy = changed(Kind::Haproxy, &[("option forwardfor", "")]);
        let visit = Visit::to("http://count.example/", &["--watch", "0s", "--proxy", "haproxy"]);
        visit.assert_finds(&["visitors can choose their address", "in HAProxy: option forwardfor"]);
    }

    fn a_proxy_that_isnt_trusted_is_found() {
        let _server = TestServer::start(&["--listen", "127.0.0.1:9192"]);
        let _proxy = Proxy::start(Kind::Nginx);
        let visit = Visit::short("http://count.example/");
        visit.assert_finds(&["the server doesn't trust the proxy", "start the server with --trust-proxy"]);
        assert_eq!(visit.faults(), 1, "{visit:?}");
    }

    fn nginx_that_compresses_is_found() {
        let _server = server(&[]);
        let _proxy = nginx_with("gzip on; gzip_types *; gzip_proxied any; gzip_min_length 0;");
        let visit = Visit::short("http://count.example/");
        visit.assert_finds(&[
            "the picture is compressed (gzip)",
            "the stream of events is compressed (gzip)",
            "in nginx: gzip off;",
            "the picture is live",
        ]);
    }

    fn nginx_without_upgrade_is_found() {
        let _server = server(&[]);
        let changes = [
            ("proxy_set_header Upgrade $http_upgrade;", ""),
            ("proxy_set_header Connection $http_connection;", ""),
        ];
        let _proxy = changed(Kind::Nginx, &changes);
        let visit = Visit::short("http://count.example/");
        visit.assert_finds(&["the WebSocket can't be opened", "proxy_set_header Upgrade $http_upgrade;"]);
        assert_eq!(visit.faults(), 1, "{visit:?}");
    }

    fn nginx_that_caches_is_found() {
        let _server = server(&[]);
        let folder = tempfile::tempdir().unwrap();
        let zone = format!("proxy_cache_path {} keys_zone=pages:1m;\nserver {{\n", folder.path().display());
        let lines = "proxy_http_version 1.1; proxy_cache pages; proxy_cache_valid any 1m; \
                     proxy_ignore_headers Cache-Control; proxy_set_header Upgrade \"\";";
        let _proxy = changed(Kind::Nginx, &[("server {\n", &zone), ("proxy_http_version 1.1;", lines)]);
        let visit = Visit::short("http://count.example/");
        visit.assert_finds(&["two pages were given the same address of a picture", "in nginx: proxy_cache off;"]);
    }

    fn nginx_that_hides_the_page_is_found() {
        let _server = server(&[]);
        let _proxy = nginx_with("proxy_set_header Referer \"\"; proxy_set_header Origin \"\";");
        let visit = Visit::to("http://count.example/", &["--watch", "0s", "--site", "example.com"]);
        visit.assert_finds(&["the server gets the Referer \"\" instead of \"https://example.com/\""]);
    }

    fn nginx_that_changes_headers_is_found() {
        let _server = server(&[]);
        let _proxy = nginx_with(
            "proxy_hide_header X-Content-Type-Options; add_header Cross-Origin-Resource-Policy same-origin;",
        );
        Visit::short("http://count.example/").assert_finds(&[
            "cross-origin-resource-policy: cross-origin, and there is \"cross-origin, same-origin\"",
            "the picture should come with x-content-type-options: nosniff, and it is missing",
            "in nginx: remove proxy_hide_header",
        ]);
    }

    fn varnish_that_caches_is_found() {
        let _server = server(&[]);
        let keep = "sub vcl_backend_response { if (beresp.status == 302) { set beresp.ttl = 1m; \
                    return (deliver); } }\nsub vcl_pipe {";
        let _proxy = changed(Kind::Varnish, &[("return (pipe);", "return (hash);"), ("sub vcl_pipe {", keep)]);
        Visit::short("http://count.example/").assert_finds(&[
            "came from a cache",
            "two pages were given the same address of a picture",
            "in Varnish: return (pipe);",
        ]);
    }

    fn varnish_by_pass_is_late() {
        let _server = server(&[]);
        let _proxy = changed(Kind::Varnish, &[("return (pipe);", "return (pass);")]);
        Visit::short("http://count.example/").assert_finds(&["held back", "in Varnish: return (pipe);"]);
    }

    fn haproxy_that_keeps_readers_is_found() {
        let _server = server(&QUIET);
        let _proxy = changed(Kind::Haproxy, &[("    option abortonclose\n", "")]);
        let visit = Visit::to("http://count.example/", &["--watch", "0s", "--proxy", "haproxy"]);
        visit.assert_finds(&["a reader who has gone stays counted for more than 12 s", "option abortonclose"]);
        assert_eq!(visit.faults(), 1, "{visit:?}");
    }

    fn caddy_that_keeps_readers_is_found() {
        let _server = server(&[]);
        let _proxy = changed(Kind::Caddy, &[("127.0.0.1:9192", "127.0.0.1:9192 {\nflush_interval -1\n}")]);
        let visit = Visit::short("http://count.example/");
        visit.assert_finds(&["a reader who has gone stays counted", "in Caddy: remove flush_interval -1"]);
    }

    fn lighttpd_that_waits_for_the_end_is_found() {
        let _server = server(&[]);
        let changes = [("server.stream-response-body = 2", ""), ("proxy.header = ( \"upgrade\" => \"enable\" )", "")];
        let _proxy = changed(Kind::Lighttpd, &changes);
        Visit::short("http://count.example/").assert_finds(&[
            "the picture: no number came within",
            "in lighttpd: server.stream-response-body = 2",
            "the WebSocket can't be opened",
        ]);
    }

    fn a_proxy_without_a_server_is_found() {
        let program = server(&[]);
        let proxy = Proxy::start(Kind::Nginx);
        drop(program);
        let visit = Visit::short("http://count.example/");
        visit.assert_finds(&["502", "the server may not run"]);
        drop(proxy);
    }
}

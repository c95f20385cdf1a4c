//! Where Redis is, and how to get in there.

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use redis::io::tcp::TcpSettings;
use redis::{Client, ConnectionAddr, ConnectionInfo, IntoConnectionInfo, ProtocolVersion, TlsCertificates};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;

use super::many;
use crate::nodes::store::StoreError;

/// The URL of one of these, shown without what lets one in:
///
/// - a server: `redis://[user][:password@]host[:port][/database]`, or `unix:///path[?db=1&user=name&pass=word]`, where
///   `redis+unix://` means the same;
/// - a cluster: `redis+cluster://[user][:password@]host[:port][,host[:port]…]`, of which some nodes are enough;
/// - what sentinels watch: `redis+sentinel://[user][:password@]host[:port][,…]/name[/database]`, with the hosts of the
///   sentinels, and after `?sentinel_username=…&sentinel_password=…` what lets one in there.
///
/// With `rediss` the connections are encrypted, those to sentinels, too; `valkey` and `valkeys` mean the same.
#[derive(Clone)]
pub struct RedisUrl {
    /// The server, nodes of the cluster, or the sentinels.
    pub(super) servers: Vec<ConnectionInfo>,
    pub(super) kind: Kind,
}

#[derive(Clone)]
pub(super) enum Kind {
    Server,
    Cluster,
    /// The name of what they watch, and how to get in there: the host isn't the one.
    Sentinel(String, Box<ConnectionInfo>),
}

/// Why text is no [`RedisUrl`], or not with that file, as a sentence that doesn't repeat it: it may have a password.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RedisUrlError(pub(super) String);

impl RedisUrl {
    /// The same, where servers have to have a certificate of one of the authorities in a PEM file, whatever the system trusts.
    ///
    /// # Errors
    /// The file can't be read, or has no certificates, or nothing is encrypted.
    pub(crate) fn trusting(mut self, file: &Path) -> Result<Self, RedisUrlError> {
        let error = |why: String| RedisUrlError(format!("{}: {why}", file.display()));
        let authorities = std::fs::read(file).map_err(|why| error(why.to_string()))?;
        let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&authorities).collect();
        if certificates.map_err(|why| error(why.to_string()))?.is_empty() {
            return Err(error("there is no certificate in it".to_owned()));
        }
        let master = match &mut self.kind {
            Kind::Sentinel(_, master) => Some(&mut **master),
            Kind::Server | Kind::Cluster => None,
        };
        for server in self.servers.iter_mut().chain(master) {
            if !matches!(server.addr(), ConnectionAddr::TcpTls { .. }) {
                return Err(error("only a rediss:// URL needs it: there is no TLS with this one".to_owned()));
            }
            let certificates = TlsCertificates { client_tls: None, root_cert: Some(authorities.clone()) };
            let client = Client::build_with_tls(server.clone(), certificates);
            let client = client.map_err(|why| error(words_before_dash(&why)))?;
            *server = client.get_connection_info().clone();
        }
        Ok(self)
    }

    /// How to get in at the servers, or at the master that sentinels watch.
    fn entrance(&self) -> &ConnectionInfo {
        match (&self.kind, &self.servers[..]) {
            (Kind::Sentinel(_, master), _) => master,
            (Kind::Server | Kind::Cluster, servers) => &servers[0],
        }
    }

    /// Another server, which is got in at in the same way.
    pub(super) fn at(&self, host: String, port: u16) -> ConnectionInfo {
        let address = match self.entrance().addr() {
            ConnectionAddr::TcpTls { insecure, tls_params, .. } => {
                ConnectionAddr::TcpTls { host, port, insecure: *insecure, tls_params: tls_params.clone() }
            }
            _ => ConnectionAddr::Tcp(host, port),
        };
        self.entrance().clone().set_addr(address)
    }

    /// An error, in Redis' own words where it is Redis', but never with the password: a server that doesn't know a
    /// command repeats its arguments.
    pub(super) fn error(&self, error: redis::RedisError) -> StoreError {
        let words = match error.clone().into_server_errors() {
            Some(errors) => errors.first().map(|(_, error)| words_of(error)),
            None => None,
        };
        let words = words.unwrap_or_else(|| error.to_string());
        let words = words.split(", with args beginning with").next().unwrap_or_default();
        StoreError(match self.entrance().redis_settings().password() {
            Some(password) if !password.is_empty() => words.replace(password, "***"),
            _ => words.to_owned(),
        })
    }
}

/// By RESP3, in which hints come along with the answers.
pub(super) fn prepared(server: ConnectionInfo) -> ConnectionInfo {
    let redis = server.redis_settings().clone();
    // Redis 7.0 doesn't know how to set a library's name. The connection's name says enough.
    let redis = redis.set_protocol(ProtocolVersion::RESP3).set_skip_set_lib_name();
    server.set_redis_settings(redis).set_tcp_settings(TcpSettings::default().set_nodelay(true))
}

/// The crate puts its kind of error after a dash, which helps nobody.
fn words_before_dash(error: &redis::RedisError) -> String {
    error.to_string().split(" - ").next().unwrap_or_default().to_owned()
}

/// `CODE and the rest`, as Redis sent it.
fn words_of(error: &redis::ServerError) -> String {
    format!("{} {}", error.code(), error.details().unwrap_or_default()).trim_end().to_owned()
}

impl FromStr for RedisUrl {
    type Err = RedisUrlError;

    fn from_str(text: &str) -> Result<Self, RedisUrlError> {
        many::parse(text).unwrap_or_else(|| Ok(Self { servers: vec![server(text)?], kind: Kind::Server }))
    }
}

/// The server at a URL.
pub(super) fn server(url: &str) -> Result<ConnectionInfo, RedisUrlError> {
    let Some(url) = redis::parse_redis_url(url) else {
        return Err(RedisUrlError("not a URL like redis://host:6379 or unix:///path".to_owned()));
    };
    let server = url.into_connection_info().map_err(|why| RedisUrlError(words_before_dash(&why)))?;
    match server.addr() {
        ConnectionAddr::TcpTls { insecure: true, .. } => Err(RedisUrlError(
            "a certificate that nobody checks protects nothing: leave #insecure out".to_owned(),
        )),
        _ => Ok(server),
    }
}

impl fmt::Display for RedisUrlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for RedisUrlError {}

/// The URL without users and passwords.
impl fmt::Display for RedisUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match (&self.kind, self.entrance().addr()) {
            (_, ConnectionAddr::Unix(path)) => return write!(f, "unix://{}", path.display()),
            (Kind::Server, _) => "",
            (Kind::Cluster, _) => "+cluster",
            (Kind::Sentinel(..), _) => "+sentinel",
        };
        let is_encrypted = matches!(self.entrance().addr(), ConnectionAddr::TcpTls { .. });
        let servers: Vec<_> = self.servers.iter().map(|server| host_and_port(server.addr())).collect();
        write!(f, "redis{}{kind}://{}", if is_encrypted { "s" } else { "" }, servers.join(","))?;
        if let Kind::Sentinel(name, _) = &self.kind {
            write!(f, "/{name}")?;
        }
        match self.entrance().redis_settings().db() {
            0 => Ok(()),
            database => write!(f, "/{database}"),
        }
    }
}

fn host_and_port(address: &ConnectionAddr) -> String {
    match address {
        ConnectionAddr::Tcp(host, port) | ConnectionAddr::TcpTls { host, port, .. } if host.contains(':') => {
            format!("[{host}]:{port}")
        }
        address => address.to_string(),
    }
}

impl fmt::Debug for RedisUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_shown_without_its_password() {
        let shown = |url: &str| {
            let url: RedisUrl = url.parse().unwrap();
            assert_eq!(format!("{url:?}"), url.to_string());
            url.to_string()
        };
        assert_eq!(shown("redis://cache.internal"), "redis://cache.internal:6379");
        assert_eq!(shown("redis://me:se%20cret@[::1]:7000/2"), "redis://[::1]:7000/2");
        assert_eq!(shown("valkey://:secret@cache"), "redis://cache:6379");
        assert_eq!(shown("rediss://:secret@cache"), "rediss://cache:6379");
        assert_eq!(shown("redis+cluster://me:secret@one,two:1"), "redis+cluster://one:6379,two:1");
        assert_eq!(
            shown("valkeys+sentinel://:secret@one,[::1]:7/main/2?sentinel_password=secret"),
            "rediss+sentinel://one:26379,[::1]:7/main/2"
        );
        assert_eq!(shown("unix:///run/redis.sock?pass=secret"), "unix:///run/redis.sock");
        assert_eq!(shown("redis+unix:///run/redis.sock"), "unix:///run/redis.sock");
    }

    #[test]
    fn what_is_no_url_is_refused_without_repeating_it() {
        let refused = |url: &str| url.parse::<RedisUrl>().unwrap_err().to_string();
        for url in ["", "cache:6379", "http://secret@cache", "redis://:secret@cache:x"] {
            assert_eq!(refused(url), "not a URL like redis://host:6379 or unix:///path", "{url}");
        }
        assert!(refused("rediss://:secret@cache/#insecure").starts_with("a certificate that nobody checks"));
        assert!(refused("redis+cluster://:secret@one,two/3").starts_with("a cluster has no databases"));
        assert!(refused("redis+sentinel://:secret@one,two").starts_with("the name"));
        for url in ["redis+cluster://", "redis+sentinel://:secret@one,,two/main", "http+cluster://one"] {
            assert!(refused(url).starts_with("not a URL like"), "{url}");
        }
        assert_eq!(refused("redis:"), "Missing hostname");
        assert_eq!(refused("redis://:secret@cache/secret"), "Invalid database number");
    }

    #[test]
    fn no_error_has_the_password() {
        let url: RedisUrl = "redis://:se%20cret@cache".parse().unwrap();
        let unknown = "unknown command 'HELLO', with args beginning with: '3' 'AUTH' 'default' 'se";
        let error = |detail: &str| {
            url.error(redis::make_extension_error("ERR".to_owned(), Some(detail.to_owned()))).to_string()
        };
        assert_eq!(error(unknown), "ERR unknown command 'HELLO'");
        assert_eq!(error("no se cret"), "ERR no ***");
    }
}

//! URLs with several hosts: nodes of a cluster, or sentinels.

use redis::ConnectionInfo;

use super::url::{Kind, RedisUrl, RedisUrlError, server};

/// The port of a sentinel.
const SENTINEL: u16 = 26_379;

/// The parts of `scheme+kind://user@hosts/path?query`.
struct Parts<'a> {
    scheme: &'a str,
    /// With its `@`, or empty.
    user: &'a str,
    hosts: &'a str,
    path: &'a str,
    query: &'a str,
}

/// None for text that begins like none of these URLs.
pub(super) fn parse(text: &str) -> Option<Result<RedisUrl, RedisUrlError>> {
    let (scheme, rest) = text.split_once("://")?;
    let (scheme, kind) = scheme.split_once('+')?;
    let parse = match (scheme, kind) {
        ("redis" | "rediss" | "valkey" | "valkeys", "cluster") => cluster,
        ("redis" | "rediss" | "valkey" | "valkeys", "sentinel") => sentinels,
        _ => return None,
    };
    let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (rest, path) = rest.split_once('/').unwrap_or((rest, ""));
    let (user, hosts) = rest.split_at(rest.rfind('@').map_or(0, |at| at + 1));
    Some(parse(&Parts { scheme, user, hosts, path, query }))
}

fn cluster(parts: &Parts) -> Result<RedisUrl, RedisUrlError> {
    if !parts.path.is_empty() {
        return Err(RedisUrlError("a cluster has no databases: leave the path out".to_owned()));
    }
    Ok(RedisUrl { servers: parts.servers(parts.user, 6379)?, kind: Kind::Cluster })
}

fn sentinels(parts: &Parts) -> Result<RedisUrl, RedisUrlError> {
    let (name, database) = parts.path.split_once('/').unwrap_or((parts.path, ""));
    if name.is_empty() {
        return Err(RedisUrlError(
            "the name of what the sentinels watch is missing: …host:26379/name".to_owned(),
        ));
    }
    let master = server(&format!("{}://{}master/{database}", parts.scheme, parts.user))?;
    let servers =
        parts.servers("", SENTINEL)?.into_iter().map(|sentinel| parts.with_sentinels_user(sentinel));
    let name = percent_encoding::percent_decode_str(name).decode_utf8_lossy().into_owned();
    Ok(RedisUrl { servers: servers.collect(), kind: Kind::Sentinel(name, Box::new(master)) })
}

impl Parts<'_> {
    fn servers(&self, user: &str, port: u16) -> Result<Vec<ConnectionInfo>, RedisUrlError> {
        let url = |host: &str| match host.rsplit_once(':') {
            Some((_, after)) if !after.contains(']') => format!("{}://{user}{host}", self.scheme),
            _ => format!("{}://{user}{host}:{port}", self.scheme),
        };
        let error = "not a URL like redis+cluster://host:6379,host:6379 or redis+sentinel://host:26379/name";
        let servers: Vec<_> = self.hosts.split(',').map(|host| server(&url(host))).collect();
        servers.into_iter().collect::<Result<_, _>>().map_err(|_| RedisUrlError(error.to_owned()))
    }

    fn with_sentinels_user(&self, sentinel: ConnectionInfo) -> ConnectionInfo {
        let mut redis = sentinel.redis_settings().clone();
        for (name, value) in form_urlencoded::parse(self.query.as_bytes()) {
            match &*name {
                "sentinel_username" => redis = redis.set_username(value),
                "sentinel_password" => redis = redis.set_password(value),
                _ => {}
            }
        }
        sentinel.set_redis_settings(redis)
    }
}

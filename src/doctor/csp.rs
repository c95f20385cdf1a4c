//! Content security policies (CSP Level 3), as far as they decide what a page may load.

use super::url::Url;

/// The most policies of a page that are read, and the longest one in bytes.
const MAX_POLICIES: usize = 20;
const MAX_LENGTH: usize = 16 * 1024;

/// What a page loads.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Use {
    Picture,
    Frame,
    /// Events and WebSockets.
    Connection,
    Script,
}

impl Use {
    /// The directives that decide, the first one that is there.
    fn directives(self) -> &'static [&'static str] {
        match self {
            Self::Picture => &["img-src", "default-src"],
            Self::Frame => &["frame-src", "child-src", "default-src"],
            Self::Connection => &["connect-src", "default-src"],
            Self::Script => &["script-src-elem", "script-src", "default-src"],
        }
    }

    pub(super) fn directive(self) -> &'static str {
        self.directives()[if self == Self::Script { 1 } else { 0 }]
    }
}

/// All policies of a page: each of them must allow what is loaded.
#[derive(Default)]
pub(super) struct Policies {
    policies: Vec<Policy>,
}

/// The directives of one policy.
struct Policy(Vec<(String, Vec<String>)>);

impl Policies {
    /// Adds the policies of a header or a `meta`, separated by commas.
    pub(super) fn add(&mut self, text: &str) {
        let text = &text[..text.floor_char_boundary(MAX_LENGTH)];
        for policy in text.split(',').filter(|policy| !policy.trim().is_empty()) {
            if self.policies.len() < MAX_POLICIES {
                self.policies.push(Policy::parse(policy));
            }
        }
    }

    /// The address that a browser asks in place of `url`: by https, if a policy says so.
    pub(super) fn upgrade(&self, url: &Url) -> Url {
        let upgrades = |policy: &Policy| policy.0.iter().any(|(name, _)| name == "upgrade-insecure-requests");
        if self.policies.iter().any(upgrades) { url.with_https() } else { url.clone() }
    }

    /// The directive that forbids it, as it stands in the policy.
    pub(super) fn forbidding(&self, page: &Url, url: &Url, how: Use, nonce: Option<&str>) -> Option<String> {
        self.policies.iter().find_map(|policy| policy.forbidding(page, url, how, nonce))
    }
}

impl Policy {
    fn parse(text: &str) -> Self {
        let mut directives: Vec<(String, Vec<String>)> = Vec::new();
        for directive in text.split(';') {
            let mut words = directive.split_ascii_whitespace();
            let Some(name) = words.next().map(str::to_ascii_lowercase) else { continue };
            // Of two, the first one counts.
            if directives.iter().all(|(known, _)| *known != name) {
                directives.push((name, words.map(str::to_owned).collect()));
            }
        }
        Self(directives)
    }

    fn forbidding(&self, page: &Url, url: &Url, how: Use, nonce: Option<&str>) -> Option<String> {
        let of_name = |name: &&str| self.0.iter().find(|(known, _)| known == name);
        let (name, sources) = how.directives().iter().find_map(of_name)?;
        let by_nonce = |source: &String| {
            let given = source.strip_prefix("'nonce-").and_then(|rest| rest.strip_suffix('\''));
            how == Use::Script && given.is_some() && given == nonce
        };
        // With this word, sources that name hosts have no effect on scripts.
        let is_strict =
            how == Use::Script && sources.iter().any(|it| it.eq_ignore_ascii_case("'strict-dynamic'"));
        let is_allowed =
            sources.iter().any(|source| by_nonce(source) || !is_strict && matches(source, page, url, how));
        (!is_allowed).then(|| format!("{name} {}", sources.join(" ")))
    }
}

/// Whether a source expression allows a URL.
fn matches(source: &str, page: &Url, url: &Url, how: Use) -> bool {
    let source = source.to_ascii_lowercase();
    if source == "'self'" {
        return same_host_at_least_as_safe(page, url);
    }
    if source.starts_with('\'') {
        return false;
    }
    if source == "*" {
        return true;
    }
    if let Some(scheme) = source.strip_suffix(':') {
        return scheme_matches(scheme, url, how);
    }
    let (scheme, rest) = match source.split_once("://") {
        Some((scheme, rest)) => (Some(scheme), rest),
        None => (None, &source[..]),
    };
    let is_scheme = match scheme {
        Some(scheme) => scheme_matches(scheme, url, how),
        // The page's own scheme, or a safer one.
        None => url.is_https || !page.is_https,
    };
    let (authority, path) = match rest.find('/') {
        Some(at) => rest.split_at(at),
        None => (rest, ""),
    };
    is_scheme && host_matches(authority, scheme, url) && path_matches(path, url.path())
}

fn same_host_at_least_as_safe(page: &Url, url: &Url) -> bool {
    let is_upgrade = !page.is_https && url.is_https && page.port() == 80 && url.port() == 443;
    page.host() == url.host() && (is_upgrade || page.is_https == url.is_https && page.port() == url.port())
}

/// http allows https too, ws allows wss, http and https; for a WebSocket they stand for ws and wss.
fn scheme_matches(scheme: &str, url: &Url, how: Use) -> bool {
    match scheme {
        "http" => true,
        "https" => url.is_https,
        "ws" => how == Use::Connection,
        "wss" => how == Use::Connection && url.is_https,
        _ => false,
    }
}

fn host_matches(authority: &str, scheme: Option<&str>, url: &Url) -> bool {
    let is_ipv6 = authority.starts_with('[');
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !is_ipv6 || host.ends_with(']') => (host, Some(port)),
        _ => (authority, None),
    };
    let is_host = match host.strip_prefix("*.") {
        Some(rest) => url.host().strip_suffix(rest).is_some_and(|before| before.ends_with('.')),
        None => host == "*" || host.trim_matches(['[', ']']) == url.host(),
    };
    let is_upgrade = |port: &str| port == "80" && url.is_https && url.port() == 443;
    let is_port = match port {
        Some("*") => true,
        Some(port) => port.parse() == Ok(url.port()) || is_upgrade(port),
        None => {
            let default = if url.is_https { 443 } else { 80 };
            url.port() == default || scheme == Some("http") && url.port() == 443
        }
    };
    is_host && is_port
}

/// A path that ends with a slash allows all below it.
fn path_matches(wanted: &str, path: &str) -> bool {
    match wanted {
        "" | "/" => true,
        folder if folder.ends_with('/') => path.to_ascii_lowercase().starts_with(folder),
        file => path.eq_ignore_ascii_case(file),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allows(policy: &str, how: Use) -> bool {
        allows_from("https://example.com/posts/1", policy, "https://count.example/online.png", how)
    }

    fn allows_from(page: &str, policy: &str, url: &str, how: Use) -> bool {
        let mut policies = Policies::default();
        policies.add(policy);
        policies.forbidding(&Url::parse(page).unwrap(), &Url::parse(url).unwrap(), how, Some("abc")).is_none()
    }

    #[test]
    fn a_picture_needs_its_host_in_each_policy() {
        for allowing in [
            "",
            "script-src 'none'",
            "img-src *",
            "img-src https:",
            "img-src 'self' count.example",
            "IMG-SRC https://COUNT.example",
            "img-src *.example",
            "img-src count.example:443/online.png",
            "img-src count.example:*",
            "default-src 'none'; img-src http://count.example/",
            "img-src count.example; img-src 'none'",
        ] {
            assert!(allows(allowing, Use::Picture), "{allowing}");
        }
        for forbidding in [
            "img-src 'self'",
            "img-src 'none'",
            "img-src",
            "default-src 'self'",
            "img-src data:",
            "img-src *.count.example",
            "img-src count.example:8080",
            "img-src count.example/other/",
            "img-src *, img-src 'self'",
        ] {
            assert!(!allows(forbidding, Use::Picture), "{forbidding}");
        }
    }

    #[test]
    fn each_use_has_directives_of_its_own() {
        let policy = "default-src 'none'; connect-src wss://count.example; frame-src count.example; script-src 'nonce-abc'";
        for how in [Use::Connection, Use::Frame, Use::Script] {
            assert!(allows(policy, how), "{how:?}");
        }
        assert!(!allows(policy, Use::Picture));
        assert!(!allows("script-src 'nonce-other' count.example 'strict-dynamic'", Use::Script));
        assert!(allows("child-src count.example; default-src 'none'", Use::Frame));
    }

    #[test]
    fn self_is_the_pages_own_origin() {
        let own = |page: &str, url: &str| allows_from(page, "img-src 'self'", url, Use::Picture);
        assert!(own("https://example.com/", "https://example.com/online.png"));
        assert!(own("http://example.com/", "https://example.com/online.png"));
        assert!(!own("https://example.com/", "http://example.com/online.png"));
        assert!(!own("https://example.com/", "https://example.com:8443/online.png"));
        assert!(!allows_from("https://a.example/", "img-src b.example", "http://b.example/x", Use::Picture));
    }
}

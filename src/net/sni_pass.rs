//! Which connections of `tls:` listeners go to another server: `other.example=127.0.0.1:8443`.

use std::collections::HashMap;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use onlookers_rooms::canonical_host;

/// Connections for a name go to a place, as they are.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SniPass {
    /// A host name, in lower case.
    name: String,
    /// Whether it stands for all names below it, and not for itself.
    below: bool,
    to: Target,
}

/// Another server.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Target {
    /// Whether it is told the client's address, by a header of the PROXY protocol (version 2).
    pub(crate) proxy: bool,
    pub(crate) place: TargetPlace,
}

/// Where another server listens.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum TargetPlace {
    /// `host:port`; a name is looked up for each connection.
    Tcp(String),
    Unix(PathBuf),
}

/// Text that names no place for a name, or a name twice.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SniPassError(String);

/// Where connections go by the name that they are for.
#[derive(Debug)]
pub(crate) struct Passes {
    by_name: HashMap<String, Target>,
    /// The longest names first.
    below: Vec<(String, Target)>,
}

impl Passes {
    /// # Errors
    /// If a name has two places.
    pub(crate) fn new(passes: &[SniPass]) -> Result<Self, SniPassError> {
        let (mut by_name, mut below) = (HashMap::new(), Vec::new());
        for SniPass { name, below: is_below, to } in passes {
            let is_twice = match is_below {
                false => by_name.insert(name.clone(), to.clone()).is_some(),
                true => {
                    let is_known = below.iter().any(|(known, _)| known == name);
                    below.push((name.clone(), to.clone()));
                    is_known
                }
            };
            if is_twice {
                return Err(SniPassError(format!("there are two places for {name}")));
            }
        }
        below.sort_by_key(|(name, _)| std::cmp::Reverse(name.len()));
        Ok(Self { by_name, below })
    }

    /// Where connections for `name`, in lower case, go; none if it stays here. A name that is the server's own, unless it is
    /// written out, isn't among those below another.
    pub(crate) fn find(&self, name: &str, is_own: impl FnOnce() -> bool) -> Option<&Target> {
        let below = || {
            let is_below = |(parent, _): &&(String, Target)| {
                name.strip_suffix(parent.as_str()).is_some_and(|labels| labels.ends_with('.'))
            };
            self.below.iter().find(is_below).filter(|_| !is_own()).map(|(_, target)| target)
        };
        self.by_name.get(name).or_else(below)
    }
}

impl FromStr for SniPass {
    type Err = SniPassError;

    fn from_str(text: &str) -> Result<Self, SniPassError> {
        let refuse = || {
            SniPassError(format!(
                "{text:?} isn't a name and the place of its server; write other.example=127.0.0.1:8443, \
                 *.other.example=unix:/PATH, or other.example=proxy+127.0.0.1:8443 for the PROXY protocol"
            ))
        };
        let (name, to) = text.split_once('=').ok_or_else(refuse)?;
        let (below, name) = name.strip_prefix("*.").map_or((false, name), |name| (true, name));
        let name = canonical_host(name).ok().filter(|name| is_name(name)).ok_or_else(refuse)?;
        Ok(Self { name, below, to: to.parse().map_err(|()| refuse())? })
    }
}

/// Whether clients may ask for it: they ask for no address.
fn is_name(host: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    let last = host.rsplit('.').next().unwrap_or_default();
    host.bytes().all(is_part) && !last.bytes().all(|byte| byte.is_ascii_digit())
}

impl FromStr for Target {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (proxy, place) = text.strip_prefix("proxy+").map_or((false, text), |place| (true, place));
        if let Some(path) = place.strip_prefix("unix:") {
            let place = TargetPlace::Unix(path.into());
            return if path.starts_with('/') { Ok(Self { proxy, place }) } else { Err(()) };
        }
        let (host, port) = place.rsplit_once(':').ok_or(())?;
        let is_host = canonical_host(host).is_ok_and(|host| !host.contains(':') || host.starts_with('['));
        let is_port = port.parse::<u16>().is_ok_and(|port| port != 0);
        if is_host && is_port {
            Ok(Self { proxy, place: TargetPlace::Tcp(place.to_owned()) })
        } else {
            Err(())
        }
    }
}

impl fmt::Display for TargetPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => f.write_str(address),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

impl fmt::Display for SniPassError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for SniPassError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn passes(texts: &[&str]) -> Result<Passes, SniPassError> {
        Passes::new(&texts.iter().map(|text| text.parse().unwrap()).collect::<Vec<_>>())
    }

    #[test]
    fn a_name_goes_to_the_place_that_names_it_best() {
        let passes = passes(&[
            "*.example.com=127.0.0.1:1",
            "*.deep.example.com=127.0.0.1:2",
            "One.Example.com=proxy+unix:/run/other",
            "b\u{fc}cher.example=[::1]:3",
            "lb.example=other-server:4",
        ])
        .unwrap();
        let find = |name: &str| {
            let found = passes.find(name, || name.starts_with("own"));
            found.map(|target| format!("{}{}", if target.proxy { "proxy+" } else { "" }, target.place))
        };
        for (name, place) in [
            ("two.example.com", Some("127.0.0.1:1")),
            ("a.b.example.com", Some("127.0.0.1:1")),
            ("a.deep.example.com", Some("127.0.0.1:2")),
            ("deep.example.com", Some("127.0.0.1:1")),
            ("one.example.com", Some("proxy+unix:/run/other")),
            ("xn--bcher-kva.example", Some("[::1]:3")),
            ("lb.example", Some("other-server:4")),
            ("own.example.com", None),
            ("example.com", None),
            ("notexample.com", None),
            (".example.com", Some("127.0.0.1:1")),
        ] {
            assert_eq!(find(name).as_deref(), place, "{name}");
        }
    }

    #[test]
    fn a_text_that_names_no_place_is_refused() {
        for text in [
            "",
            "=",
            "a.example",
            "a.example=",
            "a.example=127.0.0.1",
            "a.example=:443",
            "=127.0.0.1:443",
            "a.example=127.0.0.1:0",
            "a.example=127.0.0.1:x",
            "a.example=unix:run",
            "*=127.0.0.1:1",
            "*.*.example=127.0.0.1:1",
            "127.0.0.1=127.0.0.1:1",
            "[::1]=127.0.0.1:1",
            "a b=127.0.0.1:1",
            "a.example=::1:443",
            "a.example=tls:127.0.0.1:443",
        ] {
            let error = text.parse::<SniPass>().unwrap_err().to_string();
            assert!(error.contains("write other.example=127.0.0.1:8443"), "{text}: {error}");
        }
        let error = passes(&["a.example=b:1", "A.example=c:1"]).unwrap_err().to_string();
        assert!(error.contains("two places for a.example"), "{error}");
        assert!(passes(&["*.a.example=b:1", "*.a.example=c:1"]).is_err());
        assert!(passes(&["*.a.example=b:1", "a.example=c:1"]).is_ok());
    }
}

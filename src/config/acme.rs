//! The settings of automatic certificates.

use std::env;
use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::Args;
use hyper::Uri;
use onlookers_rooms::canonical_host;
use rustls::pki_types::DnsName;

use crate::settings::values;

/// The authority that is asked unless another is named.
const LETS_ENCRYPT: &str = "https://acme-v02.api.letsencrypt.org/directory";

/// The end of the names of its hosts, and where its terms are.
const LETS_ENCRYPT_TERMS: (&str, &str) = (".api.letsencrypt.org", "https://letsencrypt.org/repository/");

/// The longest address, in bytes (RFC 5321, section 4.5.3.1.3).
const LONGEST_EMAIL: usize = 254;

/// For which names certificates are ordered from a certificate authority, and how.
#[derive(Args, Clone, Debug)]
pub struct Acme {
    /// A name of this server, as count.example, for which a certificate is ordered from a certificate authority and renewed by
    /// itself; can be given several times. The name has to lead here: the authority looks at port 443 (a tls: listener), or 80
    /// (a plain one)
    #[arg(long = "acme", id = "acme", value_name = "NAME", env = "ONLOOKERS_ACME", value_delimiter = ',', value_parser = values::trimmed::<AcmeName>)]
    pub names: Vec<AcmeName>,
    /// You accept the terms of the certificate authority; --acme needs it
    #[arg(long = "acme-agree", id = "acme_agree", env = "ONLOOKERS_ACME_AGREE")]
    pub agree: bool,
    /// An address that the authority may write to
    #[arg(long = "acme-email", id = "acme_email", value_name = "ADDRESS", env = "ONLOOKERS_ACME_EMAIL", value_parser = values::trimmed::<Email>)]
    pub email: Option<Email>,
    /// A folder for the keys and certificates, which only this user may read; made if it is missing
    /// [default: acme in $STATE_DIRECTORY, else onlookers/acme in $XDG_DATA_HOME or ~/.local/share]
    #[arg(long = "acme-dir", id = "acme_dir", value_name = "DIR", env = "ONLOOKERS_ACME_DIR")]
    pub dir: Option<PathBuf>,
    /// The certificate authority
    #[arg(long = "acme-directory", id = "acme_directory", value_name = "URL", env = "ONLOOKERS_ACME_DIRECTORY", default_value = LETS_ENCRYPT, value_parser = values::trimmed::<DirectoryUrl>)]
    pub directory: DirectoryUrl,
    /// Root certificates, in PEM, to trust at that URL besides those of the system: for an authority of your own
    #[arg(long = "acme-ca", id = "acme_ca", value_name = "FILE", env = "ONLOOKERS_ACME_CA")]
    pub ca: Option<PathBuf>,
    /// A file with the key by which nodes share all that through --redis, encrypted: openssl rand -hex 32 makes one
    #[arg(long, value_name = "FILE", env = "ONLOOKERS_ACME_KEY_FILE")]
    pub acme_key_file: Option<PathBuf>,
    /// How long to wait after a first failure, and twice as long after each further one. It has no flag: tests shorten it.
    #[doc(hidden)]
    #[arg(skip = Duration::from_mins(1))]
    pub retry: Duration,
}

/// A host name, for which there can be a certificate.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AcmeName(String);

/// A text that can't be one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum AcmeNameError {
    /// It has an asterisk.
    Wildcard,
    /// It is an IP address.
    Address,
    /// It is no host name.
    NotAName(String),
}

/// An address for e-mail.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Email(String);

/// A text that is no address for e-mail.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct EmailError;

/// The https URL of a certificate authority's directory (RFC 8555, section 7.1.1).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DirectoryUrl(Uri);

/// A text that is no such URL.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DirectoryUrlError;

impl Acme {
    /// What is missing or wrong, as the key of a setting and a sentence.
    ///
    /// # Errors
    /// The first such setting.
    pub(crate) fn check(&self) -> Result<(), (&'static str, String)> {
        if self.names.is_empty() {
            return Ok(());
        }
        if cfg!(not(feature = "acme")) {
            let sentence = "this program was built without automatic certificates (the feature acme)";
            return Err(("acme", sentence.to_owned()));
        }
        if !self.agree {
            return Err(("acme", self.terms()));
        }
        Ok(())
    }

    fn terms(&self) -> String {
        let (hosts, terms) = LETS_ENCRYPT_TERMS;
        let place = match self.directory.host().ends_with(hosts) {
            true => terms.to_owned(),
            false => format!("{} (termsOfService)", self.directory),
        };
        format!("say with --acme-agree that you accept the terms of the certificate authority: {place}")
    }

    /// The folder for keys and certificates.
    ///
    /// # Errors
    /// A sentence, if it isn't given and there is no default.
    pub(crate) fn folder(&self) -> Result<PathBuf, &'static str> {
        let variable = |name| env::var_os(name).filter(|value| !value.is_empty());
        let state = || {
            let folders = variable("STATE_DIRECTORY")?;
            // systemd separates several by colons.
            env::split_paths(&folders).next().map(|folder| folder.join("acme"))
        };
        let data = || {
            let home = || variable("HOME").map(|home| PathBuf::from(home).join(".local/share"));
            let folder = variable("XDG_DATA_HOME").map(PathBuf::from).or_else(home)?;
            Some(folder.join("onlookers/acme"))
        };
        let folder = self.dir.clone().or_else(state).or_else(data);
        folder.ok_or("name a folder for keys and certificates; this user has no home")
    }
}

impl AcmeName {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for AcmeName {
    type Err = AcmeNameError;

    fn from_str(text: &str) -> Result<Self, AcmeNameError> {
        if text.contains('*') {
            return Err(AcmeNameError::Wildcard);
        }
        if text.trim_matches(['[', ']']).parse::<IpAddr>().is_ok() {
            return Err(AcmeNameError::Address);
        }
        let host = canonical_host(text).ok();
        let name = host.filter(|host| DnsName::try_from(host.as_str()).is_ok() && !host.contains('_'));
        name.map(Self).ok_or_else(|| AcmeNameError::NotAName(text.to_owned()))
    }
}

impl Email {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Email {
    type Err = EmailError;

    /// RFC 8555 allows one address without parameters (section 7.3).
    fn from_str(text: &str) -> Result<Self, EmailError> {
        let is_address = text.split_once('@').is_some_and(|(user, host)| {
            let is_plain = |c: char| c.is_ascii_graphic() && !",?%\"<>()[]:;\\&#".contains(c);
            !user.is_empty() && user.chars().all(is_plain) && host.parse::<AcmeName>().is_ok()
        });
        let is_short = text.len() <= LONGEST_EMAIL;
        if is_address && is_short { Ok(Self(text.to_owned())) } else { Err(EmailError) }
    }
}

impl DirectoryUrl {
    pub(crate) fn host(&self) -> &str {
        self.0.host().unwrap_or_default()
    }
}

impl FromStr for DirectoryUrl {
    type Err = DirectoryUrlError;

    fn from_str(text: &str) -> Result<Self, DirectoryUrlError> {
        let url: Uri = text.parse().map_err(|_| DirectoryUrlError)?;
        let has_user = url.authority().is_some_and(|authority| authority.as_str().contains('@'));
        let is_fine = url.scheme_str() == Some("https") && url.host().is_some() && !has_user;
        if is_fine { Ok(Self(url)) } else { Err(DirectoryUrlError) }
    }
}

impl fmt::Display for DirectoryUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for AcmeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for AcmeNameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Wildcard => f.write_str(
                "a certificate for *.example.com can't be ordered here, as that needs records in DNS; name each host",
            ),
            Self::Address => f.write_str("certificates are ordered for host names, not for IP addresses"),
            Self::NotAName(text) => {
                write!(f, "{text:?} is not a host name; write count.example, without scheme or port")
            }
        }
    }
}

impl fmt::Display for EmailError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("write one address, as admin@example.com")
    }
}

impl fmt::Display for DirectoryUrlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("write the https URL of the directory of a certificate authority")
    }
}

impl std::error::Error for AcmeNameError {}

impl std::error::Error for EmailError {}

impl std::error::Error for DirectoryUrlError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_is_for_a_host_name() {
        for (text, name) in [
            ("count.example", "count.example"),
            ("COUNT.example.", "count.example"),
            ("bücher.example", "xn--bcher-kva.example"),
        ] {
            assert_eq!(text.parse::<AcmeName>().unwrap().as_str(), name);
        }
        for (text, word) in [
            ("*.example.com", "needs records in DNS"),
            ("192.0.2.1", "not for IP addresses"),
            ("[2001:db8::1]", "not for IP addresses"),
            ("2001:db8::1", "not for IP addresses"),
            ("https://count.example", "write count.example"),
            ("count.example:443", "write count.example"),
            ("a_b.example", "write count.example"),
            ("a/b", "write count.example"),
            ("", "write count.example"),
            (&"a".repeat(64), "write count.example"),
        ] {
            let error = text.parse::<AcmeName>().unwrap_err().to_string();
            assert!(error.contains(word), "{text}: {error}");
        }
    }

    #[test]
    fn an_address_for_email_is_one_address() {
        assert!("admin+a@example.com".parse::<Email>().is_ok());
        for text in [
            "",
            "admin",
            "@example.com",
            "a@b@c",
            "a b@example.com",
            "a@example.com,b@example.com",
            "a?b@c.d",
        ] {
            assert!(text.parse::<Email>().is_err(), "{text}");
        }
    }

    #[test]
    fn an_authority_is_asked_by_https_only() {
        assert_eq!(LETS_ENCRYPT.parse::<DirectoryUrl>().unwrap().to_string(), LETS_ENCRYPT);
        for text in
            ["", "http://ca.example/dir", "ca.example", "https:///dir", "https://u:p@ca.example/", "a b"]
        {
            assert!(text.parse::<DirectoryUrl>().is_err(), "{text}");
        }
    }
}

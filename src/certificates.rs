//! Reads the certificates that a configuration names, at start and whenever their files change.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use onlookers_rooms::sync::Mutex;

use crate::config::{ConfigError, TlsFiles};
use crate::files;
use crate::net::tls::{Certificate, CertificateError, Certificates};

/// The longest file, in bytes: chains have a few kilobytes.
const MAX_BYTES: usize = 256 * 1024;

/// The most pairs in a folder.
const MAX_PAIRS: usize = 1000;

/// How often to look whether files have changed.
const INTERVAL: Duration = Duration::from_secs(5);

/// The names of a chain and its key in the folder of a certificate, as certbot writes them.
const CERTBOT: [&str; 2] = ["fullchain.pem", "privkey.pem"];

/// The endings of the files of chains. A key has the same name and the ending `.key`.
const CHAINS: [&str; 3] = ["crt", "pem", "cer"];

/// A chain and its key; one file may hold both.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Pair {
    chain: PathBuf,
    key: PathBuf,
}

/// A file that can't be taken, and why.
#[derive(Debug)]
struct LoadError {
    path: PathBuf,
    cause: Box<dyn Error + Send + Sync>,
}

/// The certificates in force, and the files that they come from.
pub(crate) struct CertificateFiles {
    certificates: Arc<Certificates>,
    state: Mutex<State>,
}

struct State {
    files: TlsFiles,
    /// The last of each pair that could be used.
    in_force: BTreeMap<Pair, Certificate>,
    stamps: Stamps,
}

/// When files were changed, and how long they are.
type Stamps = BTreeMap<PathBuf, Option<(SystemTime, u64)>>;

impl CertificateFiles {
    /// Reads the files.
    ///
    /// # Errors
    /// [`ConfigError::Setting`], if one can't be used. A certificate that has expired is used all the same, as there is no other,
    /// and the log says so.
    pub(crate) fn load(files: &TlsFiles) -> Result<Self, ConfigError> {
        let setting = |error: LoadError| ConfigError::Setting("tls-cert", error.into());
        let (mut in_force, pairs) = (BTreeMap::new(), pairs(files).map_err(setting)?);
        for pair in &pairs {
            let certificate = read(pair).map_err(setting)?;
            if let Err(error) = certificate.check_time(SystemTime::now()) {
                tracing::error!("{}: {error}", pair.chain.display());
            }
            in_force.insert(pair.clone(), certificate);
        }
        let certificates = Arc::new(Certificates::default());
        certificates.replace(pairs.iter().filter_map(|pair| in_force.get(pair)));
        let state = Mutex::new(State { files: files.clone(), in_force, stamps: stamps(&pairs) });
        Ok(Self { certificates, state })
    }

    pub(crate) fn certificates(&self) -> &Arc<Certificates> {
        &self.certificates
    }

    /// Reads `files` from now on. A pair that can't be used is reported, and the one before stays in force.
    pub(crate) fn reload(&self, files: &TlsFiles) {
        let pairs = match pairs(files) {
            Ok(pairs) => pairs,
            Err(error) => return tracing::error!("the certificates stay as they were: {error}"),
        };
        let (stamps, mut read) = (stamps(&pairs), BTreeMap::new());
        for pair in &pairs {
            match read_valid(pair) {
                Ok(certificate) => drop(read.insert(pair.clone(), certificate)),
                Err(error) => tracing::error!("{error}; a certificate from before stays in force"),
            }
        }
        let mut state = self.state.lock();
        let before = std::mem::take(&mut state.in_force);
        for pair in &pairs {
            let certificate = read.remove(pair).or_else(|| before.get(pair).cloned());
            state.in_force.extend(certificate.map(|certificate| (pair.clone(), certificate)));
        }
        (state.files, state.stamps) = (files.clone(), stamps);
        self.certificates.replace(pairs.iter().filter_map(|pair| state.in_force.get(pair)));
    }

    /// Reads the files again whenever they have changed, and stayed the same for an interval: a pair is two files.
    pub(crate) async fn watch(self: Arc<Self>) {
        let mut changed = None;
        loop {
            tokio::time::sleep(INTERVAL).await;
            let this = Arc::clone(&self);
            let looked = tokio::task::spawn_blocking(move || this.look(changed)).await;
            // It fails only if it panics; then the certificates stay as they are.
            changed = looked.unwrap_or_default();
        }
    }

    /// Looks for changes, given those that it saw the last time; the result is what it sees now.
    fn look(&self, changed: Option<Stamps>) -> Option<Stamps> {
        let (files, before) = {
            let state = self.state.lock();
            (state.files.clone(), state.stamps.clone())
        };
        let now = stamps(&pairs(&files).ok()?);
        if now == before {
            return None;
        }
        if changed.as_ref() != Some(&now) {
            return Some(now);
        }
        tracing::info!("the certificates have changed and are read again");
        self.reload(&files);
        None
    }
}

/// The pairs that are named, and those in the folders that are named.
fn pairs(files: &TlsFiles) -> Result<Vec<Pair>, LoadError> {
    let (mut pairs, mut keys) = (Vec::new(), files.tls_key.iter());
    for path in &files.tls_cert {
        if path.is_dir() {
            pairs.extend(pairs_in(path).map_err(at(path))?);
            continue;
        }
        let key = if files.tls_key.is_empty() { Some(path) } else { keys.next() };
        let key = key.ok_or_else(|| {
            at(path)("there is no --tls-key for it; each file has its own, in the same order")
        })?;
        pairs.push(Pair { chain: path.clone(), key: key.clone() });
    }
    match keys.next() {
        Some(key) => Err(at(key)("there is no --tls-cert for it; each file has its own, in the same order")),
        None => Ok(pairs),
    }
}

/// The pairs in a folder: `NAME.crt` and `NAME.key`, or a folder `NAME` as certbot makes it.
fn pairs_in(folder: &Path) -> io::Result<Vec<Pair>> {
    let mut pairs = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let [chain, key] = CERTBOT.map(|name| path.join(name));
        if chain.is_file() {
            pairs.push(Pair { chain, key });
        } else if path.extension().is_some_and(|ending| CHAINS.iter().any(|chain| ending == *chain)) {
            let key = path.with_extension("key");
            pairs.extend(key.is_file().then_some(Pair { chain: path, key }));
        }
        if pairs.len() > MAX_PAIRS {
            return Err(io::Error::other(format!("there are more than {MAX_PAIRS} certificates in it")));
        }
    }
    pairs.sort();
    if pairs.is_empty() {
        return Err(io::Error::other("there is no NAME.crt with a NAME.key in it"));
    }
    Ok(pairs)
}

fn read(pair: &Pair) -> Result<Certificate, LoadError> {
    let [chain, key] =
        [&pair.chain, &pair.key].map(|path| files::read(path, MAX_BYTES).map_err(|error| at(path)(error)));
    Certificate::from_pem(&chain?, &key?).map_err(|error| {
        let is_of_key = matches!(error, CertificateError::NoKey | CertificateError::Mismatch);
        at(if is_of_key { &pair.key } else { &pair.chain })(error)
    })
}

fn read_valid(pair: &Pair) -> Result<Certificate, LoadError> {
    let certificate = read(pair)?;
    certificate.check_time(SystemTime::now()).map_err(at(&pair.chain))?;
    Ok(certificate)
}

fn stamps(pairs: &[Pair]) -> Stamps {
    let stamp = |path: &PathBuf| {
        let file = fs::metadata(path).and_then(|file| Ok((file.modified()?, file.len())));
        (path.clone(), file.ok())
    };
    pairs.iter().flat_map(|pair| [&pair.chain, &pair.key]).map(stamp).collect()
}

fn at<E: Into<Box<dyn Error + Send + Sync>>>(path: &Path) -> impl FnOnce(E) -> LoadError {
    move |cause| LoadError { path: path.to_owned(), cause: cause.into() }
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path.display(), self.cause)
    }
}

impl Error for LoadError {}

//! Reads the certificates that a configuration names, at start and whenever their files change.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use crate::config::{ConfigError, TlsFiles};
use crate::files;
use crate::net::tls::{Certificate, CertificateError, Certificates};

/// The longest file, in bytes: chains have a few kilobytes.
const MAX_BYTES: usize = 256 * 1024;

/// The most pairs in a folder.
const MAX_PAIRS: usize = 1000;

/// How often to look whether files have changed.
const INTERVAL: Duration = Duration::from_secs(5);

/// When a pair that couldn't be used is tried again: the system may have refused it for a moment, or the clock be wrong.
const AGAIN: Duration = Duration::from_mins(1);

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
    /// Held while files are read, so that they are read by one thread at a time.
    state: Mutex<State>,
}

struct State {
    files: TlsFiles,
    /// The last of each pair that could be used.
    in_force: BTreeMap<Pair, Certificate>,
    stamps: Stamps,
    /// When pairs that couldn't be used are tried again; none if all could.
    again: Option<Instant>,
}

/// The inode, time of change and length of each file, if it is there. They change with it, and with the right to read it.
type Stamps = BTreeMap<PathBuf, Option<(u64, i64, i64, u64)>>;

impl CertificateFiles {
    /// Reads the files, and puts what is in them into force.
    ///
    /// # Errors
    /// [`ConfigError::Setting`], if one can't be used. A certificate that isn't valid now is used all the same if there is no other for
    /// its name, and the log says so.
    pub(crate) fn load(files: &TlsFiles, certificates: Arc<Certificates>) -> Result<Self, ConfigError> {
        let setting = |error: LoadError| ConfigError::Setting("tls_cert", error.into());
        let (mut in_force, pairs) = (BTreeMap::new(), pairs(files).map_err(setting)?);
        let stamps = stamps(&pairs);
        for pair in pairs {
            let certificate = read(&pair).map_err(setting)?;
            if let Err(error) = certificate.check_time(SystemTime::now()) {
                tracing::error!("{}: {error}", pair.chain.display());
            }
            in_force.insert(pair, certificate);
        }
        let state = State { files: files.clone(), in_force, stamps, again: None };
        certificates.replace(state.in_order());
        Ok(Self { certificates, state: Mutex::new(state) })
    }

    /// Reads `files` from now on. A pair that can't be used is reported, and the certificates before stay in force for its names.
    /// It takes as long as reading the files does.
    pub(crate) fn reload(&self, files: &TlsFiles) {
        self.read_again(&mut self.state(), files);
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
        let mut state = self.state();
        let files = state.files.clone();
        // A folder that can't be read has no files.
        let now = stamps(&pairs(&files).unwrap_or_default());
        let is_due = state.again.is_some_and(|again| again <= Instant::now());
        if now == state.stamps && !is_due {
            return None;
        }
        if changed.as_ref() != Some(&now) && !is_due {
            return Some(now);
        }
        if !is_due {
            tracing::info!("the certificates have changed and are read again");
        }
        self.read_again(&mut state, &files);
        None
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read_again(&self, state: &mut State, files: &TlsFiles) {
        let pairs = match pairs(files) {
            Ok(pairs) if !pairs.is_empty() => pairs,
            // The server has other certificates than those of files.
            Ok(_) if state.in_force.is_empty() => return,
            Ok(_) => {
                tracing::error!("the certificates stay as they were: the configuration names none");
                return;
            }
            Err(error) => {
                tracing::error!("the certificates stay as they were: {error}");
                (state.stamps, state.again) = (Stamps::default(), Some(Instant::now() + AGAIN));
                return;
            }
        };
        // Before the files are read, so that no change is missed.
        let stamps = stamps(&pairs);
        let (mut in_force, mut failed) = (BTreeMap::new(), false);
        for pair in pairs {
            match read_valid(&pair) {
                Ok(certificate) => drop(in_force.insert(pair, certificate)),
                Err(error) => {
                    tracing::error!("{error}; the certificates of before stay in force for its names");
                    failed = true;
                }
            }
        }
        if failed {
            // Whatever is not replaced: the pair itself, or others that it was to replace.
            let is_missing = |before: &Certificate| !in_force.values().any(|it| before.is_replaced_by(it));
            let kept: Vec<_> = state.in_force.iter().filter(|(_, it)| is_missing(it)).collect();
            let kept: Vec<_> = kept.into_iter().map(|(pair, it)| (pair.clone(), it.clone())).collect();
            in_force.extend(kept);
        }
        let again = failed.then(|| Instant::now() + AGAIN);
        *state = State { files: files.clone(), in_force, stamps, again };
        self.certificates.replace(state.in_order());
    }
}

impl State {
    /// The certificates in the order in which they are named, and last those of files that aren't named any more.
    fn in_order(&self) -> Vec<&Certificate> {
        let pairs = pairs(&self.files).unwrap_or_default();
        let named = pairs.iter().filter_map(|pair| self.in_force.get(pair));
        let others = self.in_force.iter().filter(|(pair, _)| !pairs.contains(pair)).map(|(_, it)| it);
        named.chain(others).collect()
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

/// The pairs in a folder: `NAME.crt` and `NAME.key`, or a folder `NAME` as certbot makes it; or those of such a folder itself.
/// A chain without its key is a pair that can't be read.
fn pairs_in(folder: &Path) -> io::Result<Vec<Pair>> {
    let certbot = |folder: &Path| {
        let [chain, key] = CERTBOT.map(|name| folder.join(name));
        chain.symlink_metadata().is_ok().then_some(Pair { chain, key })
    };
    if let Some(pair) = certbot(folder) {
        return Ok(vec![pair]);
    }
    let mut pairs = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let is_chain = path.extension().is_some_and(|ending| CHAINS.iter().any(|chain| ending == *chain));
        let pair = || is_chain.then(|| Pair { key: path.with_extension("key"), chain: path.clone() });
        pairs.extend(certbot(&path).or_else(pair));
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
    let [chain, key] = [&pair.chain, &pair.key].map(|path| read_file(path).map_err(at(path)));
    Certificate::from_pem(&chain?, &key?).map_err(|error| {
        let is_of_key = matches!(error, CertificateError::NoKey | CertificateError::Mismatch);
        at(if is_of_key { &pair.key } else { &pair.chain })(error)
    })
}

fn read_file(path: &Path) -> io::Result<Vec<u8>> {
    let bytes = files::read(path, MAX_BYTES)?;
    if bytes.len() > MAX_BYTES {
        return Err(io::Error::other(format!("it has more than {} KiB", MAX_BYTES / 1024)));
    }
    Ok(bytes)
}

fn read_valid(pair: &Pair) -> Result<Certificate, LoadError> {
    let certificate = read(pair)?;
    certificate.check_time(SystemTime::now()).map_err(at(&pair.chain))?;
    Ok(certificate)
}

fn stamps(pairs: &[Pair]) -> Stamps {
    let stamp = |path: &PathBuf| {
        let file = fs::metadata(path).map(|file| (file.ino(), file.ctime(), file.ctime_nsec(), file.len()));
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

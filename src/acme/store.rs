//! What is kept between two starts, and shared by processes of one machine: the account, and the certificates with their keys, in a
//! folder.

use std::fs::{self, DirBuilder, File};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, Mode, OFlags, flock, open};
use rustix::io::Errno;

use crate::config::DirectoryUrl;
use crate::files;

/// The longest file, in bytes.
const LONGEST: usize = 256 * 1024;

/// How many bytes are written to see whether there is room: a certificate with its chain has no more.
const ROOM: usize = 16 * 1024;

const ACCOUNT: &str = "account.json";
const LOCK: &str = "lock";

/// A folder for one certificate authority: accounts and certificates of different ones have nothing in common.
#[derive(Clone, Debug)]
pub(super) struct Store {
    folder: PathBuf,
}

/// While this exists, no other process orders, or writes to the folder.
#[derive(Debug)]
pub(super) struct Lock {
    folder: PathBuf,
    _file: File,
}

impl Store {
    /// The part of `folder` for that authority. Both are made if they are missing, for this user alone.
    ///
    /// # Errors
    /// The system's; and if others may look into `folder`.
    pub(super) fn open(folder: &Path, authority: &DirectoryUrl) -> io::Result<Self> {
        make(folder)?;
        let folder = folder.join(name_of(authority));
        make(&folder)?;
        Ok(Self { folder })
    }

    /// The account as it was kept; none if there is none.
    ///
    /// # Errors
    /// The system's.
    pub(super) fn account(&self) -> io::Result<Option<Vec<u8>>> {
        self.read(ACCOUNT)
    }

    /// The certificate for `name` with its chain and key, in PEM; none if there is none.
    ///
    /// # Errors
    /// The system's.
    pub(super) fn certificate(&self, name: &str) -> io::Result<Option<Vec<u8>>> {
        self.read(&format!("{name}.pem"))
    }

    /// The lock; none if another process has it.
    ///
    /// # Errors
    /// The system's.
    pub(super) fn lock(&self) -> io::Result<Option<Lock>> {
        let flags = OFlags::CREATE | OFlags::RDWR | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK;
        let file = File::from(open(self.folder.join(LOCK), flags, Mode::RUSR | Mode::WUSR)?);
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Some(Lock { folder: self.folder.clone(), _file: file })),
            Err(Errno::WOULDBLOCK) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Where it is, for messages.
    pub(super) fn path(&self) -> &Path {
        &self.folder
    }

    fn read(&self, name: &str) -> io::Result<Option<Vec<u8>>> {
        match files::read(&self.folder.join(name), LONGEST) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }
}

impl Lock {
    /// # Errors
    /// The system's.
    pub(super) fn keep_account(&self, account: &[u8]) -> io::Result<()> {
        self.write(ACCOUNT, account)
    }

    /// In one file: certificate and key can't come apart.
    ///
    /// # Errors
    /// The system's.
    pub(super) fn keep_certificate(&self, name: &str, pem: &[u8]) -> io::Result<()> {
        self.write(&format!("{name}.pem"), pem)
    }

    /// Whether something could be kept now. Authorities limit how often they give a certificate that then is lost.
    ///
    /// # Errors
    /// The system's, if not.
    pub(super) fn check_room(&self) -> io::Result<()> {
        let temporary = self.folder.join(".room");
        let written = write_new(&temporary, &[0; ROOM]);
        let _ = fs::remove_file(&temporary);
        written
    }

    /// Whatever happens, there is the old file or the new one.
    fn write(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let temporary = self.folder.join(format!(".{name}.new"));
        write_new(&temporary, bytes)?;
        fs::rename(&temporary, self.folder.join(name))?;
        File::open(&self.folder)?.sync_all()
    }
}

/// Writes a file that nobody else may read, through to the disk. One of a process that died is replaced.
fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let _ = fs::remove_file(path);
    let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    let mut file = File::from(open(path, flags, Mode::RUSR | Mode::WUSR)?);
    file.write_all(bytes)?;
    file.sync_all()
}

/// Makes a folder for this user alone, or sees that it is such a one.
fn make(folder: &Path) -> io::Result<()> {
    if let Some(parent) = folder.parent() {
        fs::create_dir_all(parent)?;
    }
    match DirBuilder::new().mode(0o700).create(folder) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        made => return made,
    }
    let is = fs::metadata(folder)?;
    if !is.is_dir() {
        return Err(io::Error::other("it is not a folder"));
    }
    if is.mode() & 0o077 != 0 {
        let sentence = format!("others may look into it; run chmod 700 {}", folder.display());
        return Err(io::Error::other(sentence));
    }
    Ok(())
}

/// An authority's URL, as a part of names.
pub(super) fn name_of(authority: &DirectoryUrl) -> String {
    let name: String = authority.to_string().trim_start_matches("https://").chars().map(plain).collect();
    name.trim_matches('-').to_owned()
}

/// A character of a URL, as one of a file's name.
fn plain(character: char) -> char {
    if character.is_ascii_alphanumeric() || character == '.' { character } else { '-' }
}

/// Runs what may wait for a disk, apart from the server's threads.
pub(super) async fn in_background<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(io::Error::other)?
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt;

    use tempfile::tempdir;

    use super::*;

    fn authority() -> DirectoryUrl {
        "https://ca.example:14000/dir".parse().unwrap()
    }

    #[test]
    fn what_was_kept_is_there_for_this_user_alone() {
        let folder = tempdir().unwrap();
        let store = Store::open(&folder.path().join("a/acme"), &authority()).unwrap();
        assert_eq!(store.certificate("a.example").unwrap(), None);
        for pem in [&b"first"[..], b"second"] {
            store.lock().unwrap().unwrap().keep_certificate("a.example", pem).unwrap();
            let store = Store::open(&folder.path().join("a/acme"), &authority()).unwrap();
            assert_eq!(store.certificate("a.example").unwrap().unwrap(), pem);
        }
        let lock = store.lock().unwrap().unwrap();
        lock.keep_account(b"account").unwrap();
        lock.check_room().unwrap();
        assert!(store.path().ends_with("acme/ca.example-14000-dir"));
        let mode = |path: &Path| fs::metadata(path).unwrap().mode() & 0o777;
        assert_eq!(mode(store.path()), 0o700);
        assert_eq!(mode(store.path().parent().unwrap()), 0o700);
        let files: Vec<_> = fs::read_dir(store.path()).unwrap().map(|file| file.unwrap().path()).collect();
        assert_eq!(files.len(), 3, "{files:?}");
        assert!(files.iter().all(|file| mode(file) == 0o600), "{files:?}");
    }

    #[test]
    fn a_folder_that_others_may_read_is_refused() {
        let folder = tempdir().unwrap();
        fs::set_permissions(folder.path(), Permissions::from_mode(0o750)).unwrap();
        let error = Store::open(folder.path(), &authority()).unwrap_err().to_string();
        assert!(error.contains("run chmod 700"), "{error}");
    }

    #[test]
    fn what_a_dead_process_left_behind_is_replaced() {
        let folder = tempdir().unwrap();
        let store = Store::open(&folder.path().join("acme"), &authority()).unwrap();
        fs::write(store.path().join(".a.example.pem.new"), "half of").unwrap();
        store.lock().unwrap().unwrap().keep_certificate("a.example", b"whole").unwrap();
        assert_eq!(store.certificate("a.example").unwrap().unwrap(), b"whole");
    }

    #[test]
    fn one_at_a_time_has_the_lock() {
        let folder = tempdir().unwrap();
        let store = Store::open(&folder.path().join("acme"), &authority()).unwrap();
        let lock = store.lock().unwrap();
        assert!(lock.is_some() && store.lock().unwrap().is_none());
        drop(lock);
        assert!(store.lock().unwrap().is_some());
    }
}

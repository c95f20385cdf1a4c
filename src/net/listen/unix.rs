//! The files of Unix sockets: made with their mode and group before anybody can connect, and removed at the end.

use std::fs;
use std::io::{self, ErrorKind};
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::fs::{Gid, Mode, chown, fchmod};
use socket2::{Domain, SockAddr, Socket, Type};

use super::super::listener::{Group, SocketFile};
use super::tcp::BACKLOG;

/// Where groups have their names.
const GROUPS: &str = "/etc/group";

/// Removes a socket's file when it is dropped, unless another one is there by then. It has to be dropped before the socket: as long
/// as that is open, nobody else takes the path, and no other file gets the number of the inode.
#[derive(Debug)]
pub(super) struct RemoveOnDrop {
    path: PathBuf,
    /// The device and the inode.
    id: (u64, u64),
    /// Whether another process has the socket, and removes the file.
    is_kept: AtomicBool,
}

/// A socket of this type with that file. A file that nobody listens on any more is replaced.
///
/// # Errors
/// The system's, or a sentence if the place is taken.
pub(super) fn bind(file: &SocketFile, kind: Type) -> io::Result<(Socket, RemoveOnDrop)> {
    let socket = Socket::new(Domain::UNIX, kind, None)?;
    let group = file.group.as_ref().map(id_of).transpose()?;
    // Linux gives the file the permissions of the socket, so that there is no moment at which others may connect. Where
    // that isn't so, it is refused.
    let _ = fchmod(&socket, Mode::RUSR | Mode::WUSR);
    let address = SockAddr::unix(&file.path)?;
    match socket.bind(&address) {
        Err(error) if error.kind() == ErrorKind::AddrInUse => {
            remove_stale(&file.path, &address, kind)?;
            socket.bind(&address)?;
        }
        done => done?,
    }
    let remove = RemoveOnDrop::of(&file.path)?;
    if let Some(group) = group {
        chown(&file.path, None, Some(Gid::from_raw(group)))?;
    }
    fs::set_permissions(&file.path, fs::Permissions::from_mode(file.mode))?;
    if kind == Type::STREAM {
        // Nobody could connect before.
        socket.listen(BACKLOG)?;
    }
    Ok((socket, remove))
}

/// Removes the file of a socket that belonged to a process which has ended.
fn remove_stale(path: &Path, address: &SockAddr, kind: Type) -> io::Result<()> {
    let refuse = |why: &str| Err(io::Error::new(ErrorKind::AddrInUse, why));
    if !fs::symlink_metadata(path)?.file_type().is_socket() {
        return refuse("there is a file of that name which isn't a socket");
    }
    match Socket::new(Domain::UNIX, kind, None)?.connect(address) {
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => fs::remove_file(path),
        _ => refuse("another program listens there"),
    }
}

fn id_of(group: &Group) -> io::Result<u32> {
    match group {
        Group::Id(id) => Ok(*id),
        Group::Name(name) => id_in(&fs::read_to_string(GROUPS)?, name)
            .ok_or_else(|| io::Error::other(format!("there is no group {name} in {GROUPS}"))),
    }
}

/// The number of a group; a line is `www-data:x:33:`.
fn id_in(groups: &str, name: &str) -> Option<u32> {
    let mut lines = groups.lines().map(|line| line.split(':').collect::<Vec<_>>());
    lines.find(|fields| fields[0] == name)?.get(2)?.parse().ok()
}

fn id_of_file(path: &Path) -> io::Result<(u64, u64)> {
    fs::symlink_metadata(path).map(|file| (file.dev(), file.ino()))
}

impl RemoveOnDrop {
    /// Removes the file that is there now.
    ///
    /// # Errors
    /// The system's, if there is none.
    pub(super) fn of(path: &Path) -> io::Result<Self> {
        Ok(Self { path: path.to_owned(), id: id_of_file(path)?, is_kept: AtomicBool::new(false) })
    }

    /// Leaves the file where it is, or removes it at the end after all.
    pub(super) fn keep(&self, is_kept: bool) {
        self.is_kept.store(is_kept, Ordering::Relaxed);
    }
}

impl Drop for RemoveOnDrop {
    fn drop(&mut self) {
        if !self.is_kept.load(Ordering::Relaxed) && id_of_file(&self.path).is_ok_and(|id| id == self.id) {
            // Somebody may have removed it meanwhile.
            let _ = fs::remove_file(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(folder: &tempfile::TempDir) -> SocketFile {
        SocketFile { path: folder.path().join("socket"), mode: 0o620, group: Some(Group::Id(0)) }
    }

    #[test]
    fn a_socket_has_its_mode_and_is_removed_at_the_end() {
        let folder = tempfile::tempdir().unwrap();
        for kind in [Type::STREAM, Type::DGRAM] {
            let file = file(&folder);
            let (socket, remove) = bind(&file, kind).unwrap();
            let made = fs::symlink_metadata(&file.path).unwrap();
            assert_eq!((made.mode() & 0o777, made.gid()), (0o620, 0));
            drop(remove);
            assert!(!file.path.exists());
            drop(socket);
        }
    }

    #[test]
    fn a_stale_socket_is_replaced_and_a_live_one_is_not() {
        let folder = tempfile::tempdir().unwrap();
        for kind in [Type::STREAM, Type::DGRAM] {
            let file = file(&folder);
            let (socket, remove) = bind(&file, kind).unwrap();
            let error = bind(&file, kind).unwrap_err().to_string();
            assert!(error.contains("another program listens"), "{error}");
            std::mem::forget(remove);
            drop(socket);
            let (_again, _remove) = bind(&file, kind).unwrap();
            assert!(file.path.exists());
        }
    }

    #[test]
    fn the_file_of_another_socket_is_not_removed() {
        let folder = tempfile::tempdir().unwrap();
        let file = file(&folder);
        let (_socket, remove) = bind(&file, Type::STREAM).unwrap();
        fs::remove_file(&file.path).unwrap();
        let (_other, _remove) = bind(&file, Type::STREAM).unwrap();
        drop(remove);
        assert!(file.path.exists());
    }

    #[test]
    fn a_file_that_is_no_socket_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let file = file(&folder);
        fs::write(&file.path, "precious").unwrap();
        let error = bind(&file, Type::STREAM).unwrap_err().to_string();
        assert!(error.contains("isn't a socket"), "{error}");
        assert_eq!(fs::read(&file.path).unwrap(), b"precious");
    }

    #[test]
    fn groups_have_names() {
        let groups = "root:x:0:\nwww-data:x:33:a,b\nbroken\n";
        assert_eq!(
            ["root", "www-data", "broken", "x"].map(|name| id_in(groups, name)),
            [Some(0), Some(33), None, None]
        );
        let unknown = id_of(&Group::Name("no such group".to_owned())).unwrap_err().to_string();
        assert!(unknown.contains("no such group"), "{unknown}");
    }
}

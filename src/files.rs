//! Reads the files that a configuration names.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use rustix::fs::{Mode, OFlags, open};

/// The bytes of the file at `path`; of one that is longer than `max`, one byte more than that, which is enough for it to be
/// refused.
///
/// # Errors
/// The system's; and if it is no regular file, nor a link to one. Reading a pipe or a device could take for ever.
pub(crate) fn read(path: &Path, max: usize) -> io::Result<Vec<u8>> {
    // Opening a pipe would wait for a writer.
    let file = File::from(open(
        path,
        OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC,
        Mode::empty(),
    )?);
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("it is not a file"));
    }
    let mut bytes = Vec::new();
    file.take(max as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;
    use std::process::Command;

    use tempfile::tempdir;

    use super::*;

    #[test]
    fn files_and_links_to_them_are_read_up_to_a_limit() {
        let dir = tempdir().unwrap();
        let (file, link) = (dir.path().join("file"), dir.path().join("link"));
        fs::write(&file, "12345").unwrap();
        symlink(&file, &link).unwrap();
        assert_eq!(read(&file, 5).unwrap(), b"12345");
        assert_eq!(read(&link, 3).unwrap(), b"1234");
    }

    #[test]
    fn pipes_devices_and_folders_are_refused_without_waiting() {
        let dir = tempdir().unwrap();
        let pipe = dir.path().join("pipe");
        assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        for path in [&pipe, Path::new("/dev/zero"), dir.path()] {
            assert_eq!(read(path, 10).unwrap_err().to_string(), "it is not a file", "{path:?}");
        }
        assert_eq!(read(&dir.path().join("none"), 10).unwrap_err().kind(), io::ErrorKind::NotFound);
    }
}

//! Memory that outlives the process that writes it.
#![allow(unsafe_code)]

use std::io;
use std::ops::{Deref, Range};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::ptr::{self, NonNull};
use std::sync::atomic::AtomicU64;

use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, fcntl_get_seals, fstat, ftruncate, memfd_create};
use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};

/// What memory must promise to be mapped: it stays as large as it is, or an access would end the process (SIGBUS).
const SEALS: SealFlags = SealFlags::SHRINK.union(SealFlags::GROW).union(SealFlags::SEAL);

/// A file in memory, all of which is mapped as words. Pages that nobody has written take none.
///
/// Every access is atomic. So it is no undefined behaviour if another process changes the words meanwhile, or they are mapped twice; that
/// nobody does so is what their meaning depends on, not memory safety.
#[derive(Debug)]
pub(crate) struct Memory {
    file: OwnedFd,
    words: NonNull<AtomicU64>,
    count: usize,
}

impl Memory {
    /// Words that are all 0.
    ///
    /// # Errors
    /// The system's.
    pub(crate) fn create(words: usize) -> io::Result<Self> {
        let file = memfd_create("onlookers", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)?;
        let bytes = words.checked_mul(size_of::<u64>()).ok_or(io::ErrorKind::InvalidInput)?;
        ftruncate(&file, bytes as u64)?;
        fcntl_add_seals(&file, SEALS)?;
        Self::map(file, words)
    }

    /// The memory of another process, as it left it.
    ///
    /// # Errors
    /// The system's, or if its size could change.
    pub(crate) fn open(file: OwnedFd) -> io::Result<Self> {
        if !fcntl_get_seals(&file)?.contains(SEALS) {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "the size of the memory isn't fixed"));
        }
        let bytes = usize::try_from(fstat(&file)?.st_size).map_err(io::Error::other)?;
        Self::map(file, bytes / size_of::<u64>())
    }

    fn map(file: OwnedFd, count: usize) -> io::Result<Self> {
        let (access, bytes) = (ProtFlags::READ | ProtFlags::WRITE, count * size_of::<u64>());
        // SAFETY: a new mapping, where the system finds room, changes no memory that anybody knows.
        let start = unsafe { mmap(ptr::null_mut(), bytes, access, MapFlags::SHARED, &file, 0)? };
        let words = NonNull::new(start.cast()).ok_or(io::ErrorKind::OutOfMemory)?;
        Ok(Self { file, words, count })
    }

    /// Has the system read from a socket into these bytes. Returns how many came.
    ///
    /// # Panics
    /// If there are no such bytes.
    pub(crate) fn receive(&self, bytes: Range<usize>, socket: BorrowedFd<'_>) -> io::Result<usize> {
        assert!(bytes.start <= bytes.end && bytes.end <= self.count * size_of::<u64>(), "no such memory");
        // SAFETY: the bytes are in the mapping, which is there until `drop`. References to them are to atomics, which may change at any
        // time and have any value.
        let received = unsafe {
            let start = self.words.as_ptr().cast::<u8>().add(bytes.start);
            libc::recv(socket.as_raw_fd(), start.cast(), bytes.len(), 0)
        };
        usize::try_from(received).map_err(|_| io::Error::last_os_error())
    }
}

impl Deref for Memory {
    type Target = [AtomicU64];

    fn deref(&self) -> &[AtomicU64] {
        // SAFETY: `map` has mapped so many words, aligned to a page, until `drop`, which needs this borrow to be over. The seals keep the file
        // as large. A word may have any value, and changes by atomic accesses alone, in this process and in others, as there is no
        // other way to the mapping.
        unsafe { std::slice::from_raw_parts(self.words.as_ptr(), self.count) }
    }
}

impl AsFd for Memory {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

// SAFETY: it owns the mapping, which belongs to no thread.
unsafe impl Send for Memory {}
// SAFETY: a shared reference gives atomics, and the descriptor.
unsafe impl Sync for Memory {}

impl Drop for Memory {
    fn drop(&mut self) {
        // SAFETY: `map` has mapped exactly this, and no borrow of it can live any longer.
        let unmapped = unsafe { munmap(self.words.as_ptr().cast(), self.count * size_of::<u64>()) };
        debug_assert!(unmapped.is_ok());
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering::Relaxed;

    use super::*;

    #[test]
    fn another_mapping_has_the_same_words() {
        let one = Memory::create(1024).unwrap();
        one[1023].store(7, Relaxed);
        let other = Memory::open(one.as_fd().try_clone_to_owned().unwrap()).unwrap();
        drop(one);
        assert_eq!((other.len(), other[1023].load(Relaxed)), (1024, 7));
        assert!(ftruncate(&other, 0).is_err());
    }

    #[test]
    fn a_file_that_could_shrink_is_refused() {
        let file = memfd_create("test", MemfdFlags::CLOEXEC).unwrap();
        assert!(Memory::open(file).is_err());
    }
}

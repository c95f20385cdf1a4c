//! Another program in the same process (execve(2)), which goes on with descriptors of this one.
//!
//! The new program finds a file in memory, the number of which an environment variable says: the numbers of the descriptors are there, and a
//! text. Signals that come while there is no other thread that takes them wait until the new program [catches them](unblock_signals).
#![allow(unsafe_code)]

use std::ffi::{CString, OsStr, OsString};
use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStringExt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::{env, process, ptr};

use rustix::fs::{MemfdFlags, memfd_create};
use rustix::io::{FdFlags, fcntl_setfd};

use crate::Message;
use crate::link::inherit;

/// The first bytes of the file. Then come the number of descriptors, their numbers, 4 bytes each in little-endian order, and the text.
const FORMAT: &[u8] = b"onlookers exec 1\n";

/// Has the program that is now at the place of `program` go on in this process, with the same environment and
/// `variable`, by which it [finds](take) the text and the descriptors. Returns only if that fails: then all is as before.
#[must_use]
pub fn replace(
    program: &OsStr,
    args: impl IntoIterator<Item = OsString>,
    variable: &str,
    (text, descriptors): (&[u8], &[BorrowedFd<'_>]),
) -> io::Error {
    let replaced = write(text, descriptors).and_then(|file| {
        let args =
            [program.to_owned()].into_iter().chain(args).map(c_string).collect::<io::Result<Vec<_>>>()?;
        let others = env::vars_os().filter(|(name, _)| name != variable);
        let number = OsString::from(format!("{}:{}", process::id(), file.as_raw_fd()));
        let variables = others.chain([(OsString::from(variable), number)]);
        let environment = variables
            .map(|(name, value)| c_string([name, value].join(OsStr::new("="))))
            .collect::<io::Result<Vec<_>>>()?;
        descriptors.iter().try_for_each(|descriptor| inherit(*descriptor))?;
        Err::<(), _>(execute(&args, &environment))
    });
    for descriptor in descriptors {
        // It was so before, and is open still.
        let _ = fcntl_setfd(descriptor, FdFlags::CLOEXEC);
    }
    replaced.err().unwrap_or_else(|| io::ErrorKind::Other.into())
}

/// Takes the text and the descriptors that the program before has left for this one, which the variable says; they can be taken once. None, if
/// nothing was left for this process.
///
/// # Errors
/// The system's, or if it is of another version.
pub fn take(variable: &str) -> io::Result<Option<Message>> {
    static IS_TAKEN: AtomicBool = AtomicBool::new(false);
    let Some(number) = number(variable).filter(|_| !IS_TAKEN.swap(true, Ordering::Relaxed)) else {
        return Ok(None);
    };
    let mut bytes = Vec::new();
    // SAFETY: the variable names this process, in which `replace` has opened the file and left it to nobody but this call, the only
    // one that gets here. If somebody else has set the variable, it is their descriptor, as if it had been passed.
    File::from(unsafe { owned(number)? }).read_to_end(&mut bytes)?;
    let (numbers, text) =
        read(&bytes).ok_or_else(|| io::Error::other("the program before was another version"))?;
    // SAFETY: as above; each number is there once, as the descriptors were different.
    let descriptors =
        numbers.into_iter().map(|number| unsafe { owned(number) }).collect::<io::Result<Vec<_>>>()?;
    Ok(Some(Message { bytes: text, descriptors }))
}

/// Whether the program before has left something for this one in the variable, taken or not.
#[must_use]
pub fn is_there(variable: &str) -> bool {
    number(variable).is_some()
}

/// Lets signals through to this thread and those that it starts, which wait since [`replace`]. Their handlers have to be there.
pub fn unblock_signals() {
    set_mask(false);
}

/// Takes a descriptor; child processes don't inherit it.
///
/// # Errors
/// If it isn't open.
///
/// # Safety
/// Nobody in this process owns it.
unsafe fn owned(number: RawFd) -> io::Result<OwnedFd> {
    // SAFETY: only asked whether it is open, and changed if so, as the caller may.
    fcntl_setfd(unsafe { BorrowedFd::borrow_raw(number) }, FdFlags::CLOEXEC)?;
    // SAFETY: it is open, and nobody's, as the caller says.
    Ok(unsafe { OwnedFd::from_raw_fd(number) })
}

/// The number of the file; none, if the variable is of another process.
fn number(variable: &str) -> Option<RawFd> {
    let value = env::var(variable).ok()?;
    let (pid, number) = value.split_once(':')?;
    number.parse().ok().filter(|_| pid.parse() == Ok(process::id()))
}

fn write(text: &[u8], descriptors: &[BorrowedFd<'_>]) -> io::Result<OwnedFd> {
    let mut file = File::from(memfd_create("onlookers-exec", MemfdFlags::empty())?);
    // A descriptor's number is no less than 0, and there are no more of them than that type has.
    let count = descriptors.len() as u32;
    let numbers = descriptors.iter().flat_map(|descriptor| descriptor.as_raw_fd().to_le_bytes());
    let all: Vec<u8> = FORMAT
        .iter()
        .copied()
        .chain(count.to_le_bytes())
        .chain(numbers)
        .chain(text.iter().copied())
        .collect();
    file.write_all(&all)?;
    file.rewind()?;
    Ok(file.into())
}

/// The numbers of the descriptors, and the text.
fn read(bytes: &[u8]) -> Option<(Vec<RawFd>, Vec<u8>)> {
    let (count, rest) = bytes.strip_prefix(FORMAT)?.split_first_chunk()?;
    let (numbers, text) = rest.split_at_checked(4 * u32::from_le_bytes(*count) as usize)?;
    let (numbers, _) = numbers.as_chunks();
    Some((numbers.iter().map(|number| RawFd::from_le_bytes(*number)).collect(), text.to_vec()))
}

fn c_string(text: OsString) -> io::Result<CString> {
    Ok(CString::new(text.into_vec())?)
}

/// Looks for the program as a shell does, and returns why it can't be executed.
fn execute(args: &[CString], environment: &[CString]) -> io::Error {
    let pointers =
        |texts: &[CString]| texts.iter().map(|text| text.as_ptr()).chain([ptr::null()]).collect::<Vec<_>>();
    let (arguments, environment) = (pointers(args), pointers(environment));
    set_mask(true);
    // SAFETY: both lists end with a null, their strings with a 0, and they live for as long as this call.
    unsafe { libc::execvpe(arguments[0], arguments.as_ptr(), environment.as_ptr()) };
    let error = io::Error::last_os_error();
    set_mask(false);
    error
}

/// Has all signals wait that this thread would get, or none.
fn set_mask(all: bool) {
    let mut mask = MaybeUninit::uninit();
    // SAFETY: both calls write the mask, which the last one reads; none keeps it. They fail for no arguments of that kind.
    unsafe {
        if all {
            libc::sigfillset(mask.as_mut_ptr())
        } else {
            libc::sigemptyset(mask.as_mut_ptr())
        };
        libc::pthread_sigmask(libc::SIG_SETMASK, mask.as_ptr(), ptr::null_mut());
    }
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsFd;

    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let file = File::from(memfd_create("test", MemfdFlags::CLOEXEC).unwrap());
        let mut bytes = Vec::new();
        File::from(write(b"text", &[file.as_fd(), io::stdin().as_fd()]).unwrap())
            .read_to_end(&mut bytes)
            .unwrap();
        assert_eq!(read(&bytes), Some((vec![file.as_raw_fd(), 0], b"text".to_vec())));
        assert_eq!(read(&bytes[..FORMAT.len() + 7]), None);
        assert_eq!(read(b""), None);
    }

    #[test]
    fn without_the_variable_nothing_is_taken() {
        assert!(take("ONLOOKERS_NO_SUCH_VARIABLE").unwrap().is_none());
    }

    #[test]
    fn a_program_that_is_not_there_changes_nothing() {
        let file = File::from(memfd_create("test", MemfdFlags::CLOEXEC).unwrap());
        let error = replace(OsStr::new("/no/such/program"), [], "ONLOOKERS_NOTHING", (b"", &[file.as_fd()]));
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
        assert!(rustix::io::fcntl_getfd(&file).unwrap().contains(FdFlags::CLOEXEC));
    }
}

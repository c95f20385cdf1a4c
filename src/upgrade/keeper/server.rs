//! A process that serves, as the keeper sees it.

use std::io;
use std::thread;
use std::time::{Duration, Instant};

use onlookers_handover::{Link, LinkError, Message};
use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};

use super::message::FromServer;

/// Tells servers apart; never used twice.
pub(super) type Number = u64;

/// How long a process may take to end once it has closed its link.
const TO_END: Duration = Duration::from_secs(1);

/// How long it may take to say or to hear the rest of a message.
pub(super) const TO_SAY: Duration = Duration::from_secs(10);

/// A process that serves, or did until it gave everything to another.
pub(super) struct ServerProcess {
    pub(super) number: Number,
    pub(super) link: Link,
    /// Its number in the system, once it is known.
    pub(super) pid: Option<Pid>,
}

impl ServerProcess {
    /// A server at the other end of `link`.
    ///
    /// # Errors
    /// The system's.
    pub(super) fn new(number: Number, link: Link, pid: Option<Pid>) -> io::Result<Self> {
        link.set_timeout(Some(TO_SAY))?;
        Ok(Self { number, link, pid })
    }

    /// What it says next, with what is beside; none of a message that can't be understood, or has lost what was beside.
    ///
    /// # Errors
    /// If the link is of no use any more: the process has ended, or doesn't say the rest of a message.
    pub(super) fn hear(&self) -> Result<Option<(FromServer, Message)>, LinkError> {
        match self.link.receive() {
            // One that another version says.
            Ok(message) => Ok(serde_json::from_slice(&message.bytes).ok().map(|said| (said, message))),
            // Those connections end with the server, as their records say that others were to be there.
            Err(LinkError::Lost) => {
                tracing::error!("too many files are open: not all connections can be kept");
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    pub(super) fn signal(&self, signal: Signal) {
        if let Some(pid) = self.pid {
            // It may have ended.
            let _ = kill_process(pid, signal);
        }
    }

    /// Waits until a process that has closed its link is no more, and ends it if that takes long. Its exit code, if it has ended by itself
    /// and is this process' child.
    pub(super) fn wait(self) -> Option<u8> {
        let pid = self.pid?;
        let deadline = Instant::now() + TO_END;
        while Instant::now() < deadline {
            match waitpid(Some(pid), WaitOptions::NOHANG) {
                Ok(Some((_, status))) => return status.exit_status().map(|code| code as u8),
                Ok(None) => thread::sleep(Duration::from_millis(2)),
                // It is another process' child, which waits for it.
                Err(_) => return None,
            }
        }
        self.signal(Signal::KILL);
        let (_, status) = waitpid(Some(pid), WaitOptions::empty()).ok()??;
        status.exit_status().map(|code| code as u8)
    }
}

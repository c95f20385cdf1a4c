//! A process that serves, as the keeper sees it.

use std::io;
use std::sync::mpsc::Sender;
use std::thread;
use std::time::Duration;

use onlookers_handover::{Link, LinkError};
use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};

use super::watch::Event;
use crate::upgrade::message::{TalkError, hear};

/// Tells servers apart; never used twice.
pub(super) type Number = u64;

/// How long a process may take to end once it has closed its link.
const TO_END: Duration = Duration::from_secs(1);

/// A process that serves, or did until it gave everything to another.
pub(super) struct ServerProcess {
    pub(super) number: Number,
    pub(super) link: Link,
    /// Its number in the system, once it is known.
    pub(super) pid: Option<Pid>,
}

impl ServerProcess {
    /// A server at the other end of `link`. What it says goes to `events`.
    ///
    /// # Errors
    /// The system's, if it has no thread or file to give.
    pub(super) fn new(
        number: Number,
        link: Link,
        pid: Option<Pid>,
        events: Sender<Event>,
    ) -> io::Result<Self> {
        let from = link.try_clone()?;
        let listen = move || {
            loop {
                match hear(&from) {
                    Ok((message, descriptors)) => {
                        if events.send(Event::Said(number, message, descriptors)).is_err() {
                            return;
                        }
                    }
                    // The server lives. Those connections end with it, as their records say that others were to be there.
                    Err(TalkError::Link(LinkError::Lost)) => {
                        tracing::error!("too many files are open: not all connections can be kept");
                    }
                    Err(_) => break,
                }
            }
            let _ = events.send(Event::Ended(number));
        };
        thread::Builder::new().name("server".to_owned()).spawn(listen)?;
        Ok(Self { number, link, pid })
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
        let deadline = std::time::Instant::now() + TO_END;
        while std::time::Instant::now() < deadline {
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

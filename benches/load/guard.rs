//! A server must not outlive the bench, however the bench ends: the guard runs it and kills it when its own
//! standard input ends, which the kernel sees to even when the bench was killed.

use super::Outcome;
use rustix::process::{Pid, Signal, kill_process_group};
use std::{
    io::{Read, stdin},
    os::unix::process::CommandExt,
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

/// How often the guard looks whether the server has ended by itself.
const LOOK: Duration = Duration::from_millis(100);

/// The first argument of a bench that is to be a guard; the command follows.
pub(crate) const ROLE: &str = "guard";

/// Runs `command`, prints its process id, and kills it at the end of standard input.
pub(crate) fn watch(command: &[String]) -> Outcome<()> {
    let (program, arguments) = command.split_first().ok_or("no command to guard")?;
    // A group of its own: a keeper's server goes on without it.
    let mut child = Command::new(program).args(arguments).stdin(Stdio::null()).process_group(0).spawn()?;
    println!("pid {}", child.id());
    let input = thread::spawn(|| stdin().read_to_end(&mut Vec::new()));
    while !input.is_finished() && child.try_wait()?.is_none() {
        thread::sleep(LOOK);
    }
    end(&mut child)
}

fn end(child: &mut Child) -> Outcome<()> {
    // The group may be empty already.
    let _ = kill_process_group(Pid::from_child(child), Signal::KILL);
    child.wait()?;
    Ok(())
}

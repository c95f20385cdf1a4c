//! What the benches share that put load on a running server: processes of servers, thousands of viewers, and the
//! figures of rounds in which several servers take turns.

#![expect(dead_code, reason = "each bench leaves some of it to the others")]

pub(crate) mod account;
pub(crate) mod asker;
pub(crate) mod attack;
pub(crate) mod axes;
pub(crate) mod certificate;
pub(crate) mod changes;
pub(crate) mod crowd;
pub(crate) mod guard;
pub(crate) mod heavy;
pub(crate) mod options;
pub(crate) mod pictures;
pub(crate) mod records;
pub(crate) mod samples;
pub(crate) mod server;
pub(crate) mod stream;
pub(crate) mod tickets;
pub(crate) mod tls;
pub(crate) mod turns;

use std::{env, error::Error, process::ExitCode};

/// Every failure ends the bench with a sentence for its reader, so one boxed error serves all.
pub(crate) type Outcome<T> = Result<T, Box<dyn Error>>;

/// Runs a bench, or a server's guard if the command line asks for one.
pub(crate) fn run(name: &str, bench: impl FnOnce() -> Outcome<()>) -> ExitCode {
    let arguments: Vec<_> = env::args().skip(1).collect();
    let outcome = match arguments.split_first() {
        Some((role, command)) if role == guard::ROLE => guard::watch(command),
        _ => account::raise_file_limit().and_then(|()| bench()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{name}: {error}");
            ExitCode::FAILURE
        }
    }
}

//! Environment variables, as containers have them.

use std::env;
use std::ffi::OsStr;

use clap::error::ErrorKind;
use clap::{Command, Error};

/// `command`, which reads no variable that is set to nothing: compose files and units set those that they leave out.
pub(super) fn without_empty(command: Command) -> Command {
    let is_empty = |name: &OsStr| env::var_os(name).is_some_and(|value| value.is_empty());
    command.mut_args(|arg| if arg.get_env().is_some_and(is_empty) { arg.env(None::<&str>) } else { arg })
}

/// # Errors
/// A variable of `command` with quotes around its value. Shells remove them; env files and units of some kinds don't. The
/// value isn't named: it may be a secret.
pub(super) fn refuse_quotes(command: &Command) -> Result<(), Error> {
    let quoted = command.get_arguments().filter(|arg| arg.get_id() != "label").find(|arg| {
        arg.get_env().and_then(|name| env::var(name).ok()).is_some_and(|value| is_quoted(&value))
    });
    let Some(name) = quoted.and_then(|arg| arg.get_env()) else { return Ok(()) };
    let sentence = format!("the quotes are a part of {}, and must not be\n", name.display());
    Err(command.clone().error(ErrorKind::InvalidValue, sentence))
}

fn is_quoted(value: &str) -> bool {
    let value = value.trim();
    ['"', '\''].iter().any(|quote| value.starts_with(*quote) || value.ends_with(*quote))
}

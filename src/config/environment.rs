//! Environment variables, as containers have them.

use std::env;
use std::ffi::OsStr;

use clap::error::ErrorKind;
use clap::{Command, Error};

/// `command`, which reads no variable that is set to nothing: compose files and units set those that they leave out.
///
/// # Errors
/// A variable with quotes around its value. Shells remove them; env files and units of some kinds don't.
pub(super) fn checked(command: Command) -> Result<Command, Error> {
    let quoted = command.get_arguments().filter(|arg| arg.get_id() != "label").find_map(|arg| {
        let value = env::var(arg.get_env()?).ok()?;
        is_quoted(&value).then(|| format!("{}={value}", arg.get_env().unwrap_or_default().display()))
    });
    if let Some(quoted) = quoted {
        let sentence = format!("the quotes are part of the value, and must not be: {quoted}\n");
        return Err(command.clone().error(ErrorKind::InvalidValue, sentence));
    }
    let is_empty = |name: &OsStr| env::var_os(name).is_some_and(|value| value.is_empty());
    Ok(command.mut_args(|arg| if arg.get_env().is_some_and(is_empty) { arg.env(None::<&str>) } else { arg }))
}

fn is_quoted(value: &str) -> bool {
    let value = value.trim();
    ['"', '\''].iter().any(|quote| value.starts_with(*quote) || value.ends_with(*quote))
}

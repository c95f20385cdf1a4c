//! The file of a Unix socket, as a configuration writes it: `/run/onlookers.sock?mode=0660&group=www-data`.

use std::path::PathBuf;
use std::str::FromStr;

use super::ListenerError;

/// The longest path of a Unix socket, in bytes, on Linux. Elsewhere it may be shorter, and the system says so.
const MAX_PATH: usize = 107;

/// The owner and the group may connect.
const DEFAULT_MODE: u32 = 0o660;

/// The file of a Unix socket, and who may connect to it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SocketFile {
    /// An absolute path.
    pub path: PathBuf,
    /// Permissions, as chmod(1) has them.
    pub mode: u32,
    /// The group of the file, if it isn't the one of the process.
    pub group: Option<Group>,
}

/// A group of users.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Group {
    /// By its number.
    Id(u32),
    /// By its name.
    Name(String),
}

impl FromStr for SocketFile {
    type Err = ListenerError;

    fn from_str(text: &str) -> Result<Self, ListenerError> {
        let (path, options) = text.split_once('?').unwrap_or((text, ""));
        if !path.starts_with('/') || path.len() > MAX_PATH || path.contains('\0') {
            return Err(ListenerError("write the whole path of the socket, from / on, of at most 107 bytes"));
        }
        let mut file = Self { path: path.into(), mode: DEFAULT_MODE, group: None };
        for option in options.split('&').filter(|option| !option.is_empty()) {
            match option.split_once('=') {
                Some(("mode", mode)) => file.mode = parse_mode(mode)?,
                Some(("group", group)) => file.group = Some(parse_group(group)?),
                _ => {
                    return Err(ListenerError("a Unix socket has the options mode= and group= and no other"));
                }
            }
        }
        Ok(file)
    }
}

/// Octal digits.
fn parse_mode(text: &str) -> Result<u32, ListenerError> {
    let is_octal = !text.is_empty() && text.bytes().all(|digit| matches!(digit, b'0'..=b'7'));
    let mode = u32::from_str_radix(text, 8).ok().filter(|mode| is_octal && *mode <= 0o777);
    mode.ok_or(ListenerError("write the mode of the socket as chmod has it: mode=0660"))
}

fn parse_group(text: &str) -> Result<Group, ListenerError> {
    if text.is_empty() || text.contains([':', '\n']) {
        return Err(ListenerError("write the name of a group or its number: group=www-data"));
    }
    Ok(text.parse().map_or_else(|_| Group::Name(text.to_owned()), Group::Id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_has_a_mode_and_a_group() {
        let of = |text: &str| text.parse::<SocketFile>().unwrap();
        assert_eq!(of("/o"), SocketFile { path: "/o".into(), mode: 0o660, group: None });
        let file = of("/run/o.sock?mode=600&group=www-data");
        assert_eq!(
            file,
            SocketFile {
                path: "/run/o.sock".into(),
                mode: 0o600,
                group: Some(Group::Name("www-data".to_owned()))
            }
        );
        assert_eq!(of("/o?group=33&").group, Some(Group::Id(33)));
    }
}

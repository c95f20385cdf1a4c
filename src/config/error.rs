//! Why settings can't be used.

use std::error::Error;
use std::fmt;
use std::path::PathBuf;

/// Settings that can't be used.
#[derive(Debug)]
#[non_exhaustive]
pub enum ConfigError {
    /// A wrong argument or environment variable; also the text of `--help` and `--version`.
    Usage(clap::Error),
    /// A file that can't be read or is wrong, and the reason, which names the line and the key.
    File(PathBuf, Box<dyn Error + Send + Sync>),
    /// A setting that names files which can't be taken: its key, and the reason.
    Setting(&'static str, Box<dyn Error + Send + Sync>),
    /// A file without settings, to be read again in place of some.
    Emptied(PathBuf),
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage(error) => error.fmt(f),
            Self::File(file, source) => write!(f, "{}: {source}", file.display()),
            Self::Setting(key, source) => write!(f, "{key}: {source}"),
            Self::Emptied(file) => {
                write!(
                    f,
                    "{}: there are no settings in it any more; to do without, restart the server",
                    file.display()
                )
            }
        }
    }
}

impl Error for ConfigError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Usage(error) => Some(error),
            Self::File(_, source) | Self::Setting(_, source) => Some(&**source),
            Self::Emptied(_) => None,
        }
    }
}

//! What an operator says of Redis.

use std::path::PathBuf;

use super::url::{RedisUrl, RedisUrlError};

/// Where Redis is, and whom to trust there.
#[derive(Clone, Debug)]
pub(crate) struct RedisConfig {
    pub(crate) url: RedisUrl,
    /// A PEM file with certificates of authorities, one of which has to have signed Redis' own. If None, it is one that the
    /// system trusts.
    pub(crate) ca: Option<PathBuf>,
}

impl RedisConfig {
    /// The URL, with the authorities read.
    pub(super) fn load(self) -> Result<RedisUrl, RedisUrlError> {
        match self.ca {
            Some(file) => self.url.trusting(&file),
            None => Ok(self.url),
        }
    }
}

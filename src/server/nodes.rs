//! The other nodes, if there are any.

#[cfg(feature = "redis")]
use std::path::PathBuf;
use std::sync::Arc;

use onlookers_rooms::{Keys, Limits, Rooms};

#[cfg(feature = "redis")]
use crate::config::RedisUrl;
use crate::config::{Config, ConfigError};
#[cfg(feature = "redis")]
use crate::nodes::Connecting;
use crate::nodes::{Lease, Requested, Shared, Staying, StoredValues};
pub(super) use joined::Joined;

mod joined;
mod older;

/// The rooms of this server, before it serves, and how to reach the other nodes.
pub(super) enum Counting {
    Alone(Shared),
    #[cfg(feature = "redis")]
    Together(Box<(Connecting, Redis)>, Shared),
}

/// Where nodes meet.
#[cfg(feature = "redis")]
pub(super) struct Redis {
    url: RedisUrl,
    ca: Option<PathBuf>,
}

/// Whether what is said of Redis is fine, as far as files tell.
///
/// # Errors
/// [`ConfigError::Setting`].
pub(super) fn check(config: &Config) -> Result<(), ConfigError> {
    #[cfg(feature = "redis")]
    match (&config.redis, &config.redis_ca) {
        (Some(url), Some(file)) => {
            url.clone().trusting(file).map_err(|error| ConfigError::Setting("redis_ca", error.into()))?;
        }
        (None, Some(_)) => return Err(ConfigError::Setting("redis_ca", "it needs redis, too".into())),
        (_, None) => {}
    }
    let _ = config;
    Ok(())
}

impl Counting {
    /// Begins to connect to the store, if there is one. Needs a tokio runtime.
    ///
    /// # Errors
    /// [`ConfigError::Setting`].
    pub(super) fn of(config: &Config) -> Result<Self, ConfigError> {
        check(config)?;
        let limits =
            Limits { sites: config.max_sites.get(), pages_per_site: config.max_pages_per_site.get() };
        #[cfg(feature = "redis")]
        if let Some(url) = &config.redis {
            tracing::info!("counting together with all nodes at {url}");
            let redis = Redis { url: url.clone(), ca: config.redis_ca.clone() };
            return Ok(Self::Together(Box::new((redis.connect()?, redis)), Shared::new(limits)));
        }
        Ok(Self::Alone(Shared::new(limits)))
    }

    pub(super) fn rooms(&self) -> Arc<Rooms> {
        Arc::clone(&self.shared().rooms)
    }

    pub(super) fn requested(&self) -> Arc<Requested> {
        Arc::clone(&self.shared().requested)
    }

    fn shared(&self) -> &Shared {
        match self {
            Self::Alone(shared) => shared,
            #[cfg(feature = "redis")]
            Self::Together(_, shared) => shared,
        }
    }

    /// What nodes can share besides counts; nothing if this one is alone.
    pub(super) fn stored(&self) -> Option<StoredValues> {
        match self {
            Self::Alone(_) => None,
            #[cfg(feature = "redis")]
            Self::Together(redis, _) => Some(redis.0.stored()),
        }
    }

    /// Begins to count together with them, under the lease of the process before this one if there is one, with which something may stay.
    pub(super) async fn join(
        self,
        keys: &Arc<Keys>,
        lease: Option<Lease>,
        staying: Option<Staying>,
    ) -> Joined {
        let keys = Arc::clone(keys);
        let _ = (&lease, &staying);
        match self {
            Self::Alone(shared) => Joined::alone(shared, keys),
            #[cfg(feature = "redis")]
            Self::Together(both, shared) => {
                let (connecting, redis) = *both;
                let lease = match (lease, staying) {
                    (Some(lease), Some(staying)) => {
                        Some(staying.split_from(&lease, &connecting, &shared).await)
                    }
                    (lease, _) => lease,
                };
                let mut joined = Joined::through_redis(redis, shared, keys);
                joined.begin(connecting, lease.as_ref()).await;
                joined
            }
        }
    }
}

#[cfg(feature = "redis")]
impl Redis {
    /// Begins to connect.
    ///
    /// # Errors
    /// [`ConfigError::Setting`].
    fn connect(&self) -> Result<Connecting, ConfigError> {
        Connecting::to(self.url.clone(), self.ca.clone())
            .map_err(|error| ConfigError::Setting("redis_ca", error.into()))
    }
}

//! The other nodes, if there are any.

use std::sync::Arc;

use onlookers_rooms::{Keys, Limits, Rooms};

use crate::config::{Config, ConfigError};
#[cfg(feature = "redis")]
use crate::nodes::{Connecting, Shared};
use crate::nodes::{Lease, NodeTask, Requested, StoredValues};
use onlookers_handover::Link;

/// The rooms of this server, before it serves, and how to reach the other nodes.
pub(super) enum Counting {
    Alone(Arc<Rooms>),
    #[cfg(feature = "redis")]
    Together(Connecting, Shared),
}

/// This node among the others; nothing if it is alone.
#[derive(Default)]
pub(super) struct Joined(Option<NodeTask>);

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
            let connecting = Connecting::to(url.clone(), config.redis_ca.clone())
                .map_err(|error| ConfigError::Setting("redis_ca", error.into()))?;
            return Ok(Self::Together(connecting, Shared::new(limits)));
        }
        Ok(Self::Alone(Arc::new(Rooms::new(limits))))
    }

    pub(super) fn rooms(&self) -> Arc<Rooms> {
        Arc::clone(match self {
            Self::Alone(rooms) => rooms,
            #[cfg(feature = "redis")]
            Self::Together(_, shared) => &shared.rooms,
        })
    }

    pub(super) fn requested(&self) -> Option<Arc<Requested>> {
        match self {
            Self::Alone(_) => None,
            #[cfg(feature = "redis")]
            Self::Together(_, shared) => Some(Arc::clone(&shared.requested)),
        }
    }

    /// What nodes can share besides counts; nothing if this one is alone.
    pub(super) fn stored(&self) -> Option<StoredValues> {
        match self {
            Self::Alone(_) => None,
            #[cfg(feature = "redis")]
            Self::Together(connecting, _) => Some(connecting.stored()),
        }
    }

    /// Begins to count together with them, under the lease of the process before this one if there is one.
    pub(super) async fn join(self, keys: &Arc<Keys>, lease: Option<Lease>) -> Joined {
        let _ = lease;
        match self {
            Self::Alone(_) => {
                let _ = keys;
                Joined::default()
            }
            #[cfg(feature = "redis")]
            Self::Together(connecting, shared) => {
                let mut task = NodeTask::through_redis(connecting, shared, Arc::clone(keys));
                task.ready().await;
                Joined(Some(task))
            }
        }
    }
}

impl Joined {
    pub(super) async fn hand_over(&mut self) -> Option<Lease> {
        None
    }
    pub(super) async fn take_up(&mut self, _lease: Option<Lease>) {}
    pub(super) async fn count_with(&mut self, _link: Link, _lease: Option<Lease>) {}
    pub(super) async fn count_for(&mut self, _link: Link) {}

    /// Waits until the task that counts together with them has died.
    pub(super) async fn wait_for_death(&mut self) {
        match &mut self.0 {
            Some(task) => task.wait_for_death().await,
            None => std::future::pending().await,
        }
    }

    /// The others don't count any more what is counted here.
    pub(super) async fn leave(self) {
        if let Some(task) = self.0 {
            task.leave().await;
        }
    }
}

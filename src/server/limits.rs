//! How much clients may hold.

use crate::config::Config;
use crate::net::capacity::CapacityLimits;
use crate::net::connections::{BESIDES_VIEWERS, ConnectionLimits};
use crate::net::system::SystemLimits;

/// The limits of the configuration or, where it has none, those that follow from what the system has.
pub(super) fn of(config: &Config, system: SystemLimits) -> (CapacityLimits, ConnectionLimits) {
    let (connections, places) = (system.connections(), config.max_per_address.map(usize::from));
    let viewers = CapacityLimits {
        total: config.max_viewers.map_or(system.viewers(), usize::from),
        places_per_client: places,
        // Ten clients can't take more than half of a site's pages.
        pages_per_client: config.max_pages_per_site.get().div_ceil(20),
    };
    if viewers.total > system.viewers() {
        tracing::warn!(
            "--max-viewers {} is more than the limits of open files and memory allow: {}",
            viewers.total,
            system.viewers()
        );
    }
    let share = (connections / 16).max(64.min(connections / 2));
    let per_client = places.map_or(share, |places| places.saturating_add(BESIDES_VIEWERS));
    let others = system.others().max(BESIDES_VIEWERS);
    (viewers, ConnectionLimits { total: connections, others, per_client })
}

//! The state of a server that only tests serve with.

use clap::Parser;
use onlookers_rooms::Limits;

use super::*;
use crate::config::Cli;
use crate::net::capacity::CapacityLimits;
use crate::net::connections::ConnectionLimits;
use crate::net::quota::Quota;
use crate::nodes::Shared;

/// Has its feeds published by the test alone.
pub(crate) fn app() -> App {
    let painter = Arc::new(Painter::start(0).unwrap());
    let pictures = Arc::new(Pictures::new(1 << 20));
    let settings = Cli::try_parse_from(["onlookers"]).unwrap().config.settings();
    let capacity = Capacity::new(CapacityLimits { total: 10, places_per_client: None, pages_per_client: 10 });
    let limits = ConnectionLimits { total: 10, others: 1, per_client: 10 };
    let shared = Shared::new(Limits::default());
    App {
        settings: RwLock::new(Arc::new(settings)),
        replaced: Notify::new(),
        rooms: shared.rooms,
        requested: shared.requested,
        keys: Arc::new(Keys::new().unwrap()),
        feeds: Feeds::new(Arc::clone(&painter), Arc::clone(&pictures), Arc::new(())),
        painter,
        pictures,
        themes: Themes::default(),
        connections: Connections::new(Arc::clone(&capacity), limits),
        challenges: Arc::default(),
        main_peer: MainPeer::default(),
        sites_without_pages: OncePerSite::default(),
        metrics: ServerMetrics::default(),
        agents: None,
        is_stopping: false.into(),
        tls_clients: Quota::new(usize::MAX),
        capacity,
    }
}

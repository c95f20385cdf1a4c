//! The state that the whole server shares.

use std::net::IpAddr;
use std::pin::pin;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, PoisonError, RwLock};

use onlookers_picture::Themes;
use onlookers_rooms::{Keys, LimitReached, RoomName, Rooms, Site, ViewerId, Visitor};
use tokio::sync::Notify;

use crate::feeds::{Feeds, Membership, Topic};
use crate::logging::once_per_site::OncePerSite;
use crate::metrics::ServerMetrics;
use crate::net::address::ClientNetwork;
use crate::net::capacity::Capacity;
use crate::net::challenges::Challenges;
use crate::net::connections::Connections;
use crate::net::main_peer::MainPeer;
use crate::net::remote::Agents;
use crate::net::tls::TlsClients;
use crate::nodes::Requested;
use crate::painting::{Painter, Pictures};
use crate::settings::Settings;

pub(crate) use ready::{FULL, Unready};

mod ready;
#[cfg(test)]
pub(crate) mod tests;

/// Everything that requests are judged by and answered from.
pub(crate) struct App {
    pub(crate) settings: RwLock<Arc<Settings>>,
    /// Notified when others come into force.
    pub(crate) replaced: Notify,
    pub(crate) rooms: Arc<Rooms>,
    /// What requests ask for of the other nodes, while there are any.
    pub(crate) requested: Arc<Requested>,
    pub(crate) keys: Arc<Keys>,
    pub(crate) feeds: Feeds,
    pub(crate) painter: Arc<Painter>,
    pub(crate) pictures: Arc<Pictures>,
    pub(crate) themes: Themes,
    pub(crate) capacity: Arc<Capacity>,
    /// The connections with TLS that each client has.
    pub(crate) tls_clients: TlsClients,
    pub(crate) connections: Arc<Connections>,
    pub(crate) challenges: Arc<Challenges>,
    pub(crate) main_peer: MainPeer,
    /// The sites of which the log says that `page=auto` finds no page there.
    pub(crate) sites_without_pages: OncePerSite,
    pub(crate) metrics: ServerMetrics,
    /// Where viewers are known, so that a reload can deny them.
    pub(crate) agents: Option<Agents>,
    pub(crate) is_stopping: AtomicBool,
}

impl App {
    /// The settings in force now. A request keeps the ones that it began with.
    pub(crate) fn settings(&self) -> Arc<Settings> {
        Arc::clone(&self.settings.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Puts `settings` into force. Open streams stay open.
    pub(crate) fn replace_settings(&self, settings: Settings) {
        self.feeds.replace_titles(settings.titles());
        *self.settings.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(settings);
        self.replaced.notify_waiters();
    }

    /// Waits until the settings deny the client at `address`, by that alone.
    pub(crate) async fn wait_for_denial(&self, address: IpAddr) {
        loop {
            let mut replaced = pin!(self.replaced.notified());
            // Before the settings are looked at, so that none come between the two.
            replaced.as_mut().enable();
            if self.settings().denied.denies_client(address, b"") {
                return;
            }
            replaced.await;
        }
    }

    /// The site that a client is charged a page of if it opens `room`: one of its pages, which nobody has open. Clients of a
    /// private network are charged nothing, as they may be all visitors of a site behind a proxy.
    pub(crate) fn page_of<'r>(&self, room: &'r RoomName, client: ClientNetwork) -> Option<&'r Site> {
        let is_charged = client.is_public() && room.as_page().is_some() && !self.rooms.is_open(room);
        is_charged.then(|| room.of_site())
    }

    /// Makes a WebSocket a member of the group that receives `topic` of a room. With `visitor` it is counted in the room,
    /// too: as that visitor, or by itself.
    ///
    /// # Errors
    /// [`LimitReached`], if it would be one room too many.
    pub(crate) fn join_group(
        &self,
        name: &RoomName,
        topic: Topic,
        id: ViewerId,
        visitor: Option<Option<&Visitor>>,
    ) -> Result<Membership, LimitReached> {
        let group = self.feeds.open_group(&self.rooms.open(name), topic);
        match visitor {
            Some(visitor) => Membership::counted(group, id, || self.rooms.join(name, visitor)),
            None => Ok(Membership::observer(group, id)),
        }
    }
}

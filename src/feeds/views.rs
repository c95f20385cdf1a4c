//! How many views a room may have beside its usual one, and a client may open: each is painted anew at each change.

use onlookers_rooms::RoomName;
use onlookers_rooms::sync::Arc;

use crate::net::quota::{Quota, QuotaPermit};
use crate::painting::Payer;

/// A site uses a few styles; those who look at one room choose a few more.
const MAX_OF_ROOM: usize = 64;

/// How many of them one client may have opened: it takes many clients to leave nothing to others.
const MAX_OF_CLIENT_IN_ROOM: usize = 4;

/// A reader may have several pages open, each with several pictures.
const MAX_OF_CLIENT: usize = 32;

/// The unusual views that are open, by room and by the client that opened them.
pub(super) struct Views {
    rooms: Arc<Quota<RoomName>>,
    clients: Arc<Quota<Payer>>,
    clients_in_rooms: Arc<Quota<(RoomName, Payer)>>,
}

/// Held by the feed of an unusual view.
pub(super) struct ViewPermit {
    _room: QuotaPermit<RoomName>,
    // Of a client that is certainly one.
    _client: Option<QuotaPermit<Payer>>,
    _client_in_room: Option<QuotaPermit<(RoomName, Payer)>>,
}

impl Views {
    pub(super) fn new() -> Self {
        Self {
            rooms: Quota::new(MAX_OF_ROOM),
            clients: Quota::new(MAX_OF_CLIENT),
            clients_in_rooms: Quota::new(MAX_OF_CLIENT_IN_ROOM),
        }
    }

    /// A permit for one more view of `room`; none if the room or the client has too many. A private address is probably a
    /// proxy's and stands for many clients, so it counts only towards the room.
    pub(super) fn acquire(&self, room: RoomName, client: &Payer) -> Option<ViewPermit> {
        let mut permit =
            ViewPermit { _room: self.rooms.acquire(room.clone())?, _client: None, _client_in_room: None };
        if client.is_one() {
            permit._client = Some(self.clients.acquire(client.clone())?);
            permit._client_in_room = Some(self.clients_in_rooms.acquire((room, client.clone()))?);
        }
        Some(permit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_room_and_a_client_have_so_many_views_and_get_them_back() {
        let views = Views::new();
        let room = |page: usize| format!("example.com/{page}").parse::<RoomName>().unwrap();
        let client = |number: u8| Payer::client([192, 0, 2, number].into());
        let mut of_client: Vec<_> = (0..).map_while(|page| views.acquire(room(page), &client(1))).collect();
        assert_eq!(of_client.len(), MAX_OF_CLIENT);
        of_client.clear();
        let in_room: Vec<_> = (0..).map_while(|_| views.acquire(room(0), &client(1))).collect();
        assert_eq!(in_room.len(), MAX_OF_CLIENT_IN_ROOM);
        drop(in_room);
        let of_room: Vec<_> = (0..=255).map_while(|number| views.acquire(room(0), &client(number))).collect();
        assert_eq!(of_room.len(), MAX_OF_ROOM);
        drop(of_room);
        // A proxy stands for many clients.
        let proxy = Payer::client([10, 0, 0, 1].into());
        let of_proxy: Vec<_> = (0..).map_while(|_| views.acquire(room(0), &proxy)).collect();
        assert_eq!(of_proxy.len(), MAX_OF_ROOM);
        drop(of_proxy);
        assert!(views.rooms.is_empty() && views.clients.is_empty() && views.clients_in_rooms.is_empty());
    }
}

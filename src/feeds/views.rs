//! How many views a room may have beside its usual one, and a client may open: each is painted anew at each change.

use std::collections::HashMap;
use std::hash::Hash;

use onlookers_rooms::RoomName;
use onlookers_rooms::sync::{Arc, Mutex};

use crate::painting::Payer;

/// A site uses a few styles; those who look at one room choose a few more.
const MAX_OF_ROOM: usize = 64;

/// How many of them one client may have opened: it takes many clients to leave nothing to others.
const MAX_OF_CLIENT_IN_ROOM: usize = 4;

/// A reader may have several pages open, each with several pictures.
const MAX_OF_CLIENT: usize = 32;

/// The unusual views that are open, by room and by the client that opened them.
#[derive(Default)]
pub(super) struct Views {
    rooms: Mutex<HashMap<RoomName, usize>>,
    clients: Mutex<HashMap<Payer, usize>>,
    clients_in_rooms: Mutex<HashMap<(RoomName, Payer), usize>>,
}

/// Held by the feed of an unusual view.
pub(super) struct ViewPermit {
    views: Arc<Views>,
    room: Option<RoomName>,
    client: Option<Payer>,
    client_in_room: Option<(RoomName, Payer)>,
}

impl Views {
    /// A permit for one more view of `room`; none if the room or the client has too many. A private address is probably a
    /// proxy's and stands for many clients, so it counts only towards the room.
    pub(super) fn acquire(self: &Arc<Self>, room: RoomName, client: &Payer) -> Option<ViewPermit> {
        let client = client.is_one().then(|| client.clone());
        let mut permit =
            ViewPermit { views: Arc::clone(self), room: None, client: None, client_in_room: None };
        permit.room = Some(add(&self.rooms, room.clone(), MAX_OF_ROOM)?);
        if let Some(client) = client {
            permit.client = Some(add(&self.clients, client.clone(), MAX_OF_CLIENT)?);
            permit.client_in_room = Some(add(&self.clients_in_rooms, (room, client), MAX_OF_CLIENT_IN_ROOM)?);
        }
        Some(permit)
    }
}

impl Drop for ViewPermit {
    fn drop(&mut self) {
        self.room.take().inspect(|room| remove(&self.views.rooms, room));
        self.client.take().inspect(|client| remove(&self.views.clients, client));
        self.client_in_room.take().inspect(|both| remove(&self.views.clients_in_rooms, both));
    }
}

/// Counts one more of `key` and returns that; none if there are `limit` already.
fn add<K: Hash + Eq + Clone>(counts: &Mutex<HashMap<K, usize>>, key: K, limit: usize) -> Option<K> {
    let mut counts = counts.lock();
    let count = counts.entry(key.clone()).or_default();
    if *count >= limit {
        return None;
    }
    *count += 1;
    Some(key)
}

fn remove<K: Hash + Eq>(counts: &Mutex<HashMap<K, usize>>, key: &K) {
    let mut counts = counts.lock();
    if let Some(count) = counts.get_mut(key) {
        *count -= 1;
        if *count == 0 {
            counts.remove(key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_room_and_a_client_have_so_many_views_and_get_them_back() {
        let views = Arc::new(Views::default());
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
        assert!(views.rooms.lock().is_empty() && views.clients.lock().is_empty());
        assert!(views.clients_in_rooms.lock().is_empty());
    }
}

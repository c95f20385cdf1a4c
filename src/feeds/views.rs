//! How many views a room may have beside its usual one, and a client may open: each is painted anew at each change.

use std::collections::HashMap;
use std::hash::Hash;

use onlookers_rooms::RoomName;
use onlookers_rooms::sync::{Arc, Mutex};

use crate::painting::Payer;

/// A site uses a few styles; those who look at one room choose a few more.
const MAX_OF_ROOM: usize = 32;

/// A page may show several pictures, and a reader may have several pages open.
const MAX_OF_CLIENT: usize = 16;

/// The unusual views that are open, by room and by the client that opened them.
#[derive(Default)]
pub(super) struct Views {
    rooms: Mutex<HashMap<RoomName, usize>>,
    clients: Mutex<HashMap<Payer, usize>>,
}

/// Held by the feed of an unusual view.
pub(super) struct ViewPermit {
    views: Arc<Views>,
    room: RoomName,
    client: Payer,
}

impl Views {
    /// A permit for one more view of `room`; none if the room or the client has too many.
    pub(super) fn acquire(self: &Arc<Self>, room: RoomName, client: &Payer) -> Option<ViewPermit> {
        if !add(&self.rooms, &room, MAX_OF_ROOM) {
            return None;
        }
        if !add(&self.clients, client, MAX_OF_CLIENT) {
            remove(&self.rooms, &room);
            return None;
        }
        Some(ViewPermit { views: Arc::clone(self), room, client: client.clone() })
    }
}

impl Drop for ViewPermit {
    fn drop(&mut self) {
        remove(&self.views.rooms, &self.room);
        remove(&self.views.clients, &self.client);
    }
}

fn add<K: Hash + Eq + Clone>(counts: &Mutex<HashMap<K, usize>>, key: &K, limit: usize) -> bool {
    let mut counts = counts.lock();
    let count = counts.entry(key.clone()).or_default();
    let has_room = *count < limit;
    *count += usize::from(has_room);
    has_room
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
        let of_room: Vec<_> = (0..=255).map_while(|number| views.acquire(room(0), &client(number))).collect();
        assert_eq!(of_room.len(), MAX_OF_ROOM);
        drop(of_room);
        assert!(views.rooms.lock().is_empty() && views.clients.lock().is_empty());
    }
}

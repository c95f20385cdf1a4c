//! The state that the whole server shares.

use std::sync::{Arc, PoisonError, RwLock};

use crate::circle::{Attendance, Circles, Telling, ViewerId};
use crate::feed::Feeds;
use crate::net::capacity::Capacity;
use crate::picture::Themes;
use crate::pictures::Pictures;
use crate::room::{Keys, NoRoom, RoomName, Rooms, Visitor};
use crate::settings::Settings;

/// Everything that requests are judged by and answered from.
pub(crate) struct App {
    pub(crate) settings: RwLock<Arc<Settings>>,
    pub(crate) rooms: Rooms,
    pub(crate) keys: Keys,
    pub(crate) feeds: Feeds,
    pub(crate) circles: Circles,
    pub(crate) pictures: Arc<Pictures>,
    pub(crate) themes: Themes,
    pub(crate) capacity: Arc<Capacity>,
}

impl App {
    /// The settings in force now. A request keeps the ones that it began with.
    pub(crate) fn settings(&self) -> Arc<Settings> {
        Arc::clone(&self.settings.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Puts `settings` into force. Open streams stay open.
    pub(crate) fn replace_settings(&self, settings: Settings) {
        *self.settings.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(settings);
    }

    /// Subscribes a WebSocket to a room. With `visitor` it is counted there too: as that visitor, or by itself.
    pub(crate) fn attend(
        &self,
        name: &RoomName,
        telling: Telling,
        id: ViewerId,
        visitor: Option<Option<&Visitor>>,
    ) -> Result<Attendance, NoRoom> {
        let circle = self.circles.open(&self.rooms.open(name), telling);
        Attendance::new(circle, id, visitor.map(|visitor| move || self.rooms.join(name, visitor)))
    }
}

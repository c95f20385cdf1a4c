//! Counting together with others: what they are told, and what they say.

use super::Rooms;
use crate::journal::LocalChange;
use crate::limits::Limits;
use crate::name::RoomName;
use crate::posts::Post;
use crate::site::SiteCounts;
use crate::sync::Arc;
use crate::tally::Counts;

impl Rooms {
    /// No rooms yet, of whose changes others are to be told.
    pub fn with_others(limits: Limits, wake: impl Fn() + Send + Sync + 'static) -> Self {
        let rooms = Self::new(limits);
        rooms.begin_sharing(wake);
        rooms
    }

    /// From now on others are to be told of changes: `wake` is called when there is something to [take](Self::take_changes). It has
    /// to be quick. At first that is everything; and all rooms that somebody looks at are to be asked about. This and
    /// [`stop_sharing`](Self::stop_sharing) are not for two threads at once.
    pub fn begin_sharing(&self, wake: impl Fn() + Send + Sync + 'static) {
        self.journal.begin(Arc::new(wake));
        for site in self.sites.entries() {
            SiteCounts::tell_all(&site);
            SiteCounts::ask_all(&site);
        }
        self.journal.wake();
    }

    /// From now on there are no others: what they count is forgotten, and what they were to be told.
    pub fn stop_sharing(&self) {
        self.journal.end();
        self.sites.entries().iter().for_each(|site| site.forget_others());
        self.journal.forget();
        self.totals.report(Counts::default());
    }

    /// Whether there are others.
    pub fn is_sharing(&self) -> bool {
        self.journal.is_on()
    }

    /// Takes what is to be said to others about rooms, of at most so many bytes.
    pub fn take_posts(&self, most: usize) -> Vec<(RoomName, Post)> {
        self.journal.take_posts(most)
    }

    /// Others say something about a room.
    pub fn deliver(&self, name: &RoomName, post: Post) {
        let (site, page) = self.hashes(name);
        let Some(site) = self.sites.find(site) else { return };
        match post {
            Post::Message { from, text } => {
                let room = site.lock().state(page).and_then(|room| room.room.upgrade());
                room.inspect(|room| room.deliver(from, text));
            }
            Post::Mark { visitor, position } => {
                SiteCounts::reach_as(&site, page, visitor, position);
            }
        }
    }

    /// Takes the rooms that somebody has begun to look at, and that the others are now to be asked about. Reports about such a room
    /// were ignored until now.
    pub fn take_opened(&self) -> Vec<RoomName> {
        let opened = self.journal.take_opened();
        opened.iter().filter_map(|(site, page)| SiteCounts::take_opened(site, *page)).collect()
    }

    /// Takes the changes that haven't been told to others, of at most so many rooms.
    pub fn take_changes(&self, most: usize) -> Vec<LocalChange> {
        let changed = self.journal.take(most);
        changed.iter().filter_map(|(site, page)| SiteCounts::take_change(site, *page)).collect()
    }

    /// Whether there is no change and no post to take.
    pub fn has_told_all(&self) -> bool {
        self.journal.is_empty()
    }

    /// Has everything told to others anew.
    pub fn tell_all(&self) {
        self.sites.entries().iter().for_each(SiteCounts::tell_all);
    }

    /// Has everything of a room told to others anew, if it exists.
    pub fn tell_all_of(&self, name: &RoomName) {
        let (site, page) = self.hashes(name);
        self.sites.find(site).inspect(|site| SiteCounts::tell_all_of(site, page));
    }
}

//! The guard of a group's member: making it announces a join, dropping it a leave.

use std::sync::atomic::Ordering;

use onlookers_rooms::{CountGuard, Identity, LimitReached, ViewerId};

use super::{GroupRef, Topic};
use crate::net::capacity::Place;

/// A viewer's place in a group, and in the count of its room if it is counted there.
pub(crate) struct Membership {
    group: GroupRef,
    id: ViewerId,
    guard: Option<CountGuard>,
    /// The charge of its client. Dropped after the guard: the page is still open until then.
    place: Option<Box<Place>>,
}

impl Membership {
    /// A member that isn't counted and isn't announced.
    pub(crate) fn observer(group: GroupRef, id: ViewerId) -> Self {
        group.members.fetch_add(1, Ordering::Relaxed);
        Self { group, id, guard: None, place: None }
    }

    /// A member that joins the room by `join`. The join is announced with the count that it is in, so the notice is put
    /// there before the count changes.
    ///
    /// # Errors
    /// [`LimitReached`], if `join` says so.
    pub(crate) fn counted(
        group: GroupRef,
        id: ViewerId,
        join: impl FnOnce() -> Result<CountGuard, LimitReached>,
    ) -> Result<Self, LimitReached> {
        let mut member = Self::observer(group, id);
        if member.is_announced() {
            member.group.state.lock().roster.join(id);
        }
        match join() {
            Ok(guard) => {
                member.guard = Some(guard);
                if member.is_announced() {
                    member.group.room.appear(id);
                }
            }
            Err(limit) => {
                member.announce_leave();
                return Err(limit);
            }
        }
        Ok(member)
    }

    /// A member that has moved here from another process, where it was announced: others may know it.
    pub(crate) fn moved(group: GroupRef, id: ViewerId, guard: Option<CountGuard>) -> Self {
        let mut member = Self::observer(group, id);
        member.guard = guard;
        if member.guard.is_some() && member.is_announced() {
            member.group.state.lock().roster.reveal(id);
            member.group.room.appear(id);
        }
        member
    }

    /// The same, with what its client is charged for it.
    pub(crate) fn with_place(mut self, place: Option<Box<Place>>) -> Self {
        self.place = place;
        self
    }

    pub(crate) fn group(&self) -> &GroupRef {
        &self.group
    }

    /// What its client is charged for it.
    pub(crate) fn place(&self) -> Option<&Place> {
        self.place.as_deref()
    }

    /// As whom it is counted, if it is.
    pub(crate) fn identity(&self) -> Option<Identity> {
        self.guard.as_ref().map(CountGuard::identity)
    }

    /// The guard, if the member is counted.
    pub(crate) fn guard(&mut self) -> Option<&mut CountGuard> {
        self.guard.as_mut()
    }

    /// Members are announced where the others get joins and leaves.
    fn is_announced(&self) -> bool {
        self.group.topic == Topic::Counts
    }

    fn announce_leave(&self) {
        if self.is_announced() {
            self.group.state.lock().leave(self.id);
        }
    }
}

impl Drop for Membership {
    fn drop(&mut self) {
        if self.guard.is_some() {
            self.group.room.disappear(self.id);
            self.announce_leave();
        }
        self.group.members.fetch_sub(1, Ordering::Relaxed);
        // The guard goes after this; with it the count changes, and with the count the leave goes out.
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use onlookers_rooms::{Limits, Rooms};
    use tokio::time::Instant;

    use super::*;
    use crate::feeds::{Feeds, moved};
    use crate::painting::{Painter, Pictures};

    #[test]
    fn a_member_that_has_gone_takes_no_turn() {
        // Its tasks never run, so nothing goes out meanwhile.
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let _entered = runtime.enter();
        let feeds =
            Feeds::new(Arc::new(Painter::start(0).unwrap()), Arc::new(Pictures::new(0)), Arc::new(()));
        let (rooms, name) = (Rooms::new(Limits::default()), "example.com/a".parse().unwrap());
        let group = feeds.open_group(&rooms.open(&name), Topic::Counts);
        for id in (0..100).map(ViewerId::new) {
            let member = Membership::counted(Arc::clone(&group), id, || rooms.join(&name, None)).unwrap();
            moved(&group, id);
            drop(member);
        }
        let state = group.state.lock();
        let posts = state.posts.as_ref().expect("members have moved");
        assert_eq!(posts.due(Instant::now(), Duration::ZERO), None);
        assert_eq!(group.members.load(Ordering::Relaxed), 0);
    }
}

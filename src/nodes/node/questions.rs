//! What the node asks of the store, and when.

use std::sync::Arc;

use onlookers_rooms::{LocalChange, RoomName};
use tokio::time::Instant;

use super::{BATCH_POSTS, BATCH_VISITORS, Node};
use crate::nodes::asked::Asked;
use crate::nodes::follower::Question;
use crate::nodes::rankings;
use crate::nodes::store::{Found, NodeId, Store, StoreError};

/// Of how many sites the pages are read at once.
const SITES_AT_ONCE: usize = 256;

impl<S: Store> Node<S> {
    /// Asks the store whatever is due, one question of each kind at a time.
    pub(super) fn ask(&mut self, asked: &mut Asked) {
        let now = Instant::now();
        // Before anything is told or asked: whoever looks at a room waits for no batch.
        self.rooms.take_opened().iter().for_each(|room| self.follower.watch(room, &self.leases));
        let (store, id) = (&self.store, self.id);
        if asked.renewal.is_none() && now >= self.renew_at {
            (self.renew_at, self.unanswered) = (now + self.leases.timing().renewal, self.unanswered + 1);
            self.settling.renewing();
            self.requested.expire(now);
            let total = self.rooms.totals_here();
            asked.renewal.ask(store, move |store| async move { store.renew(id, total).await });
        }
        if asked.publication.is_none() && self.publish_at.is_some_and(|at| now >= at) {
            self.publish(asked, now);
        }
        // Over a network it takes longer to tell all than to read.
        let may_read = !self.pace.is_local() || !self.settling.will_read(now);
        if asked.answer.is_none()
            && !self.is_alone
            && let Some(question) = self.follower.next_question(may_read)
        {
            asked.answer.ask(&self.store, move |store| async move { answer(&*store, question).await });
        }
        if asked.ranking.is_none()
            && !self.is_alone
            && let Some((sites, wanted)) = self.rankings.due(&self.rooms, &self.leases, now)
        {
            let read = move |store: Arc<S>| async move { rankings::read(&*store, sites, wanted).await };
            asked.ranking.ask(&self.store, read);
            self.settling.ranking();
        }
        if asked.own.is_none() && self.is_rolled_back && now >= self.own_at {
            asked.own.ask(&self.store, move |store| async move { rooms_of(&*store, id).await });
        }
        if asked.reaping.is_none()
            && let Some((partition, node, renewals)) = self.dead.take()
        {
            let reap = move |store: Arc<S>| async move { store.reap(partition, node, renewals).await };
            asked.reaping.ask(&self.store, reap);
        }
        if asked.key.is_none()
            && !self.is_doubtful
            && !self.is_alone
            && now >= self.key_at
            && let Some((day, proposal)) = self.keys.missing()
        {
            let key = move |store: Arc<S>| async move { Ok((day, store.daily_key(day, proposal).await?)) };
            asked.key.ask(&self.store, key);
        }
        self.ask_for_all(asked);
    }

    /// As many changes as one batch may have.
    fn take_changes(&self) -> Vec<LocalChange> {
        let (mut changes, mut visitors) = (Vec::new(), 0);
        let most = self.pace.most();
        while changes.len() < most && visitors < BATCH_VISITORS {
            let more = self.rooms.take_changes(100.min(most - changes.len()));
            // All of a room may have to be told.
            visitors += more
                .iter()
                .map(|change| change.visitors.as_ref().map_or(change.known, |some| some.len() as u64))
                .sum::<u64>();
            if more.is_empty() {
                break;
            }
            changes.extend(more);
        }
        changes
    }

    /// Takes the rooms' changes, and publishes them. If the store may not have what they follow, they aren't kept either: all
    /// is told anew later.
    fn publish(&mut self, asked: &mut Asked, now: Instant) {
        let (local, posts) = (self.take_changes(), self.rooms.take_posts(BATCH_POSTS));
        let is_all = local.is_empty() && posts.is_empty() || self.rooms.has_told_all();
        (self.publish_at, self.published_at) = ((!is_all).then_some(now + self.pace.gap()), now);
        let closed = local.iter().filter(|change| !change.is_looked_at);
        closed.for_each(|change| self.follower.unwatch(&change.room));
        if self.is_doubtful {
            return;
        }
        let changes = self.publisher.publish(&local, self.pace.most());
        self.batch = changes.len();
        if self.publisher.has_gone() {
            self.publish_soon();
        }
        self.settling.telling(is_all && !self.publisher.has_gone());
        if changes.is_empty() && posts.is_empty() {
            self.settling.told();
            self.recovered();
        } else {
            let id = self.id;
            let publish = move |store: Arc<S>| async move { store.publish(id, &changes, &posts).await };
            asked.publication.ask(&self.store, publish);
        }
    }
}

async fn answer<S: Store>(store: &S, question: Question) -> (Question, Result<Vec<Found>, StoreError>) {
    let found = match &question {
        Question::Listen(rooms) => store.listen(rooms).await.map(|()| Vec::new()),
        Question::Unlisten(rooms) => store.unlisten(rooms).await.map(|()| Vec::new()),
        Question::Read(wanted) => store.read(wanted).await,
    };
    (question, found)
}

/// All rooms that the store has of a node.
async fn rooms_of<S: Store>(store: &S, node: NodeId) -> Result<Vec<RoomName>, StoreError> {
    let (sites, mut rooms) = (store.read_sites(node).await?, Vec::new());
    for sites in sites.chunks(SITES_AT_ONCE) {
        let wanted: Vec<_> = sites.iter().map(|site| (node, site.clone())).collect();
        for (site, pages) in sites.iter().zip(store.read_pages(&wanted).await?) {
            rooms.push(RoomName::site(site.clone()));
            rooms.extend(pages.into_iter().map(|(page, _)| RoomName::page(site.clone(), page)));
        }
    }
    Ok(rooms)
}

//! What the node does when something has happened.

use std::collections::HashMap;

use tokio::time::Instant;

use super::{LOOK, Node};
use crate::nodes::asked::Event;
use crate::nodes::follower::Question;
use crate::nodes::store::{Hint, Leases, Partition, Store, StoreError};

impl<S: Store> Node<S> {
    pub(super) fn handle(&mut self, event: Event) {
        match event {
            Event::Due => {}
            Event::Settle(waiting) => self.settle(waiting),
            Event::Changed => {
                self.publish_soon();
                self.rankings.look(&self.rooms, Instant::now());
            }
            Event::Heard(hint) => self.hear(hint),
            Event::Renewed(renewed) => self.renewed(&renewed),
            Event::Published(Ok(())) => {
                self.publisher.told();
                self.settling.told();
                self.rest();
                self.recovered();
            }
            Event::Published(Err(error)) => {
                self.is_doubtful = true;
                self.settling.not_told();
                self.pace.failed(self.batch);
                self.complain(&error);
            }
            Event::Answered(question, Ok(found)) => {
                match question {
                    Question::Listen(rooms) => self.follower.listening(&rooms, &self.leases),
                    Question::Unlisten(_) => {}
                    Question::Read(wanted) => self.follower.found(&wanted, found),
                }
                self.look_for_end();
            }
            Event::Answered(question, Err(error)) => {
                self.complain(&error);
                match question {
                    Question::Read(wanted) => self.follower.not_found(&wanted),
                    // The store listens to them as soon as it can, and then says that something was missed.
                    Question::Listen(_) => self.follower.not_listening(),
                    Question::Unlisten(_) => {}
                }
            }
            Event::Ranked(Ok(found)) => {
                self.rankings.found(&self.rooms, found, Instant::now());
                self.settling.ranked();
                self.requested.know_ranking();
            }
            Event::Key(Ok((day, key))) => {
                self.keys.adopt(day, key);
                self.is_ready.send_replace(true);
            }
            Event::ToldAll(told) => self.all_have_told(told),
            Event::Ranked(Err(error)) => {
                self.settling.ranked();
                self.complain(&error);
            }
            Event::Reaped(Err(error)) => self.complain(&error),
            Event::Key(Err(error)) => {
                self.key_at = Instant::now() + self.leases.timing().renewal;
                self.complain(&error);
            }
            Event::Own(Ok(rooms)) => {
                (self.is_rolled_back, self.is_doubtful) = (false, false);
                self.publisher.take_back(rooms);
                self.begin_anew();
            }
            Event::Own(Err(error)) => {
                self.own_at = Instant::now() + self.leases.timing().renewal;
                self.complain(&error);
            }
            Event::Reaped(Ok(())) => self.dead = self.leases.bury(Instant::now()),
        }
    }

    pub(super) fn publish_soon(&mut self) {
        let soonest = (self.published_at + self.pace.gap()).max(Instant::now());
        self.publish_at.get_or_insert(soonest);
    }

    /// The next changes wait, if these have taken long.
    fn rest(&mut self) {
        self.pace.answered(self.batch, self.published_at.elapsed());
        let soonest = self.published_at + self.pace.gap();
        self.publish_at = self.publish_at.map(|_| soonest);
    }

    /// Where some partitions have failed, the leases of the others are in force all the same.
    fn renewed(&mut self, renewed: &[Result<Leases, StoreError>]) {
        let now = Instant::now();
        if let Some(Err(error)) = renewed.first()
            && renewed.iter().all(Result::is_err)
        {
            return self.complain(error);
        }
        let is_partial = renewed.iter().any(Result::is_err);
        let [mut is_lost, mut is_older] = [false; 2];
        for (before, leases) in self.renewals.iter_mut().zip(renewed) {
            let Ok(Leases { own, .. }) = leases else { continue };
            // Renewals without an answer may have been counted, too.
            is_lost |= *own <= self.unanswered;
            is_older |= *own > self.unanswered && *own <= *before;
            *before = *own;
        }
        self.unanswered = 0;
        if is_lost {
            self.keys.share_again();
        }
        if self.keys.is_shared() {
            // A process that goes on as another one has its keys, and asks for none.
            self.is_ready.send_replace(true);
        }
        let has_missed = self.has_missed;
        self.publisher.renewed();
        self.is_rolled_back |= is_older;
        if self.is_rolled_back {
            // It may have rooms that this node doesn't count anybody in: these are asked for, and then all is told anew.
            self.is_doubtful = true;
        } else if self.is_doubtful || is_lost {
            self.is_doubtful = false;
            self.begin_anew();
        } else {
            self.recovered();
        }
        if has_missed {
            self.publisher.doubt_recent();
            self.publish_soon();
        }
        self.has_missed &= is_partial;
        let mut unread: HashMap<_, Vec<_>> = HashMap::new();
        for (partition, leases) in Partition::all().zip(renewed) {
            let Ok(leases) = leases else { continue };
            let nodes = self.leases.update(partition, &leases.others, has_missed, now);
            if partition == Partition::FIRST {
                self.totals.found(&leases.totals);
            }
            if !nodes.is_empty() {
                unread.insert(partition, nodes);
            }
        }
        self.requested.figures.renewed();
        self.leases_changed();
        if !unread.is_empty() {
            self.follower.read_nodes(&unread);
        }
        if self.dead.is_none() {
            self.dead = self.leases.bury(now);
        }
        self.read_once_more();
    }

    /// All is told anew.
    fn begin_anew(&mut self) {
        self.publisher.begin_anew();
        self.publish_soon();
    }

    fn hear(&mut self, hint: Hint) {
        let now = Instant::now();
        match hint {
            Hint::Changed(node, _) | Hint::Said(node, ..) if node == self.id => {}
            Hint::Said(_, room, post) => self.rooms.deliver(&room, post),
            Hint::Changed(node, change) => {
                if self.leases.is_in_force(Partition::of(change.room.of_site()), node) {
                    self.follower.hear(node, &change);
                } else {
                    self.renew_at = self.renew_at.min(now + LOOK);
                }
            }
            // Of its own, this one knows.
            Hint::Split(nodes, _) if nodes.contains(&self.id) => {}
            Hint::Split([node, new], room) => {
                let partition = Partition::of(room.of_site());
                if self.leases.is_in_force(partition, node) {
                    self.leases.come(partition, new, now);
                    self.follower.split(&room, [node, new]);
                }
            }
            Hint::Left(node) => {
                let left = self.leases.left(node, now);
                self.leases_changed();
                self.follower.forget(&left);
            }
            Hint::Missed => {
                (self.has_missed, self.renew_at) = (true, now);
                self.keys.share_again();
            }
        }
    }

    pub(super) fn complain(&mut self, error: &StoreError) {
        self.requested.figures.failures.count();
        if !self.is_alone {
            self.is_alone = true;
            self.requested.set_alone(true);
            tracing::warn!(%error, "the store fails: until it is back, only this node's viewers will be counted here");
        }
    }

    pub(super) fn recovered(&mut self) {
        if self.is_alone {
            self.is_alone = false;
            self.requested.set_alone(false);
            tracing::info!("the store is back: all nodes are counted");
        }
    }
}

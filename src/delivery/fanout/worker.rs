//! One fan-out thread: a poll, a slab of viewers, their feeds as groups.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use bytes::Bytes;
use mio::event::Event;
use mio::{Events, Poll, Token, Waker};
use slab::Slab;
use smallvec::SmallVec;

use super::repaint::Repaint;
use super::sender::Sender;
use super::viewer::{Gone, Key, Viewer};
use super::{Command, Doorbell, FanoutOptions, Newcomer};
use crate::feed::{FeedId, FeedRef};

const DOORBELL: Token = Token(usize::MAX);

/// A thread may spend one part in five of its time on publishing: what a round took, four times over, it rests.
const REST: u32 = 4;

pub(super) struct Worker {
    number: u32,
    poll: Poll,
    sender: Sender,
    viewers: Slab<Viewer>,
    /// The opening of whoever is let in; kept, so that it isn't memory anew for each.
    opening: Vec<u8>,
    /// One past the highest key in use since there last was no viewer: how far the repaint has to go.
    places: usize,
    /// Boxed: the table is up to half empty, and of very many feeds most have one viewer.
    groups: HashMap<FeedId, Box<Group>>,
    /// The feeds with a frame that hasn't been sent, each once.
    due: Vec<FeedId>,
    rested: Instant,
    gone: Vec<usize>,
    repaint: Repaint,
    write_timeout: Duration,
    /// Until when the viewers have to take their last part, if this is the end.
    end: Option<Instant>,
}

/// The viewers that one feed has on this thread.
struct Group {
    feed: FeedRef,
    frame: Bytes,
    /// Of very many feeds a few; so these need no memory of their own.
    members: SmallVec<[Key; 4]>,
    due: bool,
}

impl Worker {
    pub(super) fn new(number: u32, options: FanoutOptions) -> io::Result<(Self, Waker)> {
        let poll = Poll::new()?;
        let waker = Waker::new(poll.registry(), DOORBELL)?;
        let now = Instant::now();
        let worker = Self {
            number,
            poll,
            sender: Sender::new(options.sends)?,
            viewers: Slab::new(),
            opening: Vec::new(),
            places: 0,
            groups: HashMap::new(),
            due: Vec::new(),
            rested: now,
            gone: Vec::new(),
            // Firefox has its turn each time the cursor comes by, everyone else every second time.
            repaint: Repaint::new(options.repaint / 2, now),
            write_timeout: options.write_timeout,
            end: None,
        };
        Ok((worker, waker))
    }

    /// Serves until told to end, and until then every viewer has closed or is out of time.
    pub(super) fn run(&mut self, inbox: &Receiver<Command>, doorbell: &Doorbell) {
        let mut events = Events::with_capacity(1024);
        while !self.is_over() {
            if let Err(error) = self.poll.poll(&mut events, self.patience())
                && error.kind() != io::ErrorKind::Interrupted
            {
                tracing::error!(%error, "a fan-out thread can't poll");
            }
            for event in &events {
                self.hear(event);
            }
            doorbell.reset();
            inbox.try_iter().for_each(|command| self.obey(command));
            self.publish();
            self.repaint();
            self.part();
        }
    }

    fn is_over(&self) -> bool {
        self.end.is_some_and(|end| self.viewers.is_empty() || Instant::now() >= end)
    }

    /// How long the poll may wait for an event.
    fn patience(&self) -> Option<Duration> {
        let now = Instant::now();
        let repaint = self.repaint.rest(self.places, now);
        let publish = (!self.due.is_empty()).then(|| self.rested.saturating_duration_since(now));
        let end = self.end.map(|end| end.saturating_duration_since(now));
        [repaint, publish, end].into_iter().flatten().min()
    }

    fn hear(&mut self, event: &Event) {
        let Token(key) = event.token();
        // None for the doorbell, which has rung by waking this thread.
        let Some(viewer) = self.viewers.get_mut(key) else { return };
        let mut standing = Ok(());
        if event.is_readable() || event.is_read_closed() || event.is_error() {
            standing = viewer.drain();
        }
        if standing.is_ok() && event.is_writable() {
            standing = self.resume(key);
        }
        self.note(key, standing);
    }

    fn resume(&mut self, key: usize) -> Result<(), Gone> {
        let viewer = &mut self.viewers[key];
        let newest = &self.groups[&viewer.feed].frame;
        viewer.resume(newest, self.poll.registry(), Token(key))?;
        if self.end.is_some() { viewer.finish() } else { Ok(()) }
    }

    fn obey(&mut self, command: Command) {
        match command {
            Command::Admit(newcomer) => self.admit(newcomer),
            Command::Publish(feed) if self.end.is_none() => self.mark(feed),
            Command::Publish(_) => {}
            Command::End { within } => self.end(within),
        }
    }

    fn admit(&mut self, newcomer: Newcomer) {
        if self.viewers.is_empty() {
            self.places = 0;
            self.repaint.restart(Instant::now());
        }
        let entry = self.viewers.vacant_entry();
        let key = entry.key();
        let (feed, junk) = (Arc::clone(&newcomer.feed), newcomer.junk);
        self.opening.clear();
        newcomer.opening.write(&mut self.opening);
        let id = feed.id();
        let (number, ending) = (self.number, self.end.is_some());
        let group = self.groups.entry(id).or_insert_with(|| Box::new(Group::new(feed, number, ending)));
        if !ending {
            // What the feed shows now, even if the others here are yet to get it: nobody begins with an older number.
            group.frame = group.feed.newest();
        }
        let registry = self.poll.registry();
        let place = group.members.len() as u32;
        let viewer = match Viewer::new(newcomer, place, registry, Token(key)) {
            Ok(viewer) => entry.insert(viewer),
            Err(error) => {
                tracing::warn!(%error, "a viewer's socket can't be watched");
                self.forget_if_empty(id);
                return;
            }
        };
        group.members.push(key as Key);
        self.places = self.places.max(key + 1);
        let mut standing = viewer
            .open(&self.opening, &group.frame, registry, Token(key))
            .and_then(|()| viewer.count_junk(junk));
        if ending && standing.is_ok() {
            standing = viewer.finish();
        }
        self.note(key, standing);
    }

    /// Has the feed's newest frame sent in the next round.
    fn mark(&mut self, feed: FeedId) {
        if let Some(group) = self.groups.get_mut(&feed)
            && !group.due
        {
            group.due = true;
            self.due.push(feed);
        }
    }

    /// Sends the frames that are due, if the thread has rested from the round before.
    fn publish(&mut self) {
        let started = Instant::now();
        if self.due.is_empty() || started < self.rested {
            return;
        }
        for feed in std::mem::take(&mut self.due) {
            self.send_to_all(feed);
        }
        let now = Instant::now();
        self.rested = now + (now - started) * REST;
    }

    fn send_to_all(&mut self, feed: FeedId) {
        // A feed may have lost its last viewer since it was marked.
        let Some(group) = self.groups.get_mut(&feed) else { return };
        let started = Instant::now();
        group.due = false;
        group.frame = group.feed.newest();
        let registry = self.poll.registry();
        let gone = self.sender.send(&group.members, &mut self.viewers, registry, |_| &group.frame);
        self.gone.extend(gone);
        group.feed.spend(started.elapsed());
    }

    /// Sends the frames of those viewers once more whose turn it is, and lets those go that have taken none for long.
    fn repaint(&mut self) {
        let now = Instant::now();
        if self.end.is_some() || self.viewers.is_empty() {
            return;
        }
        let mut turn = Vec::new();
        for key in self.repaint.step(self.places, now).into_iter().flatten() {
            let Some(viewer) = self.viewers.get_mut(key) else { continue };
            if viewer.has_taken_nothing_for(self.write_timeout, now) {
                self.gone.push(key);
            } else if !viewer.is_stalled() && viewer.takes_turn() {
                turn.push(key as Key);
            }
        }
        let frame_of = |viewer: &Viewer| self.groups[&viewer.feed].repaint();
        self.gone.extend(self.sender.send(&turn, &mut self.viewers, self.poll.registry(), frame_of));
    }

    /// Sends everyone the last part.
    fn end(&mut self, within: Duration) {
        self.end = Some(Instant::now() + within);
        self.due.clear();
        for group in self.groups.values_mut() {
            group.frame = group.feed.closing();
            for &key in &group.members {
                let key = key as usize;
                let viewer = &mut self.viewers[key];
                let sent = viewer.send(&group.frame, self.poll.registry(), Token(key));
                if sent.and_then(|()| viewer.finish()).is_err() {
                    self.gone.push(key);
                }
            }
        }
    }

    fn note(&mut self, key: usize, standing: Result<(), Gone>) {
        if standing.is_err() {
            self.gone.push(key);
        }
    }

    /// Parts with those that have gone: dropping a viewer closes its socket and takes its presence out of the room.
    fn part(&mut self) {
        for key in std::mem::take(&mut self.gone) {
            let Some(viewer) = self.viewers.try_remove(key) else { continue };
            let Some(group) = self.groups.get_mut(&viewer.feed) else { continue };
            group.members.swap_remove(viewer.place as usize);
            if let Some(&moved) = group.members.get(viewer.place as usize) {
                self.viewers[moved as usize].place = viewer.place;
            }
            self.forget_if_empty(viewer.feed);
        }
        self.give_memory_back();
    }

    fn forget_if_empty(&mut self, feed: FeedId) {
        if self.groups.get(&feed).is_some_and(|group| group.members.is_empty())
            && let Some(group) = self.groups.remove(&feed)
        {
            group.feed.detach(self.number);
        }
    }

    fn give_memory_back(&mut self) {
        if self.viewers.is_empty() && self.viewers.capacity() > 0 {
            self.viewers = Slab::new();
            self.groups.shrink_to_fit();
            self.places = 0;
        }
    }
}

impl Group {
    fn new(feed: FeedRef, thread: u32, ending: bool) -> Self {
        // Attached before the look at the newest frame, so that none comes between the two.
        feed.attach(thread);
        let frame = if ending { feed.closing() } else { feed.newest() };
        Self { feed, frame, members: SmallVec::new(), due: false }
    }

    /// What its viewers get once more when nothing changes.
    fn repaint(&self) -> &Bytes {
        self.feed.repaint(&self.frame)
    }
}

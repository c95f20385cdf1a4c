//! The questions to the store that have no answer yet, and what else may happen to a node.

use std::future::{Future, pending};
use std::pin::Pin;
use std::sync::Arc;

use onlookers_rooms::RoomName;
use tokio::time::Instant;

use super::figures::NodeFigures;
use super::follower::Question;
use super::node::Waiting;
use super::rankings::BySite;
use super::store::{Found, Hint, Leases, StoreError};

/// What has happened.
pub(super) enum Event {
    /// The rooms have something to tell.
    Changed,
    /// It is time for something.
    Due,
    Renewed(Vec<Result<Leases, StoreError>>),
    Published(Result<(), StoreError>),
    Answered(Question, Result<Vec<Found>, StoreError>),
    Ranked(Result<BySite, StoreError>),
    /// The rooms that the store has of this node.
    Own(Result<Vec<RoomName>, StoreError>),
    Reaped(Result<(), StoreError>),
    Key(Result<(u64, [u8; 16]), StoreError>),
    /// All nodes have told everything, as far as the store knows them.
    ToldAll(Result<(), StoreError>),
    Heard(Hint),
    /// Somebody waits until all is told and known.
    Settle(Waiting),
}

/// The questions that are being answered, one of a kind.
pub(super) struct Asked {
    pub(super) renewal: Slot<Vec<Result<Leases, StoreError>>>,
    pub(super) publication: Slot<Result<(), StoreError>>,
    pub(super) answer: Slot<(Question, Result<Vec<Found>, StoreError>)>,
    pub(super) ranking: Slot<Result<BySite, StoreError>>,
    pub(super) own: Slot<Result<Vec<RoomName>, StoreError>>,
    pub(super) reaping: Slot<Result<(), StoreError>>,
    pub(super) key: Slot<Result<(u64, [u8; 16]), StoreError>>,
    pub(super) told_all: Slot<Result<(), StoreError>>,
}

/// One question, or none.
pub(super) struct Slot<T> {
    answer: Option<Pin<Box<dyn Future<Output = T> + Send>>>,
    figures: Arc<NodeFigures>,
}

impl Asked {
    /// None yet. How long each takes is noted in `figures`.
    pub(super) fn new(figures: &Arc<NodeFigures>) -> Self {
        Self {
            renewal: Slot::new(figures),
            publication: Slot::new(figures),
            answer: Slot::new(figures),
            ranking: Slot::new(figures),
            own: Slot::new(figures),
            reaping: Slot::new(figures),
            key: Slot::new(figures),
            told_all: Slot::new(figures),
        }
    }

    /// The next answer; none comes if there is no question.
    pub(super) async fn next(&mut self) -> Event {
        tokio::select! {
            renewed = self.renewal.answered() => Event::Renewed(renewed),
            published = self.publication.answered() => Event::Published(published),
            (question, found) = self.answer.answered() => Event::Answered(question, found),
            ranked = self.ranking.answered() => Event::Ranked(ranked),
            own = self.own.answered() => Event::Own(own),
            reaped = self.reaping.answered() => Event::Reaped(reaped),
            key = self.key.answered() => Event::Key(key),
            told = self.told_all.answered() => Event::ToldAll(told),
        }
    }
}

impl<T> Slot<T> {
    fn new(figures: &Arc<NodeFigures>) -> Self {
        Self { answer: None, figures: Arc::clone(figures) }
    }

    pub(super) fn is_none(&self) -> bool {
        self.answer.is_none()
    }

    pub(super) fn ask<S, F>(&mut self, store: &Arc<S>, question: impl FnOnce(Arc<S>) -> F)
    where
        F: Future<Output = T> + Send + 'static,
    {
        let (question, figures) = (question(Arc::clone(store)), Arc::clone(&self.figures));
        self.answer = Some(Box::pin(async move {
            let asked = Instant::now();
            let answer = question.await;
            figures.answers.add(asked.elapsed());
            answer
        }));
    }

    /// The answer; none comes if there is no question.
    pub(super) async fn answered(&mut self) -> T {
        let answer = match &mut self.answer {
            Some(answer) => answer.await,
            None => pending().await,
        };
        self.answer = None;
        answer
    }
}

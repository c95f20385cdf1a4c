//! The questions to the store that have no answer yet, and what else may happen to a node.

use std::future::{Future, pending};
use std::pin::Pin;
use std::sync::Arc;

use super::follower::Question;
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
    Reaped(Result<(), StoreError>),
    Key(Result<(u64, [u8; 16]), StoreError>),
    Heard(Hint),
}

/// The questions that are being answered, one of a kind.
#[derive(Default)]
pub(super) struct Asked {
    pub(super) renewal: Slot<Vec<Result<Leases, StoreError>>>,
    pub(super) publication: Slot<Result<(), StoreError>>,
    pub(super) answer: Slot<(Question, Result<Vec<Found>, StoreError>)>,
    pub(super) ranking: Slot<Result<BySite, StoreError>>,
    pub(super) reaping: Slot<Result<(), StoreError>>,
    pub(super) key: Slot<Result<(u64, [u8; 16]), StoreError>>,
}

/// One question, or none.
pub(super) struct Slot<T>(Option<Pin<Box<dyn Future<Output = T> + Send>>>);

impl Asked {
    /// The next answer; none comes if there is no question.
    pub(super) async fn next(&mut self) -> Event {
        tokio::select! {
            renewed = self.renewal.answered() => Event::Renewed(renewed),
            published = self.publication.answered() => Event::Published(published),
            (question, found) = self.answer.answered() => Event::Answered(question, found),
            ranked = self.ranking.answered() => Event::Ranked(ranked),
            reaped = self.reaping.answered() => Event::Reaped(reaped),
            key = self.key.answered() => Event::Key(key),
        }
    }
}

impl<T> Default for Slot<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<T> Slot<T> {
    pub(super) fn is_none(&self) -> bool {
        self.0.is_none()
    }

    pub(super) fn ask<S, F>(&mut self, store: &Arc<S>, question: impl FnOnce(Arc<S>) -> F)
    where
        F: Future<Output = T> + Send + 'static,
    {
        self.0 = Some(Box::pin(question(Arc::clone(store))));
    }

    async fn answered(&mut self) -> T {
        let answer = match &mut self.0 {
            Some(answer) => answer.await,
            None => pending().await,
        };
        self.0 = None;
        answer
    }
}

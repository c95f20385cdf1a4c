//! One connection to a server: for commands, and for the hints that come along with their answers (RESP3).
//!
//! A task of its own opens it, and opens another whenever it is lost. While there is none, commands fail at once. The crate's
//! own ConnectionManager has them wait as long as it tries, and doesn't say when it has subscribed again. Its connection to a
//! cluster takes the notice that a slot has moved away for the answer to a command.

use std::sync::Arc;
use std::time::{Duration, Instant};

use redis::{FromRedisValue, Pipeline, RedisError};
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;
use tokio::time::sleep;

use super::endpoint::Endpoint;
use super::former::Former;
use super::open::Open;
use super::pause::Pause;
use super::subscriptions::Subscriptions;
use super::url::RedisUrl;
use crate::nodes::store::{Partition, StoreError};

/// How long a connection has to last, with opening it, for the pauses to begin at the shortest again.
pub(super) const LASTING: Duration = Duration::from_secs(4);

/// Errors that say that another server has the keys.
const ELSEWHERE: [&str; 5] = ["MOVED", "ASK", "READONLY", "CLUSTERDOWN", "MASTERDOWN"];

/// The connection, as those have it that use it. It is closed with this.
pub(super) struct Link {
    state: Arc<watch::Sender<State>>,
    scope: Scope,
    keeper: JoinHandle<()>,
}

#[derive(Clone)]
enum State {
    /// The first attempt hasn't ended.
    Starting,
    Up(Open),
    /// Why there is none.
    Down(String),
}

/// What a connection is for.
#[derive(Clone)]
pub(super) struct Scope {
    pub(super) endpoint: Endpoint,
    pub(super) url: RedisUrl,
    pub(super) subscriptions: Arc<Subscriptions>,
    /// Whose hints come over it.
    pub(super) partitions: Vec<Partition>,
    /// Whether the server is one of a cluster, which has a channel only on the node that has its slot.
    pub(super) is_sharded: bool,
    /// Whether hints may have been missed before the first connection.
    pub(super) has_missed: bool,
    /// Notified when there is no connection, and when another server may have the keys.
    pub(super) trouble: Arc<Notify>,
}

impl Link {
    /// Begins to connect, in a task of the runtime that this is called in.
    pub(super) fn new(scope: Scope) -> Self {
        let state = Arc::new(watch::Sender::new(State::Starting));
        let keeper = Keeper { state: Arc::clone(&state), scope: scope.clone() };
        Self { state, scope, keeper: tokio::spawn(keeper.keep()) }
    }

    /// Sends commands, and returns all of their answers.
    pub(super) async fn ask<T: FromRedisValue>(&self, commands: &Pipeline) -> Result<T, StoreError> {
        let open = self.open().await?;
        let answers = open.ask(commands).await;
        answers.map_err(|error| self.failed(&open, error))
    }

    /// Sends commands, and waits until they are done.
    pub(super) async fn tell(&self, commands: &Pipeline) -> Result<(), StoreError> {
        self.ask(commands).await
    }

    pub(super) fn scope(&self) -> &Scope {
        &self.scope
    }

    pub(super) async fn subscribe(&self, channels: &[String]) -> Result<(), StoreError> {
        let open = self.open().await?;
        let subscribed = open.subscribe(channels, self.scope.is_sharded).await;
        subscribed.map_err(|error| self.failed(&open, error))
    }

    pub(super) async fn unsubscribe(&self, channels: &[String]) -> Result<(), StoreError> {
        let open = self.open().await?;
        let unsubscribed = open.unsubscribe(channels, self.scope.is_sharded).await;
        unsubscribed.map_err(|error| self.failed(&open, error))
    }

    /// The connection, if there is one; of the first one, the attempt is waited for.
    async fn open(&self) -> Result<Open, StoreError> {
        let mut state = self.state.subscribe();
        let state = state.wait_for(|state| !matches!(state, State::Starting)).await;
        match state.as_deref() {
            Ok(State::Up(open)) => Ok(open.clone()),
            Ok(State::Down(why)) => Err(StoreError(why.clone())),
            Ok(State::Starting) | Err(_) => Err(StoreError("there is no connection yet".to_owned())),
        }
    }

    /// A connection that doesn't answer in time is given up: another may work, and if it is Redis that is slow, nothing is
    /// gained by sending it more. So is one to a replica: a sentinel may know the master.
    fn failed(&self, open: &Open, error: RedisError) -> StoreError {
        let (is_broken, error) =
            (error.is_timeout() || error.is_unrecoverable_error(), self.scope.url.error(error));
        let code = error.0.split(' ').next().unwrap_or_default();
        if is_broken || code == "READONLY" {
            open.give_up();
        }
        if ELSEWHERE.contains(&code) {
            self.scope.trouble.notify_one();
        }
        error
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.keeper.abort();
    }
}

/// What opens connections, one after the other.
struct Keeper {
    state: Arc<watch::Sender<State>>,
    scope: Scope,
}

impl Keeper {
    async fn keep(self) {
        let (mut pause, mut former, mut has_missed) = (Pause::default(), None, self.scope.has_missed);
        loop {
            let begun = Instant::now();
            let why = self.serve(&mut former, has_missed).await;
            self.state.send_replace(State::Down(self.scope.url.error(why).0));
            self.scope.trouble.notify_one();
            has_missed = true;
            if begun.elapsed() > LASTING {
                pause = Pause::default();
            }
            sleep(pause.next()).await;
        }
    }

    /// Opens a connection, and returns why there is none any more.
    async fn serve(&self, former: &mut Option<Former>, has_missed: bool) -> RedisError {
        match Open::new(&self.scope, former).await {
            Ok(open) => self.use_until_lost(open, has_missed).await,
            Err(error) => error,
        }
    }

    /// Rooms that are added from now on are subscribed to by those that add them; all others are subscribed to here.
    async fn use_until_lost(&self, open: Open, has_missed: bool) -> RedisError {
        let Scope { subscriptions, partitions, is_sharded, .. } = &self.scope;
        self.state.send_replace(State::Up(open.clone()));
        let subscribed = open.subscribe(&subscriptions.channels(partitions), *is_sharded).await;
        if let Err(error) = subscribed {
            return error;
        }
        if has_missed {
            subscriptions.missed();
        }
        open.lost().await;
        RedisError::from(std::io::Error::other("the connection was lost"))
    }
}

//! An open connection.

use std::io::ErrorKind;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{
    AsyncConnectionConfig, Client, FromRedisValue, Pipeline, PushInfo, PushKind, RedisError, RedisResult,
    Value,
};
use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

use super::endpoint::TIMEOUT;
use super::former::Former;
use super::keys::LEFT;
use super::link::Scope;
use super::url::prepared;

/// The longest that an answer may take while hints come. They come before it, so there may be many.
const LONGEST: Duration = Duration::from_secs(10);

/// How many channels one command names, or one pipeline.
const MOST_CHANNELS: usize = 1000;

#[derive(Clone)]
pub(super) struct Open {
    commands: MultiplexedConnection,
    signs: Arc<Signs>,
}

/// What is known of a connection besides the answers.
struct Signs {
    begun: Instant,
    /// When a hint or an answer came last, in milliseconds since it was opened.
    heard: AtomicU64,
    lost: Notify,
    /// How many channels of a cluster this node has asked to hear no more, and isn't answered about yet.
    asked: AtomicU64,
    /// Whether the server has taken a channel back: the slot is another's. The crate takes such a notice for the answer to a
    /// command, and then each answer for that to the next.
    is_withdrawn: AtomicBool,
}

impl Open {
    /// Has the server close the former connection first.
    pub(super) async fn new(scope: &Scope, former: &mut Option<Former>) -> Result<Self, RedisError> {
        let open = Self::connect(scope).await?;
        let mut commands = open.commands.clone();
        *former = open.in_time(Former::replace(former.as_ref(), &mut commands)).await?;
        open.in_time(open.commands.clone().subscribe(LEFT)).await?;
        Ok(open)
    }

    async fn connect(scope: &Scope) -> Result<Self, RedisError> {
        let signs = Arc::new(Signs::new());
        let (subscriptions, heard) = (Arc::clone(&scope.subscriptions), Arc::clone(&signs));
        let hear = move |push: PushInfo| -> Result<(), ()> {
            match push.kind {
                PushKind::Disconnection => heard.lost.notify_one(),
                PushKind::SUnsubscribe => heard.unsubscribed(),
                _ => {
                    heard.hear();
                    subscriptions.hear(&push);
                }
            }
            Ok(())
        };
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(TIMEOUT))
            .set_response_timeout(None)
            .set_push_sender(hear);
        let client = Client::open(prepared(scope.endpoint.find().await?))?;
        let commands = client.get_multiplexed_async_connection_with_config(&config).await?;
        Ok(Self { commands, signs })
    }

    pub(super) async fn ask<T: FromRedisValue>(&self, commands: &Pipeline) -> Result<T, RedisError> {
        let answers = self.in_time(commands.query_async(&mut self.commands.clone())).await;
        if self.signs.is_withdrawn.load(Ordering::SeqCst) {
            return Err(RedisError::from(std::io::Error::other("another node has the slot")));
        }
        answers
    }

    /// The answers, unless nothing at all comes from the server for two seconds.
    async fn in_time<T>(&self, answers: impl Future<Output = RedisResult<T>>) -> RedisResult<T> {
        let (mut answers, begun) = (pin!(answers), Instant::now());
        loop {
            let end = (self.signs.heard_at().max(begun) + TIMEOUT).min(begun + LONGEST);
            match timeout_at(end, answers.as_mut()).await {
                Ok(answers) => {
                    self.signs.hear();
                    return answers;
                }
                Err(_) if end < begun + LONGEST && self.signs.heard_at() + TIMEOUT > end => {}
                Err(_) => return Err(std::io::Error::from(ErrorKind::TimedOut).into()),
            }
        }
    }

    pub(super) async fn subscribe(&self, channels: &[String], is_sharded: bool) -> Result<(), RedisError> {
        for channels in channels.chunks(MOST_CHANNELS) {
            match is_sharded {
                true => self.each("SSUBSCRIBE", channels).await?,
                false => self.in_time(self.commands.clone().subscribe(channels)).await?,
            }
        }
        Ok(())
    }

    pub(super) async fn unsubscribe(&self, channels: &[String], is_sharded: bool) -> Result<(), RedisError> {
        for channels in channels.chunks(MOST_CHANNELS) {
            if is_sharded {
                self.signs.asked.fetch_add(channels.len() as u64, Ordering::SeqCst);
                // Then it isn't known any more which answers are to come.
                self.each("SUNSUBSCRIBE", channels).await.inspect_err(|_| self.give_up())?;
            } else {
                self.in_time(self.commands.clone().unsubscribe(channels)).await?;
            }
        }
        Ok(())
    }

    /// One command for each channel: those of one command would have to be in the same slot.
    async fn each(&self, command: &str, channels: &[String]) -> Result<(), RedisError> {
        let mut commands = redis::pipe();
        for channel in channels {
            commands.cmd(command).arg(channel);
        }
        let _: Vec<Value> = self.ask(&commands).await?;
        Ok(())
    }

    pub(super) fn give_up(&self) {
        self.signs.lost.notify_one();
    }

    /// Returns when the connection is lost, or has been given up.
    pub(super) async fn lost(&self) {
        self.signs.lost.notified().await;
    }
}

impl Signs {
    fn new() -> Self {
        Self {
            begun: Instant::now(),
            heard: AtomicU64::new(0),
            lost: Notify::new(),
            asked: AtomicU64::new(0),
            is_withdrawn: AtomicBool::new(false),
        }
    }

    fn hear(&self) {
        self.heard.store(self.begun.elapsed().as_millis() as u64, Ordering::Relaxed);
    }

    fn heard_at(&self) -> Instant {
        self.begun + Duration::from_millis(self.heard.load(Ordering::Relaxed))
    }

    fn unsubscribed(&self) {
        let less = |asked: u64| asked.checked_sub(1);
        if self.asked.fetch_update(Ordering::SeqCst, Ordering::SeqCst, less).is_err() {
            self.is_withdrawn.store(true, Ordering::SeqCst);
            self.lost.notify_one();
        }
    }
}

//! An open connection.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, FromRedisValue, Pipeline, PushInfo, PushKind, RedisError, Value};
use tokio::sync::Notify;

use super::endpoint::TIMEOUT;
use super::former::Former;
use super::keys::LEFT;
use super::link::Scope;
use super::url::prepared;

/// How many channels one command names, or one pipeline.
const MOST_CHANNELS: usize = 1000;

#[derive(Clone)]
pub(super) struct Open {
    commands: MultiplexedConnection,
    signs: Arc<Signs>,
}

/// What is known of a connection besides the answers.
#[derive(Default)]
struct Signs {
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
        let mut open = Self::connect(scope).await?;
        *former = Former::replace(former.as_ref(), &mut open.commands).await?;
        open.commands.subscribe(LEFT).await?;
        Ok(open)
    }

    async fn connect(scope: &Scope) -> Result<Self, RedisError> {
        let signs = Arc::<Signs>::default();
        let (subscriptions, heard) = (Arc::clone(&scope.subscriptions), Arc::clone(&signs));
        let hear = move |push: PushInfo| -> Result<(), ()> {
            match push.kind {
                PushKind::Disconnection => heard.lost.notify_one(),
                PushKind::SUnsubscribe => heard.unsubscribed(),
                _ => subscriptions.hear(&push),
            }
            Ok(())
        };
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(TIMEOUT))
            .set_response_timeout(Some(TIMEOUT))
            .set_push_sender(hear);
        let client = Client::open(prepared(scope.endpoint.find().await?))?;
        let commands = client.get_multiplexed_async_connection_with_config(&config).await?;
        Ok(Self { commands, signs })
    }

    pub(super) async fn ask<T: FromRedisValue>(&self, commands: &Pipeline) -> Result<T, RedisError> {
        let answers = commands.query_async(&mut self.commands.clone()).await;
        if self.signs.is_withdrawn.load(Ordering::SeqCst) {
            return Err(RedisError::from(std::io::Error::other("another node has the slot")));
        }
        answers
    }

    pub(super) async fn subscribe(&self, channels: &[String], is_sharded: bool) -> Result<(), RedisError> {
        for channels in channels.chunks(MOST_CHANNELS) {
            match is_sharded {
                true => self.each("SSUBSCRIBE", channels).await?,
                false => self.commands.clone().subscribe(channels).await?,
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
                self.commands.clone().unsubscribe(channels).await?;
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
    fn unsubscribed(&self) {
        let less = |asked: u64| asked.checked_sub(1);
        if self.asked.fetch_update(Ordering::SeqCst, Ordering::SeqCst, less).is_err() {
            self.is_withdrawn.store(true, Ordering::SeqCst);
            self.lost.notify_one();
        }
    }
}

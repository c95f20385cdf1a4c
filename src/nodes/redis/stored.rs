//! Values that nodes keep in Redis besides what they count, each under a key of its own. A node replaces or removes only the
//! value that it has read, so none is lost unnoticed.

use std::sync::Arc;
use std::time::Duration;

use redis::{FromRedisValue, Pipeline};

use super::servers::Servers;
use crate::nodes::store::StoreError;

/// The longest value that is read, in bytes.
const LONGEST: usize = 512 * 1024;

/// KEYS: the value's. ARGV: the value as it was read, what takes its place, and perhaps how long that is kept.
const REPLACE: &str = "\
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end \
redis.call('SET', KEYS[1], ARGV[2], unpack(ARGV, 3)) \
return 1";

/// KEYS: the value's. ARGV: the value, and how many milliseconds more it is kept.
const EXTEND: &str = "\
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end \
return redis.call('PEXPIRE', KEYS[1], ARGV[2])";

/// KEYS: the value's. ARGV: the value.
const REMOVE: &str = "\
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end \
return redis.call('UNLINK', KEYS[1])";

/// The values, over the connections that counts go over. Calls fail like those of [`Redis`](super::Redis).
#[derive(Clone)]
pub(crate) struct StoredValues(pub(super) Arc<Servers>);

impl StoredValues {
    /// The value, up to its 512th KiB; none if it is missing or empty.
    pub(crate) async fn read(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let mut commands = redis::pipe();
        commands.cmd("GETRANGE").arg(key).arg(0).arg(LONGEST - 1);
        let value: Vec<u8> = self.ask(key, &commands).await?;
        Ok(Some(value).filter(|value| !value.is_empty()))
    }

    /// Writes a value in place of the one that was read; of none, if none was there. Tells whether it still was so. Without a
    /// lifetime the value stays.
    pub(crate) async fn replace(
        &self,
        key: &str,
        before: Option<&[u8]>,
        value: &[u8],
        lifetime: Option<Duration>,
    ) -> Result<bool, StoreError> {
        let mut commands = redis::pipe();
        match before {
            Some(before) => commands.cmd("EVAL").arg(REPLACE).arg(1).arg(key).arg(before).arg(value),
            None => commands.cmd("SET").arg(key).arg(value).arg("NX"),
        };
        if let Some(lifetime) = lifetime {
            commands.arg("PX").arg(milliseconds(lifetime));
        }
        match before {
            Some(_) => self.ask(key, &commands).await,
            None => self.ask(key, &commands).await.map(|done: Option<String>| done.is_some()),
        }
    }

    /// Keeps a value for so long from now on. Tells whether it was still there.
    pub(crate) async fn extend(
        &self,
        key: &str,
        value: &[u8],
        lifetime: Duration,
    ) -> Result<bool, StoreError> {
        let mut commands = redis::pipe();
        commands.cmd("EVAL").arg(EXTEND).arg(1).arg(key).arg(value).arg(milliseconds(lifetime));
        self.ask(key, &commands).await
    }

    /// Has a value that would stay for ever go after `usual`, and each after `longest` at most, whatever it is.
    pub(crate) async fn bound(
        &self,
        key: &str,
        usual: Duration,
        longest: Duration,
    ) -> Result<(), StoreError> {
        let mut commands = redis::pipe();
        commands.cmd("PEXPIRE").arg(key).arg(milliseconds(usual)).arg("NX").ignore();
        // Where there is none to bound, Redis answers 0.
        commands.cmd("PEXPIRE").arg(key).arg(milliseconds(longest)).arg("LT");
        self.ask::<i64>(key, &commands).await.map(drop)
    }

    /// Removes a value. Tells whether it was still there.
    pub(crate) async fn remove(&self, key: &str, value: &[u8]) -> Result<bool, StoreError> {
        let mut commands = redis::pipe();
        commands.cmd("EVAL").arg(REMOVE).arg(1).arg(key).arg(value);
        self.ask(key, &commands).await
    }

    /// The answer to one command.
    async fn ask<T: FromRedisValue>(&self, key: &str, commands: &Pipeline) -> Result<T, StoreError> {
        let (answer,) = self.0.of_key(key).await?.ask(commands).await?;
        Ok(answer)
    }
}

/// As Redis counts lifetimes, of which none is 0.
fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX).clamp(1, i64::MAX as u64 / 4)
}

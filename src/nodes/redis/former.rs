//! The connection before this one. Its commands may still be on their way, or wait in a server that is frozen: executed late,
//! they would overwrite what is newer. So the next connection has Redis close it first.

use redis::aio::MultiplexedConnection;
use redis::{RedisResult, Value, from_redis_value};

/// What connections are called in `CLIENT LIST`.
const NAME: &str = "onlookers";

/// A connection, as the server knows it. The address is needed because a server counts from 1 again after a restart.
pub(super) struct Former {
    pub(super) id: String,
    pub(super) address: String,
}

impl Former {
    /// Has the server close the former connection, and returns this one. Without either where the server's rules don't
    /// allow it.
    ///
    /// # Errors
    /// The connection's.
    pub(super) async fn replace(
        former: Option<&Self>,
        connection: &mut MultiplexedConnection,
    ) -> RedisResult<Option<Self>> {
        let mut commands = redis::pipe();
        commands.cmd("CLIENT").arg("INFO").cmd("CLIENT").arg("SETNAME").arg(NAME);
        if let Some(Self { id, address }) = former {
            commands.cmd("CLIENT").arg("KILL").arg("ID").arg(id).arg("ADDR").arg(address);
        }
        let answers: Vec<RedisResult<Value>> = commands.ignore_errors().query_async(connection).await?;
        let info = answers.into_iter().next().and_then(Result::ok);
        Ok(info.and_then(|info| Self::parse(&from_redis_value::<String>(info).ok()?)))
    }

    /// From `id=3 addr=127.0.0.1:60052 laddr=…`.
    fn parse(info: &str) -> Option<Self> {
        let value =
            |name| info.split_whitespace().find_map(|word| word.strip_prefix(name)).map(str::to_owned);
        Some(Self { id: value("id=")?, address: value("addr=")? })
    }
}

//! What a connection is opened to: a server, or the master that sentinels name at that moment.

use std::time::Duration;

use redis::{AsyncConnectionConfig, Client, ConnectionInfo, RedisError};

use super::url::RedisUrl;

/// How long Redis may take to accept a connection and the password, and then for each next thing that comes: an answer, or a hint.
pub(super) const TIMEOUT: Duration = Duration::from_secs(2);

#[derive(Clone)]
pub(super) enum Endpoint {
    Server(ConnectionInfo),
    /// With the name of what they watch.
    Sentinels(RedisUrl, String),
}

impl Endpoint {
    /// The server to connect to.
    ///
    /// # Errors
    /// The last sentinel's, if none names a master.
    pub(super) async fn find(&self) -> Result<ConnectionInfo, RedisError> {
        let (url, name) = match self {
            Self::Server(server) => return Ok(server.clone()),
            Self::Sentinels(url, name) => (url, name),
        };
        let mut failed =
            RedisError::from(std::io::Error::other(format!("no sentinel knows a master of {name}")));
        for sentinel in &url.servers {
            match master(sentinel, name).await {
                Ok(Some((host, port))) => return Ok(url.at(host, port)),
                Ok(None) => {}
                Err(error) => failed = error,
            }
        }
        Err(failed)
    }
}

/// The host and port of the master that a sentinel knows under this name.
async fn master(sentinel: &ConnectionInfo, name: &str) -> Result<Option<(String, u16)>, RedisError> {
    let mut command = redis::cmd("SENTINEL");
    command.arg("GET-MASTER-ADDR-BY-NAME").arg(name);
    ask_once(sentinel, &command).await
}

/// The answer to one command, by a connection of its own.
pub(super) async fn ask_once<T: redis::FromRedisValue>(
    server: &ConnectionInfo,
    command: &redis::Cmd,
) -> Result<T, RedisError> {
    let timeouts = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(TIMEOUT))
        .set_response_timeout(Some(TIMEOUT));
    let client = Client::open(server.clone())?;
    let mut connection = client.get_multiplexed_async_connection_with_config(&timeouts).await?;
    command.query_async(&mut connection).await
}

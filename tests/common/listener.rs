//! A page that receives server-sent events.

use std::net::SocketAddr;

use super::client::{Client, Response};
use super::request;

/// An open stream of events, after its head.
pub(crate) struct Listener {
    pub(crate) client: Client,
    pub(crate) head: Response,
    /// The `retry:` time in milliseconds.
    pub(crate) retry: u64,
}

/// One parsed event.
#[derive(PartialEq, Debug)]
pub(crate) struct Count {
    pub(crate) id: u64,
    pub(crate) room: String,
    pub(crate) count: u64,
    pub(crate) visitors: u64,
}

impl Listener {
    /// Listens to the room of `path`, as a page of example.com.
    pub(crate) fn join(address: SocketAddr, path: &str) -> Self {
        Self::with(address, path, &["Origin: https://example.com"])
    }

    pub(crate) fn with(address: SocketAddr, path: &str, headers: &[&str]) -> Self {
        let mut client = Client::connect(address);
        client.send(request(&format!("GET {path} HTTP/1.1"), headers));
        let head = client.response_to_head();
        assert_eq!((head.status, head.header("content-type")), (200, Some("text/event-stream")), "{head:?}");
        let mut listener = Self { client, head, retry: 0 };
        let retry = listener.block();
        listener.retry = retry.strip_prefix("retry: ").expect("the first block").parse().unwrap();
        listener
    }

    /// The next block: lines up to an empty one.
    pub(crate) fn block(&mut self) -> String {
        let block = String::from_utf8(self.client.take_through(b"\n\n")).unwrap();
        block.trim_end().to_owned()
    }

    /// The next block, which has to be an event.
    pub(crate) fn event(&mut self) -> Count {
        let block = self.block();
        let lines: Vec<&str> = block.lines().collect();
        let [id, "event: count", data] = lines[..] else { panic!("no event: {block:?}") };
        let data: serde_json::Value = serde_json::from_str(data.strip_prefix("data: ").unwrap()).unwrap();
        assert_eq!(data["type"], "update/count", "{data}");
        let mut keys: Vec<_> = data.as_object().unwrap().keys().collect();
        keys.sort();
        assert_eq!(keys, ["count", "room", "type", "visitors"], "and nothing else");
        let number = |name: &str| data[name].as_u64().unwrap();
        Count {
            id: id.strip_prefix("id: ").unwrap().parse().unwrap(),
            room: data["room"].as_str().unwrap().to_owned(),
            count: number("count"),
            visitors: number("visitors"),
        }
    }

    /// The number of open tabs in the next event.
    pub(crate) fn count(&mut self) -> u64 {
        self.event().count
    }

    /// Reads until that many tabs are open.
    pub(crate) fn wait_for(&mut self, count: u64) {
        while self.count() != count {}
    }
}

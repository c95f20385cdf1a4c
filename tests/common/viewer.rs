//! A page with the counter's picture.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::client::Client;
use super::parts::{BETWEEN, CLOSING, count_on, png_of, png_of_the_end, read_png};
use super::{DEADLINE, view_of};

/// An open stream; its next byte is the first of a picture.
pub(crate) struct Viewer {
    pub(crate) client: Client,
}

impl Viewer {
    /// Joins the room of example.com.
    pub(crate) fn join(address: SocketAddr) -> Self {
        Self::join_site(address, "example.com")
    }

    pub(crate) fn join_site(address: SocketAddr, site: &str) -> Self {
        let mut client = Client::connect(address);
        client.send(view_of(site));
        Self::opened(client)
    }

    /// Reads the start of the stream that `client` has requested.
    pub(crate) fn opened(mut client: Client) -> Self {
        let response = client.response_to_head();
        assert_eq!(response.status, 200, "{}", response.head);
        assert_eq!(response.header("content-type"), Some("multipart/x-mixed-replace; boundary=frame"));
        let part = client.take_through(b"\r\n\r\n");
        assert!(part.starts_with(b"--frame\r\nContent-Type: image/png\r\nX-Pad: "));
        Self { client }
    }

    /// The next picture. The head of the next part must come with it.
    pub(crate) fn picture(&mut self) -> Vec<u8> {
        let png = read_png(&mut self.client);
        assert_eq!(self.client.take(BETWEEN.len()), BETWEEN);
        png
    }

    /// The number on the next picture.
    pub(crate) fn count(&mut self) -> u64 {
        count_on(&self.picture())
    }

    /// Reads until the picture shows `count`. Returns the number of pictures read.
    pub(crate) fn wait_for(&mut self, count: u64) -> usize {
        self.wait_for_picture(&png_of(count))
    }

    /// Reads until the picture shows `count`; those before show one of `others`.
    pub(crate) fn reaches(&mut self, count: u64, others: &[u64]) {
        loop {
            match self.count() {
                shown if shown == count => return,
                other => assert!(others.contains(&other), "{other} was never true"),
            }
        }
    }

    /// Like [`Self::wait_for`], for any picture.
    pub(crate) fn wait_for_picture(&mut self, wanted: &[u8]) -> usize {
        let started = Instant::now();
        let mut read = 1;
        while self.picture() != wanted {
            assert!(started.elapsed() < DEADLINE, "the picture is not among {read} pictures");
            read += 1;
        }
        read
    }

    /// Like [`Self::wait_for`] with a longer deadline. Returns the time it took.
    pub(crate) fn wait_longer_for(&mut self, count: u64, at_most: Duration) -> Duration {
        let wanted = png_of(count);
        let started = Instant::now();
        self.client.socket.set_read_timeout(Some(at_most)).unwrap();
        while self.picture() != wanted {
            assert!(started.elapsed() < at_most, "{count} was not shown in {at_most:?}");
        }
        self.client.socket.set_read_timeout(Some(DEADLINE)).unwrap();
        started.elapsed()
    }

    /// Reads up to the last picture, which shows the end, and the end of the connection after it.
    pub(crate) fn read_orderly_end(self) {
        self.read_orderly_end_with(&png_of_the_end());
    }

    /// Likewise, with that picture as the last.
    pub(crate) fn read_orderly_end_with(mut self, last: &[u8]) {
        while read_png(&mut self.client) != last {
            assert_eq!(self.client.take(BETWEEN.len()), BETWEEN);
        }
        let (rest, end) = self.client.read_to_end();
        assert_eq!(rest, CLOSING);
        assert_eq!(end, super::client::End::Fin, "an end that breaks the picture in Chromium and WebKit");
    }
}

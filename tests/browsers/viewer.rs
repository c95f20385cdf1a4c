//! A viewer without a browser: it is counted, reads its stream at once, and knows when each number came.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use onlookers_picture::Value;
use reqwest::header::REFERER;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::Outcome;
use crate::counter::Counter;
use crate::painted::{Pixels, Seen};

/// The newest picture, and when it came to be another than the one before. It is read only when it is asked for.
type Heard = Option<(Bytes, Instant)>;

pub(crate) struct Viewer {
    newest: watch::Receiver<Heard>,
    /// Each that was another than the one before.
    all: Arc<Mutex<Vec<Bytes>>>,
    reading: JoinHandle<Outcome>,
}

impl Viewer {
    /// Joins those who look at `page`, and waits for the first picture.
    pub(crate) async fn join(counter: &Counter, page: &str) -> Outcome<Self> {
        Self::watch(counter, "/online.png", page).await
    }

    /// Watches a live picture from `page`.
    pub(crate) async fn watch(counter: &Counter, picture: &str, page: &str) -> Outcome<Self> {
        // A client of its own, so that its connection ends with it.
        let client = reqwest::Client::builder().referer(false).build()?;
        let request =
            client.get(counter.url(picture)).header(REFERER, page).header("Sec-Fetch-Dest", "image");
        let response = request.send().await?.error_for_status()?;
        let (heard, newest) = watch::channel(None);
        let all = Arc::default();
        let reading = tokio::spawn(read(response, heard, Arc::clone(&all)));
        let mut viewer = Self { newest, all, reading };
        viewer.newest.wait_for(Option::is_some).await?;
        Ok(viewer)
    }

    /// Several at once.
    pub(crate) async fn crowd(counter: &Counter, page: &str, viewers: usize) -> Outcome<Vec<Self>> {
        let joining = (0..viewers).map(|_| Self::join(counter, page));
        futures_util::future::try_join_all(joining).await
    }

    /// When the newest number came to be `n`, waiting until it does.
    pub(crate) async fn hears(&mut self, n: u64, within: Duration) -> Outcome<Instant> {
        let deadline = tokio::time::Instant::now() + within;
        loop {
            let (seen, at) = self.newest()?;
            if seen == Seen::Picture(Value::Count(n)) {
                return Ok(at);
            }
            match tokio::time::timeout_at(deadline, self.newest.changed()).await {
                Ok(changed) => changed?,
                Err(_) => return Err(format!("no {n} within {within:?}: the newest is {seen}").into()),
            }
        }
    }

    /// When the newest picture came to be this one, waiting until it does.
    pub(crate) async fn sees(&mut self, picture: &[u8], within: Duration) -> Outcome<Instant> {
        let wanted = |heard: &Heard| heard.as_ref().is_some_and(|(newest, _)| newest == picture);
        let heard = tokio::time::timeout(within, self.newest.wait_for(wanted)).await;
        let heard = heard.map_err(|_| format!("the picture waited for did not come within {within:?}"))?;
        heard?.as_ref().map(|(_, at)| *at).ok_or_else(|| "no picture".into())
    }

    /// All that it has seen, one after another.
    pub(crate) fn all(&self) -> Outcome<Vec<Seen>> {
        let all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        all.iter().map(|picture| Ok(Pixels::decode(picture)?.read())).collect()
    }

    fn newest(&mut self) -> Outcome<(Seen, Instant)> {
        let (picture, at) = self.newest.borrow_and_update().clone().ok_or("no picture")?;
        Ok((Pixels::decode(&picture)?.read(), at))
    }
}

impl Drop for Viewer {
    fn drop(&mut self) {
        self.reading.abort();
    }
}

async fn read(
    mut response: reqwest::Response,
    heard: watch::Sender<Heard>,
    all: Arc<Mutex<Vec<Bytes>>>,
) -> Outcome {
    let mut unread = Vec::new();
    while let Some(bytes) = response.chunk().await? {
        unread.extend_from_slice(&bytes);
        while let Some(picture) = cut_picture(&mut unread) {
            heard.send_if_modified(|newest| {
                let new = newest.as_ref().is_none_or(|(old, _)| *old != picture);
                if new {
                    all.lock().unwrap_or_else(PoisonError::into_inner).push(picture.clone());
                    *newest = Some((picture, Instant::now()));
                }
                new
            });
        }
    }
    Ok(())
}

/// Takes the first whole PNG out of what has come.
fn cut_picture(unread: &mut Vec<u8>) -> Option<Bytes> {
    const BEGIN: &[u8] = b"\x89PNG\r\n\x1a\n";
    const END: &[u8] = b"IEND\xae\x42\x60\x82";
    let begin = unread.windows(BEGIN.len()).position(|w| w == BEGIN)?;
    let end = unread.windows(END.len()).position(|w| w == END)? + END.len();
    let picture = Bytes::copy_from_slice(&unread[begin..end]);
    unread.drain(..end);
    Some(picture)
}

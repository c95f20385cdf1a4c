//! A stream that is being watched: a task reads it, and notes what has come and when.

use std::time::{Duration, Instant};

use hyper::header::{ACCEPT_ENCODING, CONTENT_ENCODING, HeaderValue};
use hyper::{HeaderMap, StatusCode};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::ask::Asker;
use super::fetch::Answer;
use super::picture::{Part, Pictures};
use super::{events, websocket};

/// How long the head of an answer may take. A proxy that holds a stream back may send the head late, too.
const HEAD: Duration = Duration::from_secs(20);

/// The longest text of a refusal that is shown, in bytes.
const MAX_REFUSAL: usize = 200;

/// What is watched.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    Picture,
    Events,
    WebSocket,
}

impl Kind {
    /// Its name in a sentence.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Picture => "the picture",
            Self::Events => "the stream of events",
            Self::WebSocket => "the WebSocket",
        }
    }
}

/// What has come of a stream so far.
#[derive(Clone, Debug, Default)]
pub(super) struct Seen {
    /// When the request was sent.
    pub(super) sent: Option<Instant>,
    pub(super) headers: Option<HeaderMap>,
    /// How it was compressed, if it was; then it was asked for again, without.
    pub(super) encoding: Option<String>,
    /// When the first number came.
    pub(super) first: Option<Instant>,
    /// The newest number, by a hash, and when it came.
    pub(super) newest: Option<(u64, Instant)>,
    /// When the answer to what was sent on a WebSocket came.
    pub(super) answered: Option<Instant>,
    /// When something came last.
    pub(super) last: Option<Instant>,
    pub(super) end: Option<(Instant, End)>,
}

/// Why a stream is over.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum End {
    /// It isn't a stream: the status, and the beginning of the text.
    Refused(StatusCode, String),
    /// An answer that is no such stream, and says what it is.
    NotAStream(String),
    /// There is no answer, or the other end broke the protocol.
    Failed(String),
    /// It was cut.
    Cut,
    /// The server has ended it in order.
    Stopped,
}

/// A stream that is open; closed when dropped.
pub(super) struct Watched {
    pub(super) kind: Kind,
    seen: watch::Receiver<Seen>,
    task: JoinHandle<()>,
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Watched {
    pub(super) fn open(asker: &Asker, kind: Kind) -> Self {
        let (notes, seen) = watch::channel(Seen::default());
        let asker = asker.clone();
        let task = tokio::spawn(async move {
            let notes = Notes(notes);
            let end = match kind {
                Kind::Picture | Kind::Events => stream(&asker, kind, &notes).await,
                Kind::WebSocket => websocket::watch(&asker, &notes).await,
            };
            notes.change(|seen| seen.end = Some((Instant::now(), end)));
        });
        Self { kind, seen, task }
    }

    pub(super) fn seen(&self) -> Seen {
        self.seen.borrow().clone()
    }

    /// Waits until it is so, the stream is over, or the time is.
    pub(super) async fn wait(&self, until: Instant, is_so: impl Fn(&Seen) -> bool) -> Seen {
        let mut seen = self.seen.clone();
        let wait = seen.wait_for(|seen| seen.end.is_some() || is_so(seen));
        let _ = tokio::time::timeout_at(until.into(), wait).await;
        self.seen()
    }
}

/// Where a task notes what comes.
pub(super) struct Notes(watch::Sender<Seen>);

impl Notes {
    pub(super) fn change(&self, change: impl FnOnce(&mut Seen)) {
        self.0.send_modify(change);
    }

    pub(super) fn sent(&self, sent: Instant) {
        self.change(|seen| seen.sent = Some(sent));
    }

    /// Something has come.
    pub(super) fn came(&self) {
        self.change(|seen| seen.last = Some(Instant::now()));
    }

    /// A number has come.
    pub(super) fn shows(&self, value: u64) {
        let now = Instant::now();
        self.change(|seen| {
            seen.first.get_or_insert(now);
            if seen.newest.is_none_or(|(before, _)| before != value) {
                seen.newest = Some((value, now));
            }
        });
    }
}

async fn stream(asker: &Asker, kind: Kind, notes: &Notes) -> End {
    let (url, headers) = match kind {
        Kind::Picture => (asker.picture(), asker.picture_headers()),
        _ => (asker.events(), asker.events_headers()),
    };
    let mut answer = match asker.network.ask(&url, headers.clone(), HEAD, |sent| notes.sent(sent)).await {
        Ok(answer) => answer,
        Err(trouble) => return End::Failed(trouble.to_string()),
    };
    if answer.status() == StatusCode::OK && answer.headers().contains_key(CONTENT_ENCODING) {
        let encoding = answer.header("content-encoding");
        notes.change(|seen| seen.encoding = Some(encoding));
        let mut headers = headers;
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        answer = match asker.network.ask(&url, headers, HEAD, |sent| notes.sent(sent)).await {
            Ok(answer) => answer,
            Err(trouble) => return End::Failed(trouble.to_string()),
        };
    }
    let head = answer.headers().clone();
    notes.change(|seen| seen.headers = Some(head));
    notes.came();
    let wanted = if kind == Kind::Picture { "multipart/x-mixed-replace" } else { "text/event-stream" };
    let found = answer.header("content-type");
    match answer.status() {
        StatusCode::OK if found.starts_with(wanted) => read(answer, kind, notes).await,
        StatusCode::OK => End::NotAStream(found),
        status => End::Refused(status, refusal(answer).await),
    }
}

/// The beginning of a refusal, if it is text.
pub(super) async fn refusal(answer: Answer) -> String {
    if !answer.header("content-type").starts_with("text/plain") {
        return String::new();
    }
    let text = answer.text(MAX_REFUSAL, Duration::from_secs(1)).await;
    text.lines().next().unwrap_or_default().to_owned()
}

async fn read(mut answer: Answer, kind: Kind, notes: &Notes) -> End {
    let (mut pictures, mut events) = (Pictures::default(), events::Events::default());
    loop {
        let Ok(Some(chunk)) = answer.chunk().await else { return End::Cut };
        notes.came();
        let fed = match kind {
            Kind::Picture => pictures.feed(&chunk),
            _ => events.feed(&chunk),
        };
        if let Err(why) = fed {
            return End::Failed(why.to_owned());
        }
        let mut next = || match kind {
            Kind::Picture => pictures.next_part(),
            _ => events.next_event(),
        };
        while let Some(part) = next() {
            match part {
                Part::Picture(value) => notes.shows(value),
                Part::Closing => return End::Stopped,
            }
        }
    }
}

/// Waits for the end of what is still to come of several streams.
pub(super) async fn wait_all(streams: &[&Watched], until: Instant, is_so: impl Fn(&Seen) -> bool) {
    for stream in streams {
        stream.wait(until, &is_so).await;
    }
}

/// Whether nothing ends within that time.
pub(super) async fn stays_open(streams: &[&Watched], time: Duration) {
    let ends = async {
        for stream in streams {
            let mut seen = stream.seen.clone();
            let _ = seen.wait_for(|seen| seen.end.is_some()).await;
        }
    };
    // Streams that are over already are waited for no longer.
    let _ = timeout(time, ends).await;
}

//! A request and its response: as a connection, the registry of bodies and the body itself see it.

use std::net::IpAddr;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU8, AtomicU32, Ordering};
use std::time::Duration;

use atomic_waker::AtomicWaker;
use onlookers_rooms::sync::Arc;
use tokio::time::Instant;

use super::session::Session;

/// How long a response that isn't a stream may take. A browser on the slowest line has loaded the largest page by then.
const EXCHANGE_TIMEOUT: Duration = Duration::from_secs(60);

/// It is a stream of frames.
const LIVE: u8 = 1;
/// A frame is on its way, and hasn't gone into the connection.
const BUSY: u8 = 2;
/// Its end is wanted at once.
const CUT: u8 = 4;
/// Its body waits for the last of its frames to go.
const WAITS: u8 = 64;

/// Why a body has something to send.
pub(crate) mod due {
    /// Its feed has a newer frame.
    pub(crate) const NEWEST: u8 = 8;
    /// It is its turn to get its frame once more.
    pub(crate) const AGAIN: u8 = 16;
    /// The server stops.
    pub(crate) const LAST: u8 = 32;
    /// It may be denied.
    pub(crate) const DENIED: u8 = 128;
    /// Any of them.
    pub(super) const ANY: u8 = NEWEST | AGAIN | LAST | DENIED;
}

/// A request and its response.
pub(crate) struct Exchange {
    session: Arc<Session>,
    /// The client that the work for it is noted for.
    pub(super) client: Option<IpAddr>,
    pub(in crate::transport) waker: AtomicWaker,
    flags: AtomicU8,
    /// When it began, or its frame on the way was given to hyper; in milliseconds of [`now`].
    since: AtomicU32,
}

impl Exchange {
    pub(super) fn new(session: Arc<Session>, client: Option<IpAddr>) -> Self {
        let (waker, flags, since) = (AtomicWaker::new(), AtomicU8::new(0), AtomicU32::new(now()));
        Self { session, client, waker, flags, since }
    }

    /// From now on it is a viewer's stream.
    pub(crate) fn become_live(&self) {
        self.flags.fetch_or(LIVE, Ordering::SeqCst);
        self.session.add_viewer();
    }

    pub(super) fn is_live(&self) -> bool {
        self.flags.load(Ordering::SeqCst) & LIVE != 0
    }

    /// Wakes the body, which finds what is due; at once, or when the frame before has gone. False if it was due already.
    pub(crate) fn wake(&self, due: u8) -> bool {
        let before = self.flags.fetch_or(due, Ordering::SeqCst);
        if before & (BUSY | due) == 0 {
            self.waker.wake();
        }
        before & due == 0
    }

    /// What is due, for a body that sends it now; none while a frame is on its way.
    pub(crate) fn take_due(&self) -> Option<u8> {
        if self.is_busy() {
            return None;
        }
        let due = self.flags.fetch_and(!due::ANY, Ordering::SeqCst) & due::ANY;
        (due != 0).then_some(due)
    }

    pub(crate) fn is_busy(&self) -> bool {
        self.flags.load(Ordering::SeqCst) & BUSY != 0
    }

    /// A frame is given to hyper.
    pub(crate) fn frame_begins(&self) {
        self.since.store(now(), Ordering::Relaxed);
        self.flags.fetch_or(BUSY, Ordering::SeqCst);
    }

    /// Some of the frame has gone.
    pub(crate) fn frame_goes(&self) {
        self.since.store(now(), Ordering::Relaxed);
    }

    /// Whether a frame is on its way, and the body is woken when it has gone.
    pub(crate) fn waits_until_gone(&self) -> bool {
        self.flags.fetch_or(WAITS, Ordering::SeqCst);
        self.is_busy()
    }

    /// The frame has gone into the connection.
    pub(crate) fn frame_has_gone(&self) {
        if self.flags.fetch_and(!BUSY, Ordering::SeqCst) & (due::ANY | WAITS) != 0 {
            self.waker.wake();
        }
    }

    /// Ends it if nothing has gone out for too long.
    pub(super) fn cut_if_stalled(&self, write_timeout: Duration) {
        let flags = self.flags.load(Ordering::SeqCst);
        let limit = match flags & LIVE {
            0 => EXCHANGE_TIMEOUT,
            _ if flags & BUSY == 0 => return,
            _ => write_timeout,
        };
        let waited = now().wrapping_sub(self.since.load(Ordering::Relaxed));
        if Duration::from_millis(waited.into()) > limit && flags & CUT == 0 {
            self.flags.fetch_or(CUT, Ordering::SeqCst);
            self.waker.wake();
        }
    }

    pub(crate) fn is_cut(&self) -> bool {
        self.flags.load(Ordering::SeqCst) & CUT != 0
    }
}

/// The time since the process first asked, in milliseconds; it begins anew after 49 days.
fn now() -> u32 {
    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    START.elapsed().as_millis() as u32
}

//! Asks every page now and then whether it is still there: one task for all, no timer for each.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use slab::Slab;
use tokio::sync::Notify;
use tokio::time::{MissedTickBehavior, interval};

use super::Outbox;

/// Each page is asked once in so many steps, a twentieth of them at each: every 20 s.
const STEPS: usize = 20;
const STEP: Duration = Duration::from_secs(1);

/// So many are asked before others have their turn.
const CHUNK: usize = 64;

/// All open connections.
#[derive(Default, Debug)]
pub(crate) struct Keeper {
    open: Mutex<Slab<Arc<Outbox>>>,
    emptied: Notify,
}

/// One of them, until this is dropped.
#[derive(Debug)]
pub(super) struct Kept {
    keeper: Arc<Keeper>,
    key: usize,
}

impl Keeper {
    /// No connections yet. Needs a tokio runtime, on which they are asked.
    pub(crate) fn start() -> Arc<Self> {
        let keeper = Arc::default();
        tokio::spawn(go_round(Arc::downgrade(&keeper)));
        keeper
    }

    pub(super) fn keep(self: &Arc<Self>, outbox: Arc<Outbox>) -> Kept {
        let key = self.open().insert(outbox);
        Kept { keeper: Arc::clone(self), key }
    }

    /// Has every connection closed the orderly way.
    pub(crate) fn end(&self) {
        self.open().iter().for_each(|(_, outbox)| outbox.end());
    }

    /// Waits until there is none.
    pub(crate) async fn wait_for_none(&self) {
        loop {
            let mut emptied = std::pin::pin!(self.emptied.notified());
            // Listening begins before the look, so that the last to go isn't missed.
            emptied.as_mut().enable();
            if self.open().is_empty() {
                return;
            }
            emptied.await;
        }
    }

    /// Asks some of those whose turn it is, and says where to go on.
    fn ask_some(&self, from: usize) -> Option<usize> {
        let open = self.open();
        let mut keys = (from..open.capacity()).step_by(STEPS);
        keys.by_ref().take(CHUNK).filter_map(|key| open.get(key)).for_each(|outbox| outbox.ask());
        keys.next()
    }

    fn open(&self) -> MutexGuard<'_, Slab<Arc<Outbox>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn go_round(keeper: Weak<Keeper>) {
    let mut steps = interval(STEP);
    steps.set_missed_tick_behavior(MissedTickBehavior::Delay);
    for step in (0..STEPS).cycle() {
        steps.tick().await;
        let mut next = Some(step);
        while let Some(from) = next {
            let Some(keeper) = keeper.upgrade() else { return };
            next = keeper.ask_some(from);
            tokio::task::yield_now().await;
        }
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        let mut open = self.keeper.open();
        open.try_remove(self.key);
        if open.is_empty() {
            *open = Slab::new();
            drop(open);
            self.keeper.emptied.notify_waiters();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::task::Poll;

    use tokio::io::AsyncReadExt;
    use tokio::net::{TcpListener, TcpStream};
    use tokio::time::Instant;

    use super::super::outbox::End;
    use super::*;

    async fn open(keeper: &Arc<Keeper>) -> (TcpStream, Arc<Outbox>, Kept) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let page = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let outbox = Arc::new(Outbox::new(listener.accept().await.unwrap().0));
        let kept = keeper.keep(Arc::clone(&outbox));
        (page, outbox, kept)
    }

    async fn ended(outbox: &Outbox) -> End {
        poll_fn(|cx| outbox.listen(cx).end.map_or(Poll::Pending, Poll::Ready)).await
    }

    #[tokio::test(start_paused = true)]
    async fn a_page_that_answers_nothing_is_gone_after_two_questions() {
        let keeper = Keeper::start();
        let (mut page, outbox, kept) = open(&keeper).await;
        let started = Instant::now();
        assert_eq!(ended(&outbox).await, End::Unanswered);
        let took = started.elapsed();
        assert!(took >= Duration::from_secs(40) && took <= Duration::from_secs(61), "{took:?}");
        drop((kept, outbox));
        let mut asked = Vec::new();
        page.read_to_end(&mut asked).await.unwrap();
        assert_eq!(asked, [0x89, 0, 0x89, 0]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_page_that_answers_stays_and_is_asked_every_20_s() {
        let keeper = Keeper::start();
        let (mut page, outbox, _kept) = open(&keeper).await;
        let mut times = Vec::new();
        for _ in 0..10 {
            let mut ping = [0; 2];
            page.read_exact(&mut ping).await.unwrap();
            times.push(Instant::now());
            outbox.answered();
        }
        assert!(times.windows(2).all(|pair| pair[1] - pair[0] == Duration::from_secs(20)), "{times:?}");
    }

    #[tokio::test]
    async fn the_last_to_go_is_waited_for() {
        let keeper = Keeper::start();
        keeper.wait_for_none().await;
        let (_page, outbox, kept) = open(&keeper).await;
        let waiting = tokio::spawn({
            let keeper = Arc::clone(&keeper);
            async move { keeper.wait_for_none().await }
        });
        keeper.end();
        assert_eq!(ended(&outbox).await, End::Stop);
        assert!(!waiting.is_finished());
        drop(kept);
        waiting.await.unwrap();
    }
}

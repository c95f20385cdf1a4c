//! The threads that paint.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::thread;
use std::time::Instant;

use tokio::sync::oneshot;

use super::payer::{Payer, PayerKind};
use super::queue::{Next, Queue};
use crate::metrics::{Costs, Counter, Label, Times};

/// Paints on threads of its own. Dropping it ends them; jobs that wait are dropped.
pub struct Painter {
    shared: Arc<Shared>,
    /// Without threads each job runs where it is given.
    has_threads: bool,
}

/// What the threads count.
#[derive(Debug, Default)]
pub(crate) struct PaintMetrics {
    times: [Times; PayerKind::ALL.len()],
    /// Jobs of clients that there was no time for.
    pub(crate) refusals: Counter,
}

impl PaintMetrics {
    /// How long jobs of these payers take.
    pub(crate) fn times(&self, of: PayerKind) -> &Times {
        &self.times[of.index()]
    }
}

struct Shared {
    /// Not ranked: nothing else is locked under it, and a condition variable needs the standard library's.
    state: Mutex<State>,
    changed: Condvar,
    metrics: PaintMetrics,
    /// Of the whole server: feeds and requests, which have a painter, note theirs here, too.
    costs: Arc<Costs>,
}

struct State {
    queue: Queue<Job>,
    has_ended: bool,
}

type Job = Box<dyn FnOnce() + Send>;

/// The result of a job, once it has run; an error if it never will.
pub struct Painted<T>(oneshot::Receiver<T>);

/// There is too much to paint already, for all clients or for this one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Busy;

impl Painter {
    /// Starts so many threads. With none, each job runs at once where it is given, which is for benches and tests.
    ///
    /// # Errors
    /// The system's, if it has no thread to give.
    pub fn start(threads: usize) -> std::io::Result<Self> {
        let state = Mutex::new(State { queue: Queue::new(), has_ended: false });
        let shared = Arc::new(Shared {
            state,
            changed: Condvar::new(),
            metrics: PaintMetrics::default(),
            costs: Arc::default(),
        });
        let painter = Self { shared, has_threads: threads > 0 };
        for number in 0..threads {
            let shared = Arc::clone(&painter.shared);
            thread::Builder::new().name(format!("paint-{number}")).spawn(move || shared.run())?;
        }
        Ok(painter)
    }

    /// Whether jobs run on threads of their own.
    pub(crate) fn has_threads(&self) -> bool {
        self.has_threads
    }

    pub(crate) fn metrics(&self) -> &PaintMetrics {
        &self.shared.metrics
    }

    /// The costs of the whole server.
    pub(crate) fn costs(&self) -> &Arc<Costs> {
        &self.shared.costs
    }

    /// How many jobs of these payers wait.
    pub(crate) fn waiting(&self, of: PayerKind) -> usize {
        self.shared.lock().queue.waiting(of)
    }

    /// Whether a client's job would be refused now.
    pub(crate) fn is_busy(&self, client: &Payer) -> bool {
        self.has_threads && self.shared.lock().queue.is_full(client)
    }

    /// Has `paint` run for a client, unless that has gone by then.
    ///
    /// # Errors
    /// [`Busy`], if too much waits already.
    pub(crate) fn paint_for_client<T: Send + 'static>(
        &self,
        client: Payer,
        paint: impl FnOnce() -> T + Send + 'static,
    ) -> Result<Painted<T>, Busy> {
        if self.is_busy(&client) {
            self.metrics().refusals.count();
            return Err(Busy);
        }
        let (sender, receiver) = oneshot::channel();
        self.run(client, false, move || {
            if !sender.is_closed() {
                let _ = sender.send(paint());
            }
        });
        Ok(Painted(receiver))
    }

    /// Has `paint` run, whether or not somebody waits for its result; `later` than the payer's other jobs, if it is less
    /// urgent than they are.
    pub(crate) fn paint<T: Send + 'static>(
        &self,
        payer: Payer,
        later: bool,
        paint: impl FnOnce() -> T + Send + 'static,
    ) -> Painted<T> {
        let (sender, receiver) = oneshot::channel();
        self.run(payer, later, move || drop(sender.send(paint())));
        Painted(receiver)
    }

    fn run(&self, payer: Payer, later: bool, job: impl FnOnce() + Send + 'static) {
        if self.has_threads {
            self.shared.lock().queue.push(payer, Box::new(job), later);
            self.shared.changed.notify_one();
        } else {
            job();
        }
    }
}

impl Drop for Painter {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        state.has_ended = true;
        let queue = std::mem::replace(&mut state.queue, Queue::new());
        drop(state);
        drop(queue);
        self.shared.changed.notify_all();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self) {
        while let Some((payer, job)) = self.next() {
            let (started, measured) = (Instant::now(), self.costs.measure());
            // A job that panics is a fault of ours; the others are painted all the same.
            if catch_unwind(AssertUnwindSafe(job)).is_err() {
                tracing::error!("a picture could not be painted");
            }
            let now = Instant::now();
            self.metrics.times(payer.kind()).add(now - started);
            if let Payer::Client(address) = &payer {
                self.costs.of_client(*address, measured);
            }
            self.lock().queue.finish(payer, now - started, now);
        }
    }

    /// Waits for the next job; none at the end.
    fn next(&self) -> Option<(Payer, Job)> {
        let mut state = self.lock();
        loop {
            let now = Instant::now();
            state = match state.queue.pop(now) {
                _ if state.has_ended => return None,
                Next::Job(payer, job) => {
                    // This thread can't wait any more until the next may be painted: another one does.
                    if state.queue.has_more() {
                        self.changed.notify_one();
                    }
                    return Some((payer, job));
                }
                Next::Rest(until) => {
                    let waited = self.changed.wait_timeout(state, until - now);
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
                Next::Empty => self.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
            };
        }
    }
}

impl<T> Future for Painted<T> {
    type Output = Result<T, oneshot::error::RecvError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(cx)
    }
}

impl fmt::Display for Busy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("too many pictures wait to be painted")
    }
}

impl std::error::Error for Busy {}

#[cfg(test)]
mod tests {
    use super::*;

    fn client() -> Payer {
        Payer::client([192, 0, 2, 1].into())
    }

    #[tokio::test]
    async fn a_job_that_panics_is_not_the_end() {
        let painter = Painter::start(1).unwrap();
        let failed = painter.paint(client(), false, || panic!("on purpose"));
        let fine = painter.paint(client(), false, || 7);
        assert!(failed.await.is_err());
        assert_eq!(fine.await, Ok(7));
    }

    #[tokio::test]
    async fn a_job_that_nobody_waits_for_is_left_out() {
        let painter = Painter::start(1).unwrap();
        let (begin, begun) = std::sync::mpsc::channel::<()>();
        let first = painter.paint(client(), false, move || begun.recv());
        drop(painter.paint_for_client(client(), || panic!("painted for nobody")));
        begin.send(()).unwrap();
        first.await.unwrap().unwrap();
        assert_eq!(painter.paint(client(), false, || 7).await, Ok(7));
    }

    #[tokio::test]
    async fn jobs_that_wait_end_with_the_painter() {
        let painter = Painter::start(1).unwrap();
        let (begin, begun) = std::sync::mpsc::channel::<()>();
        let (start, started) = oneshot::channel();
        let first = painter.paint(client(), false, move || {
            let _ = start.send(());
            begun.recv()
        });
        let second = painter.paint(client(), false, || ());
        started.await.unwrap();
        drop(painter);
        assert!(second.await.is_err());
        begin.send(()).unwrap();
        first.await.unwrap().unwrap();
    }
}

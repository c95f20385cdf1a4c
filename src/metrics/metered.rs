//! Tasks whose CPU time is noted as that of the client that they work for.

use std::cell::Cell;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

use super::{Costs, Stopwatch};

pin_project! {
    /// A task that works for one client at a time.
    pub(crate) struct Metered<F> {
        // None while nobody wants to know, and while the task runs.
        costs: Option<Arc<Costs>>,
        client: Option<IpAddr>,
        #[pin]
        task: F,
    }
}

/// The task that runs on this thread.
struct Running {
    costs: Arc<Costs>,
    client: Option<IpAddr>,
    since: Stopwatch,
}

thread_local! {
    static RUNNING: Cell<Option<Running>> = const { Cell::new(None) };
}

impl<F> Metered<F> {
    /// A task that works for `client` until it says otherwise; for none that is known, if that is missing.
    pub(crate) fn new(costs: &Arc<Costs>, client: Option<IpAddr>, task: F) -> Self {
        Self { costs: costs.measure().map(|_| Arc::clone(costs)), client, task }
    }

    /// The same, begun by a task that runs.
    pub(crate) fn begun_here(client: Option<IpAddr>, task: F) -> Self {
        Self { costs: with_running(|running| Arc::clone(&running.costs)), client, task }
    }
}

impl<F: Future> Future for Metered<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let Some(costs) = this.costs.take() else { return this.task.poll(cx) };
        let running = Running { costs, client: *this.client, since: Stopwatch::start() };
        let outer = RUNNING.replace(Some(running));
        let poll = this.task.poll(cx);
        if let Some(mut running) = RUNNING.replace(outer) {
            running.note();
            (*this.costs, *this.client) = (Some(running.costs), running.client);
        }
        poll
    }
}

impl Running {
    /// Notes what the client has cost until now.
    fn note(&mut self) {
        if let Some(client) = self.client {
            self.costs.add_of_client(client, self.since.elapsed());
        }
        self.since = Stopwatch::start();
    }

    fn work_for(&mut self, client: Option<IpAddr>) {
        if self.client != client {
            self.note();
            self.client = client;
        }
    }
}

/// The task that runs works for `client` from now on.
pub(crate) fn work_for(client: IpAddr) {
    with_running(|running| running.work_for(Some(client)));
}

/// Has `work` done, for whomever it says, and returns for whom that was; after it the task works on for the same client as before.
pub(crate) fn for_once<T>(work: impl FnOnce() -> T) -> (T, Option<IpAddr>) {
    let before = with_running(|running| running.client).flatten();
    let done = work();
    let client = with_running(|running| {
        let client = running.client;
        running.work_for(before);
        client
    });
    (done, client.flatten())
}

fn with_running<T>(f: impl FnOnce(&mut Running) -> T) -> Option<T> {
    let mut running = RUNNING.take()?;
    let result = f(&mut running);
    RUNNING.set(Some(running));
    Some(result)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// Takes some CPU time.
    fn work() {
        let since = Stopwatch::start();
        while since.elapsed() < Duration::from_millis(5) {}
    }

    #[tokio::test]
    async fn each_client_costs_what_is_done_for_it() {
        let costs = Arc::<Costs>::default();
        costs.begin();
        let [peer, first, second, other] = [1, 2, 3, 4].map(|number| IpAddr::from([192, 0, 2, number]));
        let task = async {
            work_for(first);
            work();
            tokio::task::yield_now().await;
            work();
            let ((), client) = for_once(|| {
                work_for(second);
                work();
            });
            assert_eq!(client, Some(second));
            Metered::begun_here(Some(other), async { work() }).await;
            work();
        };
        Metered::new(&costs, Some(peer), task).await;
        let top = costs.clients.top(4);
        assert_eq!(top[0].0, first, "{top:?}");
        let time = |client| top.iter().find(|(one, _)| *one == client).map(|(_, cost)| cost.time.as_millis());
        assert!(time(first) >= Some(15) && time(second) >= Some(5) && time(other) >= Some(5), "{top:?}");
        assert!(time(peer) < Some(5), "{top:?}");
    }

    #[tokio::test]
    async fn nothing_is_noted_unless_somebody_wants_to_know() {
        let costs = Arc::<Costs>::default();
        Metered::new(&costs, Some([192, 0, 2, 1].into()), async { work() }).await;
        assert!(costs.clients.top(1).is_empty());
    }
}

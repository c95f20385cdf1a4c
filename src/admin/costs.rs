//! What the server's work is for at the moment, found in one second: sites and styles by what their feeds cost meanwhile, clients
//! by what they have cost lately.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::hash::Hash;
use std::net::IpAddr;
use std::time::Duration;

use onlookers_rooms::Site;
use onlookers_rooms::sync::Arc;
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep};

use crate::app::App;
use crate::metrics::Cost;

/// How many lines a list has.
pub(super) const ROWS: usize = 20;

/// For how long is looked.
const SAMPLE: Duration = Duration::from_secs(1);

/// How long what was found is told again.
const FRESH: Duration = Duration::from_secs(2);

/// What costs most, each list with the most expensive first, and the time of the processor in a second.
#[derive(Clone, Debug, Default)]
pub(super) struct Costs {
    pub(super) sites: Vec<(Site, Duration)>,
    pub(super) styles: Vec<(&'static str, Duration)>,
    pub(super) clients: Vec<(IpAddr, Cost)>,
}

/// Looks for it, once for all who ask at the same time.
#[derive(Default)]
pub(super) struct Sampler(Mutex<Option<(Instant, Arc<Costs>)>>);

impl Sampler {
    /// What costs most now. It takes a second, unless somebody has asked just before.
    pub(super) async fn costs(&self, app: &App) -> Arc<Costs> {
        let mut last = self.0.lock().await;
        if let Some((at, costs)) = &*last
            && at.elapsed() < FRESH
        {
            return Arc::clone(costs);
        }
        let costs = Arc::new(sample(app).await);
        *last = Some((Instant::now(), Arc::clone(&costs)));
        costs
    }
}

async fn sample(app: &App) -> Costs {
    let (before, began) = (app.feeds.spent(), Instant::now());
    sleep(SAMPLE).await;
    let seconds = began.elapsed().as_secs_f64();
    let before: HashMap<_, _> = before.into_iter().map(|feed| (feed.id, feed.time)).collect();
    let (mut sites, mut styles) = (HashMap::<_, Duration>::new(), HashMap::<_, Duration>::new());
    for feed in app.feeds.spent() {
        let time =
            feed.time.saturating_sub(before.get(&feed.id).copied().unwrap_or_default()).div_f64(seconds);
        *sites.entry(feed.site).or_default() += time;
        *styles.entry(feed.style).or_default() += time;
    }
    for (style, cost) in app.painter.metrics().stills.top(ROWS) {
        *styles.entry(style).or_default() += cost.time;
    }
    let clients = app.painter.metrics().clients.top(ROWS);
    Costs { sites: top(sites), styles: top(styles), clients }
}

/// Those that cost something, at most [`ROWS`].
fn top<K: Eq + Hash>(costs: HashMap<K, Duration>) -> Vec<(K, Duration)> {
    let mut all: Vec<_> = costs.into_iter().filter(|(_, time)| !time.is_zero()).collect();
    all.sort_unstable_by_key(|(_, time)| Reverse(*time));
    all.truncate(ROWS);
    all
}

//! What others count on the pages of sites whose ranking somebody looks at.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use crate::name::{Page, Site};
use crate::others::SourceId;
use crate::sync::{Arc, Mutex};

/// How long a ranking of all sources is taken for the newest. The sources are heard about as often.
const FRESH: Duration = Duration::from_millis(900);

/// The most rows that somebody looks at.
const MOST_ROWS: usize = 100;

/// Pages, and how many tabs each has.
type Rows = Vec<(Page, u64)>;

type BySource = HashMap<SourceId, Rows>;

/// The sites whose ranking somebody looks at.
#[derive(Debug, Default)]
pub(crate) struct Rankings(Mutex<HashMap<Site, Ranking>>);

#[derive(Debug, Default)]
struct Ranking {
    watches: usize,
    /// How many tabs each source has open on each page. None until they have been heard.
    sources: Option<Arc<BySource>>,
    /// Of all of them together, and when that was.
    newest: Option<(Option<Instant>, Rows)>,
}

/// Looking at a ranking; dropping it ends that.
#[derive(Debug)]
#[must_use = "dropping it ends looking at the ranking"]
pub struct RankingWatch {
    rankings: Arc<Rankings>,
    site: Site,
}

impl RankingWatch {
    pub(crate) fn new(rankings: &Arc<Rankings>, site: &Site) -> Self {
        rankings.0.lock().entry(site.clone()).or_default().watches += 1;
        Self { rankings: Arc::clone(rankings), site: site.clone() }
    }
}

impl Drop for RankingWatch {
    fn drop(&mut self) {
        let mut rankings = self.rankings.0.lock();
        let Some(ranking) = rankings.get_mut(&self.site) else { return };
        ranking.watches -= 1;
        if ranking.watches == 0 {
            rankings.remove(&self.site);
        }
    }
}

impl Rankings {
    /// The sites.
    pub(crate) fn watched(&self) -> Vec<Site> {
        self.0.lock().keys().cloned().collect()
    }

    /// There are no sources any more.
    pub(crate) fn forget(&self) {
        self.0.lock().values_mut().for_each(|ranking| (ranking.sources, ranking.newest) = (None, None));
    }

    /// Whether the sources of a site's ranking have been heard.
    pub(crate) fn is_known(&self, site: &Site) -> bool {
        self.0.lock().get(site).is_some_and(|ranking| ranking.sources.is_some())
    }

    /// The sources say what they count on the pages of a site.
    pub(crate) fn report(&self, site: &Site, sources: BySource) {
        if let Some(ranking) = self.0.lock().get_mut(site) {
            ranking.sources = Some(Arc::new(sources));
            // To be made anew, by the next that looks.
            ranking.newest = ranking.newest.take().map(|(_, top)| (None, top));
        }
    }

    /// The pages of a site with most tabs at all sources together, at most `rows`, and how many; none if nobody looks at that or
    /// the sources have not been heard. Counts of here that are younger than 0.9 s may be missing.
    pub(crate) fn top(
        &self,
        site: &Site,
        rows: usize,
        here: impl FnOnce() -> Vec<(Page, u64)>,
    ) -> Option<Vec<(Page, u64)>> {
        let first = |top: &[(Page, u64)]| top.iter().take(rows).cloned().collect();
        let sources = match self.0.lock().get_mut(site)? {
            Ranking { newest: Some((Some(since), top)), .. } if since.elapsed() < FRESH => {
                return Some(first(top));
            }
            ranking => {
                // Others take what there is meanwhile.
                ranking.newest = ranking.newest.take().map(|(_, top)| (Some(Instant::now()), top));
                Arc::clone(ranking.sources.as_ref()?)
            }
        };
        let top = sum(sources.values().flatten().cloned().chain(here()));
        let answer = first(&top);
        if let Some(ranking) = self.0.lock().get_mut(site) {
            ranking.newest = Some((Some(Instant::now()), top));
        }
        Some(answer)
    }
}

/// The pages with most tabs, each counted together. Of two with as many, the one whose name comes first.
fn sum(all: impl Iterator<Item = (Page, u64)>) -> Vec<(Page, u64)> {
    let mut sums: HashMap<Page, u64> = HashMap::new();
    for (page, tabs) in all {
        *sums.entry(page).or_default() += tabs;
    }
    let mut all: Vec<_> = sums.into_iter().filter(|(_, tabs)| *tabs > 0).collect();
    all.sort_unstable_by(|one, other| other.1.cmp(&one.1).then_with(|| one.0.cmp(&other.0)));
    all.truncate(MOST_ROWS);
    all
}

//! What other nodes count on the pages of sites whose ranking somebody looks at here: read again and again, as it is much, and
//! rankings change slowly.

use std::collections::HashMap;
use std::time::Duration;

use onlookers_rooms::{Rooms, Site, SourceId};
use tokio::time::Instant;

use super::leases::LeaseTable;
use super::store::{NodeId, PageTabs, Partition, Store, StoreError};

/// The least time between two readings.
const GAP: Duration = Duration::from_secs(1);

/// How many pages add as much to it.
const PAGES: u32 = 5_000;

/// The counts of each source on the pages of each site.
pub(super) type BySite = HashMap<Site, HashMap<SourceId, PageTabs>>;

/// What to read: sites, and each node that counts there.
type Wanted = (Vec<Site>, Vec<(NodeId, Site)>);

/// When to read them.
pub(super) struct RankingReader {
    /// None while nobody looks at a ranking.
    pub(super) at: Option<Instant>,
}

impl RankingReader {
    pub(super) fn new() -> Self {
        Self { at: None }
    }

    /// Somebody may look at a ranking now who didn't before.
    pub(super) fn look(&mut self, rooms: &Rooms, now: Instant) {
        if self.at.is_none() && !rooms.watched_rankings().is_empty() {
            self.at = Some(now);
        }
    }

    /// The rankings are to be read at once. Returns whether somebody looks at one.
    pub(super) fn hurry(&mut self, rooms: &Rooms, now: Instant) -> bool {
        self.at = (!rooms.watched_rankings().is_empty()).then_some(now);
        self.at.is_some()
    }

    /// What to read now, if it is time.
    pub(super) fn due(&mut self, rooms: &Rooms, leases: &LeaseTable, now: Instant) -> Option<Wanted> {
        self.at.filter(|at| now >= *at)?;
        let sites = rooms.watched_rankings();
        self.at = (!sites.is_empty()).then_some(now + GAP);
        let of_site = |site: &Site| -> Vec<_> {
            leases.nodes(Partition::of(site)).map(|node| (node, site.clone())).collect()
        };
        let wanted = sites.iter().flat_map(of_site).collect();
        (!sites.is_empty()).then_some((sites, wanted))
    }

    /// The rankings are known.
    pub(super) fn found(&mut self, rooms: &Rooms, found: BySite, now: Instant) {
        // An answer without pages costs about as much as ten of them.
        let pages: usize = found.values().flat_map(HashMap::values).map(|pages| 10 + pages.len()).sum();
        let rest = GAP * u32::try_from(pages).unwrap_or(u32::MAX) / PAGES;
        self.at = self.at.map(|at| at.max(now + GAP + rest));
        for (site, sources) in found {
            rooms.report_ranking(&site, sources);
        }
    }
}

/// Reads the counts.
pub(super) async fn read<S: Store>(
    store: &S,
    sites: Vec<Site>,
    wanted: Vec<(NodeId, Site)>,
) -> Result<BySite, StoreError> {
    let mut by_site: BySite = sites.into_iter().map(|site| (site, HashMap::new())).collect();
    let found = store.read_pages(&wanted).await?;
    for ((node, site), pages) in wanted.into_iter().zip(found) {
        by_site.entry(site).or_default().insert(SourceId(node.0), pages);
    }
    Ok(by_site)
}

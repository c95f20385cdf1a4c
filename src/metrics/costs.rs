//! What the server's work is for: clients, sites and styles, by the CPU time that they cost.

use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use onlookers_rooms::Site;
use rustix::time::{ClockId, clock_gettime};

use super::Recent;

/// What has cost most lately. It costs nothing until somebody wants to know.
#[derive(Debug, Default)]
pub(crate) struct Costs {
    is_wanted: AtomicBool,
    /// By address; of IPv6, by the first one of a network of 64 bits.
    pub(crate) clients: Recent<IpAddr>,
    pub(crate) sites: Recent<Site>,
    pub(crate) styles: Recent<&'static str>,
}

/// Measures the CPU time of the thread that it is started on, and must be read on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stopwatch(Duration);

impl Costs {
    /// Somebody wants to know.
    pub(crate) fn begin(&self) {
        self.is_wanted.store(true, Ordering::Relaxed);
    }

    /// Whether somebody wants to know.
    pub(crate) fn are_wanted(&self) -> bool {
        self.is_wanted.load(Ordering::Relaxed)
    }

    /// Begins to measure, if somebody wants to know.
    pub(crate) fn measure(&self) -> Option<Stopwatch> {
        self.are_wanted().then(Stopwatch::start)
    }

    /// The work since then was for a client.
    pub(crate) fn of_client(&self, address: IpAddr, since: Option<Stopwatch>) {
        if let Some(since) = since {
            self.clients.add(address, since.elapsed());
        }
    }

    /// Adds a share of what was measured.
    pub(crate) fn add_of_client(&self, address: IpAddr, time: Duration) {
        self.clients.add(address, time);
    }

    /// The work since then was for viewers of a site who receive something of this style.
    pub(crate) fn of_viewers(&self, site: &Site, style: &'static str, since: Option<Stopwatch>) {
        if let Some(since) = since {
            self.add_of_viewers(site, style, since.elapsed());
        }
    }

    /// Likewise, where that can't be measured.
    pub(crate) fn estimate_of_viewers(&self, site: &Site, style: &'static str, time: Duration) {
        if self.are_wanted() {
            self.add_of_viewers(site, style, time);
        }
    }

    /// The work since then was for a style alone.
    pub(crate) fn of_style(&self, style: &'static str, since: Option<Stopwatch>) {
        if let Some(since) = since {
            self.styles.add(style, since.elapsed());
        }
    }

    /// Adds a share of what was measured.
    pub(crate) fn add_of_viewers(&self, site: &Site, style: &'static str, time: Duration) {
        self.sites.add(site.clone(), time);
        self.styles.add(style, time);
    }
}

impl Stopwatch {
    pub(super) fn start() -> Self {
        Self(cpu_time())
    }

    /// The time since the start.
    pub(crate) fn elapsed(self) -> Duration {
        cpu_time().saturating_sub(self.0)
    }
}

fn cpu_time() -> Duration {
    clock_gettime(ClockId::ThreadCPUTime).try_into().unwrap_or_default()
}

//! What may change while the server runs.

use std::collections::HashMap;

use ipnet::IpNet;

use crate::config::{Audience, Config, SiteSettings};
use crate::gate::Gate;
use crate::net::address::TrustedProxies;
use crate::picture::Label;
use crate::room::{RoomName, Site};

/// The settings in force, for the server and for single sites.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) gate: Gate,
    pub(crate) proxies: TrustedProxies,
    /// The networks whose visitors are not counted.
    pub(crate) ignore: Vec<IpNet>,
    label: Label,
    presence: bool,
    messages: bool,
    sites: HashMap<Site, SiteSettings>,
}

impl Settings {
    pub(crate) fn new(config: &Config) -> Self {
        Self {
            gate: Gate::new(config.allow.clone()),
            proxies: TrustedProxies::new(config.trust_proxy.clone()),
            ignore: config.ignore.clone(),
            label: config.label.clone(),
            presence: config.presence,
            messages: config.messages,
            sites: config.sites.clone(),
        }
    }

    /// What stands before the numbers of `site`.
    pub(crate) fn label(&self, site: &Site) -> Label {
        let own = self.sites.get(site).and_then(|settings| settings.label.as_ref());
        own.map_or(&self.label, |label| &label.0).clone()
    }

    /// Who may see the ranking of a site's pages.
    pub(crate) fn ranking(&self, site: &Site) -> Audience {
        self.sites.get(site).map(|settings| settings.ranking).unwrap_or_default()
    }

    /// Whether the pages of `site` are told where their readers are.
    pub(crate) fn presence(&self, site: &Site) -> bool {
        self.sites.get(site).and_then(|settings| settings.presence).unwrap_or(self.presence)
    }

    /// Whether what they say to each other is passed on.
    pub(crate) fn messages(&self, site: &Site) -> bool {
        self.sites.get(site).and_then(|settings| settings.messages).unwrap_or(self.messages)
    }

    /// Whether anybody who asks may see the count of a room, without a page around it.
    pub(crate) fn shows(&self, room: &RoomName) -> bool {
        self.gate.allows(room.of_site()) && self.counts(room)
    }

    /// Whether a room of that name may have a count: a site always, a page if its site doesn't say otherwise.
    pub(crate) fn counts(&self, room: &RoomName) -> bool {
        let pages = self.sites.get(room.of_site()).and_then(|settings| settings.pages.as_ref());
        match (room.as_page(), pages) {
            (Some(page), Some(patterns)) => patterns.iter().any(|pattern| pattern.0.matches(page)),
            _ => true,
        }
    }
}

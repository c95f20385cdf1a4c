//! The settings that may change while the server runs.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use clap::Args;
use ipnet::IpNet;
use onlookers_picture::Label;
use onlookers_rooms::{PageQuery, PageRules, RoomName, RoomNameError, Site};

use crate::gate::{Gate, Pattern, ServerName};
use crate::net::address::TrustedProxies;
pub use crate::net::address::{ClientHeader, ClientHeaderError};
pub(crate) use deny::DenyList;
pub use deny::{AgentPattern, AgentPatternError};
pub use site::{Audience, PagePattern, PagePatternError, SiteSettings};
pub(crate) use titles::Titles;

mod deny;
mod site;
mod titles;
pub(crate) mod values;

/// The settings that a reload puts into force.
#[derive(Args, Clone, Debug)]
pub struct Reloadable {
    /// A site whose pages may show the counter: example.com, *.example.org, localhost:3000, or an app's capacitor://localhost;
    /// can be given several times. Without any, every site may, each with a count of its own
    #[arg(long, value_name = "PATTERN", env = "ONLOOKERS_ALLOW", value_delimiter = ',', value_parser = values::trimmed::<Pattern>)]
    pub allow: Vec<Pattern>,
    /// A host name of this server, as count.example; can be given several times. Its own pages (/, /live, /embed) show allowed
    /// sites' counts under these names, under localhost and under IP addresses; under any name if neither this nor --allow
    /// is given
    #[arg(long, value_name = "NAME", env = "ONLOOKERS_NAME", value_delimiter = ',', value_parser = values::trimmed::<ServerName>)]
    pub name: Vec<ServerName>,
    /// A network that is refused everything, as 198.51.100.0/24, or an address; a reload ends what it has open. Can be given
    /// several times
    #[arg(long, value_name = "CIDR", env = "ONLOOKERS_DENY_ADDRESS", value_delimiter = ',', value_parser = values::network)]
    pub deny_address: Vec<IpNet>,
    /// A site whose pages may not show the counter, whatever --allow says; patterns are those of --allow, and it is reloaded
    /// likewise. Can be given several times
    #[arg(long, value_name = "PATTERN", env = "ONLOOKERS_DENY_SITE", value_delimiter = ',', value_parser = values::trimmed::<Pattern>)]
    pub deny_site: Vec<Pattern>,
    /// A part of the User-Agent of clients that are refused everything, in any case, as BadBot; likewise. Can be given several
    /// times
    #[arg(long, value_name = "TEXT", env = "ONLOOKERS_DENY_AGENT", value_delimiter = ',', value_parser = values::trimmed::<AgentPattern>)]
    pub deny_agent: Vec<AgentPattern>,
    /// The text before the number; at most 64 characters
    #[arg(long, value_name = "TEXT", env = "ONLOOKERS_LABEL", default_value = "Users online", value_parser = Label::new)]
    pub label: Label,
    /// A network whose visitors see the count without being in it, as 192.0.2.0/24, or an address; can be given several times
    #[arg(long, value_name = "CIDR", env = "ONLOOKERS_IGNORE", value_delimiter = ',', value_parser = values::network)]
    pub ignore: Vec<IpNet>,
    /// A network of proxies that say who the visitor is, as 10.0.0.0/8, or an address; can be given several times
    #[arg(long, value_name = "CIDR", env = "ONLOOKERS_TRUST_PROXY", value_delimiter = ',', value_parser = values::network)]
    pub trust_proxy: Vec<IpNet>,
    /// The one header in which these proxies name the visitor's address: x-forwarded-for, forwarded, cf-connecting-ip,
    /// x-real-ip, or another that they set to one address [default: x-forwarded-for]
    #[arg(long, value_name = "HEADER", env = "ONLOOKERS_CLIENT_ADDRESS")]
    pub client_address: Option<ClientHeader>,
    /// Tell the pages with scripts where their readers are, and what they call themselves, if they say so
    #[arg(long, env = "ONLOOKERS_PRESENCE")]
    pub presence: bool,
    /// Pass on what pages with scripts say to each other; nothing of it is kept
    #[arg(long, env = "ONLOOKERS_MESSAGES")]
    pub messages: bool,
    /// Log visitors' addresses, with what is refused for example; without it no line has one
    #[arg(long, env = "ONLOOKERS_LOG_ADDRESSES")]
    pub log_addresses: bool,
}

impl Reloadable {
    /// A sentence for the log about each setting that can't be meant as it stands.
    pub(crate) fn warnings(&self) -> Vec<&'static str> {
        let mut warnings = Vec::new();
        if self.client_address.is_some() && self.trust_proxy.is_empty() {
            warnings.push("--client-address has no effect: no proxy is trusted; add --trust-proxy");
        }
        warnings
    }
}

/// The settings in force, for the server and for single sites.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) gate: Gate,
    pub(crate) proxies: TrustedProxies,
    server: Reloadable,
    sites: HashMap<Site, SiteSettings>,
    /// Which addresses are the same page, on the sites that say so.
    rules: HashMap<Site, PageRules>,
    titles: Arc<Titles>,
    pub(crate) denied: Arc<DenyList>,
    /// All settings of the configuration that these are of, as text by their keys.
    pub(crate) listed: Vec<(String, String)>,
}

impl Settings {
    pub(crate) fn new(
        server: Reloadable,
        sites: HashMap<Site, SiteSettings>,
        listed: Vec<(String, String)>,
    ) -> Self {
        let aliases =
            sites.iter().flat_map(|(site, own)| own.aliases().map(|alias| (alias.clone(), site.clone())));
        let gate = Gate::new(server.allow.clone()).named(server.name.clone()).with_aliases(aliases.collect());
        let gate = gate.denying(server.deny_site.clone());
        let denied =
            DenyList::new(server.deny_address.clone(), gate.denied().clone(), server.deny_agent.clone());
        let proxies = TrustedProxies::new(
            server.trust_proxy.clone(),
            server.client_address.clone().unwrap_or_default(),
        );
        let rules = sites.iter().map(|(site, own)| (site.clone(), own.rules.clone()));
        let rules = rules.filter(|(_, rules)| *rules != PageRules::default()).collect();
        let titles = sites.iter().map(|(site, own)| (site.clone(), own.titles.clone())).collect();
        let (titles, denied) = (Arc::new(titles), Arc::new(denied));
        Self { gate, proxies, server, sites, rules, titles, denied, listed }
    }

    /// The titles that rankings show in place of pages' paths.
    pub(crate) fn titles(&self) -> &Arc<Titles> {
        &self.titles
    }

    /// Which of a site's addresses are the same page.
    pub(crate) fn page_rules(&self, site: &Site) -> &PageRules {
        static NONE: PageRules =
            PageRules { drop_slash: false, index: Vec::new(), keys: Vec::new(), hash_routes: false };
        self.rules.get(site).unwrap_or(&NONE)
    }

    /// The room that a name stands for: of the site that has it as an alias, and by that site's rules for pages.
    ///
    /// # Errors
    /// [`RoomNameError`], if it isn't a room's name.
    pub(crate) fn room_named(&self, name: &str) -> Result<RoomName, RoomNameError> {
        let (site, path) = RoomName::split(name)?;
        let site = self.gate.canonical(&site);
        match path.map(|path| self.page_rules(&site).page(path, PageQuery::Drop)) {
            None => Ok(RoomName::site(site)),
            Some(page) => Ok(RoomName::page(site, page.map_err(RoomNameError::Page)?)),
        }
    }

    /// A visitor's address for the log: none unless the settings say so.
    pub(crate) fn logged(&self, address: IpAddr) -> Option<IpAddr> {
        self.server.log_addresses.then_some(address.to_canonical())
    }

    /// The networks whose visitors are not counted.
    pub(crate) fn ignore(&self) -> &[IpNet] {
        &self.server.ignore
    }

    /// The text before the numbers of `site`.
    pub(crate) fn label(&self, site: &Site) -> Label {
        let own = self.sites.get(site).and_then(|settings| settings.label.as_ref());
        own.unwrap_or(&self.server.label).clone()
    }

    /// The text before the numbers of sites that have none of their own.
    pub(crate) fn server_label(&self) -> &Label {
        &self.server.label
    }

    /// The clients that may see the ranking of a site's pages.
    pub(crate) fn ranking(&self, site: &Site) -> Audience {
        self.sites.get(site).map(|settings| settings.ranking).unwrap_or_default()
    }

    /// Whether the pages of `site` receive their readers' positions and names.
    pub(crate) fn presence(&self, site: &Site) -> bool {
        self.sites.get(site).and_then(|settings| settings.presence).unwrap_or(self.server.presence)
    }

    /// Whether the pages of `site` receive each other's messages.
    pub(crate) fn messages(&self, site: &Site) -> bool {
        self.sites.get(site).and_then(|settings| settings.messages).unwrap_or(self.server.messages)
    }

    /// Whether any client may see the count of `room` without a page around it.
    pub(crate) fn shows(&self, room: &RoomName) -> bool {
        self.gate.allows(room.of_site()) && self.counts(room)
    }

    /// Whether `room` may have a count: a site always, a page unless its site's settings leave it out.
    pub(crate) fn counts(&self, room: &RoomName) -> bool {
        let pages = self.sites.get(room.of_site()).and_then(|settings| settings.pages.as_ref());
        match (room.as_page(), pages) {
            (Some(page), Some(patterns)) => patterns.iter().any(|pattern| pattern.matches(page)),
            _ => true,
        }
    }
}

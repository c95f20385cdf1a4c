//! The sites that the configuration denies.

use std::collections::{HashMap, HashSet};

use onlookers_rooms::Site;

use super::pattern::Pattern;

/// Sites whose pages may not show the counter, whatever is allowed.
#[derive(Clone, Debug, Default)]
pub(crate) struct DeniedSites {
    patterns: Vec<Pattern>,
    /// The sites of which an alias is denied: both have one count.
    by_alias: HashSet<Site>,
}

impl DeniedSites {
    /// Denies the sites of these patterns, under their aliases too: `aliases` maps each alias to its site.
    pub(super) fn new(patterns: Vec<Pattern>, aliases: &HashMap<Site, Site>) -> Self {
        let is_denied = |site: &Site| patterns.iter().any(|pattern| pattern.denies(site, None));
        let by_alias = aliases.iter().filter(|(alias, _)| is_denied(alias)).map(|(_, site)| site.clone());
        let by_alias = by_alias.collect();
        Self { patterns, by_alias }
    }

    /// Whether there is none.
    pub(crate) fn is_empty(&self) -> bool {
        self.patterns.is_empty()
    }

    /// Whether pages of `site` are denied, which is no alias: those of the app with that scheme, or those on the web.
    pub(crate) fn deny(&self, site: &Site, app: Option<&str>) -> bool {
        let is_by_alias = app.is_none() && self.by_alias.contains(site);
        is_by_alias || self.patterns.iter().any(|pattern| pattern.denies(site, app))
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Claim, Gate};

    /// A gate that denies that, where old.example is an alias of new.example.
    fn gate(denied: &str) -> Gate {
        let aliases = [("old.example".parse().unwrap(), "new.example".parse().unwrap())];
        Gate::default().with_aliases(aliases.into()).denying(vec![denied.parse().unwrap()])
    }

    fn admits(gate: &Gate, page: &str) -> bool {
        gate.admit(&Claim { referer: Some(page.as_bytes()), ..Claim::default() }).is_ok()
    }

    #[test]
    fn a_site_is_denied_under_all_of_its_names() {
        for denied in ["old.example", "new.example"] {
            let gate = gate(denied);
            for name in ["old.example", "new.example"] {
                assert!(!admits(&gate, &format!("https://{name}/")), "{denied} {name}");
                assert!(!gate.allows(&name.parse().unwrap()), "{denied} {name}");
            }
            // So its rooms, which have the one name, are closed.
            assert!(gate.denied().deny(&"new.example".parse().unwrap(), None), "{denied}");
            assert!(admits(&gate, "https://another.example/"));
        }
    }

    #[test]
    fn an_apps_pages_and_those_on_the_web_are_denied_by_themselves() {
        let [app, web] = ["app://obsidian.md", "https://obsidian.md"];
        for (denied, is_app_denied) in [("app://obsidian.md", true), ("obsidian.md", false)] {
            let (gate, site) = (gate(denied), "obsidian.md".parse().unwrap());
            assert_eq!(admits(&gate, app), !is_app_denied, "{denied}");
            assert_eq!(admits(&gate, web), is_app_denied, "{denied}");
            assert_eq!(gate.denied().deny(&site, Some("app")), is_app_denied, "{denied}");
            assert_eq!(gate.denied().deny(&site, None), !is_app_denied, "{denied}");
            assert!(!gate.denied().deny(&site, Some("tauri")), "{denied}");
        }
    }

    #[test]
    fn pages_that_say_nothing_are_denied_as_files() {
        let shown = Claim { destination: Some(b"image"), ..Claim::default() };
        assert!(gate("file://").admit(&shown).is_err() && gate("spam.example").admit(&shown).is_ok());
    }
}

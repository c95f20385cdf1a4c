//! Remembers of which sites something has been said, so that the log says it once for each.

use std::collections::HashSet;

use onlookers_rooms::Site;
use onlookers_rooms::sync::Mutex;

/// How many sites are remembered; nothing is said of one more. Names of sites come from requests, and anybody can make them up.
const MAX_SITES: usize = 1000;

/// The sites of which it has been said.
#[derive(Debug, Default)]
pub(crate) struct OncePerSite(Mutex<HashSet<Site>>);

impl OncePerSite {
    /// Whether it has to be said of `site` now.
    pub(crate) fn is_new(&self, site: &Site) -> bool {
        let mut sites = self.0.lock();
        sites.len() < MAX_SITES && !sites.contains(site) && sites.insert(site.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_site_is_new_once_up_to_a_bound() {
        let said = OncePerSite::default();
        let site = |number| format!("s{number}.example").parse().unwrap();
        assert!(said.is_new(&site(0)) && !said.is_new(&site(0)));
        assert_eq!((0..2 * MAX_SITES).filter(|number| said.is_new(&site(*number))).count(), MAX_SITES - 1);
    }
}

//! Where a page is that embeds the counter: on the web, or in an app.

use onlookers_rooms::{Site, SiteError, split_url};

/// The page that a request comes from, as far as the gate needs to know it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Embedder {
    pub(super) site: Site,
    /// The scheme of an app's own pages (`capacitor`, `tauri`), in lower case; none for `http` and `https`.
    pub(super) app: Option<String>,
}

impl Embedder {
    /// A page of `site` on the web.
    pub(super) fn on_the_web(site: Site) -> Self {
        Self { site, app: None }
    }

    /// The page at `url`. An app's site is the host that its pages have: `localhost` for `capacitor://localhost`.
    ///
    /// # Errors
    /// [`SiteError`], if it isn't the URL of a page.
    pub(super) fn of_url(url: &[u8]) -> Result<Self, SiteError> {
        match Site::of_url(url) {
            Ok(site) => Ok(Self::on_the_web(site)),
            Err(SiteError::NotHttp) => {
                let (scheme, authority) = split_url(url)?;
                let app = Some(app_scheme(scheme).ok_or(SiteError::NotHttp)?);
                Ok(Self { site: authority.parse()?, app })
            }
            Err(error) => Err(error),
        }
    }

    /// Whether the request went to the page's own host, as it says itself. An app's pages come from nowhere on the web.
    pub(super) fn is_at(&self, host: Option<&[u8]>) -> bool {
        self.app.is_none() && site_of_host(host).is_some_and(|own| own == self.site)
    }
}

/// The site that a Host header names.
pub(super) fn site_of_host(host: Option<&[u8]>) -> Option<Site> {
    std::str::from_utf8(host?).ok()?.parse().ok()
}

/// The scheme of an app's pages in lower case, if it is one: not of the web, and not the name by which browsers mention an app
/// that has opened a page.
pub(super) fn app_scheme(scheme: &str) -> Option<String> {
    let scheme = scheme.to_ascii_lowercase();
    let is_scheme = scheme.starts_with(|first: char| first.is_ascii_lowercase())
        && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b));
    let is_other = matches!(&*scheme, "http" | "https" | "ws" | "wss" | "ftp" | "android-app" | "ios-app");
    (is_scheme && !is_other).then_some(scheme)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_apps_site_is_the_host_of_its_pages() {
        for (url, app, site) in [
            ("https://example.com/", None, "example.com"),
            ("capacitor://localhost", Some("capacitor"), "localhost"),
            ("Tauri://localhost/index.html", Some("tauri"), "localhost"),
            ("app://obsidian.md", Some("app"), "obsidian.md"),
        ] {
            let page = Embedder::of_url(url.as_bytes()).unwrap();
            assert_eq!((page.app.as_deref(), page.site.as_str()), (app, site), "{url}");
        }
        for url in
            ["android-app://com.example/", "about:blank", "1x://localhost", "://x", "app://", "file:///a"]
        {
            assert!(Embedder::of_url(url.as_bytes()).is_err(), "{url}");
        }
    }

    #[test]
    fn an_app_is_not_this_server() {
        let page = |url: &str| Embedder::of_url(url.as_bytes()).unwrap();
        assert!(page("http://localhost/").is_at(Some(b"localhost")));
        assert!(!page("capacitor://localhost").is_at(Some(b"localhost")));
    }
}

//! Names of sites, pages, rooms and readers: parsed once, from hostile text; one name has one spelling.

use std::fmt;
use std::str::FromStr;

use percent_encoding::percent_decode_str;

pub use page::{Page, PageError, PageQuery, path_of_url};
pub use reader::{NameError, ReaderName};
pub use rules::PageRules;
pub use site::{Site, SiteError, canonical_host, split_port, split_url};

mod page;
mod reader;
mod rules;
mod shortened;
mod site;
mod written;

/// The name of a room: a page of a site, or the whole site.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct RoomName {
    site: Site,
    page: Option<Page>,
}

impl RoomName {
    /// The site and the path of a room's name; the path is missing if it names a whole site.
    ///
    /// # Errors
    /// [`RoomNameError::Site`], if it begins with no site.
    pub fn split(name: &str) -> Result<(Site, Option<&str>), RoomNameError> {
        let (site, path) = name.find('/').map_or((name, None), |at| (&name[..at], Some(&name[at..])));
        let site =
            percent_decode_str(site).decode_utf8().map_err(|_| RoomNameError::Site(SiteError::Host))?;
        let site = match (&*site, path) {
            ("", Some(_)) => Site::unnamed(),
            (site, _) => site.parse().map_err(RoomNameError::Site)?,
        };
        Ok((site, path))
    }

    /// The room of a whole site: the sum of its pages.
    pub fn site(site: Site) -> Self {
        Self { site, page: None }
    }

    /// The room of one page.
    pub fn page(site: Site, page: Page) -> Self {
        Self { site, page: Some(page) }
    }

    /// The room of the whole site that this one is in, unless it is that itself.
    pub fn whole_site(&self) -> Option<Self> {
        self.page.is_some().then(|| Self::site(self.site.clone()))
    }

    /// The site that it is, or is in.
    pub fn of_site(&self) -> &Site {
        &self.site
    }

    /// Which page, unless it is the whole site.
    pub fn as_page(&self) -> Option<&Page> {
        self.page.as_ref()
    }
}

/// Text that names no room.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RoomNameError {
    /// The text before the first slash names no site.
    Site(SiteError),
    /// The text from the first slash on names no page.
    Page(PageError),
}

/// `example.com` or `example.com/posts/1`, as a URL has it in its path: percent-encoded where it must be. `/posts/1` is a page
/// of [`Site::unnamed`].
impl FromStr for RoomName {
    type Err = RoomNameError;

    fn from_str(name: &str) -> Result<Self, RoomNameError> {
        let (site, path) = Self::split(name)?;
        match path.map(|path| Page::new(path, PageQuery::Drop)) {
            None => Ok(Self::site(site)),
            Some(page) => Ok(Self::page(site, page.map_err(RoomNameError::Page)?)),
        }
    }
}

impl fmt::Display for RoomNameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Site(why) => write!(f, "the site is {why}"),
            Self::Page(why) => write!(f, "the page is {why}"),
        }
    }
}

impl std::error::Error for RoomNameError {}

/// `example.com` or `example.com/posts/1`.
impl fmt::Display for RoomName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.site.fmt(f)?;
        self.page.as_ref().map_or(Ok(()), |page| page.fmt(f))
    }
}

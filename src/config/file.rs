//! `onlookers.toml`: every flag as a key, and what is set for one site only.

use std::collections::HashMap;
use std::fmt;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use ipnet::IpNet;
use serde::de::{Deserialize, Deserializer, Error as _};

use super::Repaint;
use crate::gate::Pattern;
use crate::picture::Label;
use crate::room::{Page, PageQuery, Site};

/// What a file says. A key that isn't there leaves the flag's own default.
#[derive(serde::Deserialize, Debug, Default)]
#[serde(deny_unknown_fields)]
pub struct File {
    pub(super) listen: Option<Vec<SocketAddr>>,
    pub(super) allow: Option<Vec<Text<Pattern>>>,
    pub(super) label: Option<Text<Label>>,
    pub(super) repaint: Option<Text<Repaint>>,
    pub(super) themes: Option<PathBuf>,
    pub(super) font: Option<Vec<PathBuf>>,
    pub(super) max_viewers: Option<NonZeroUsize>,
    pub(super) max_per_address: Option<NonZeroUsize>,
    pub(super) max_sites: Option<NonZeroUsize>,
    pub(super) max_pages_per_site: Option<NonZeroUsize>,
    pub(super) ignore: Option<Vec<IpNet>>,
    pub(super) trust_proxy: Option<Vec<IpNet>>,
    pub(super) presence: Option<bool>,
    pub(super) messages: Option<bool>,
    pub(super) fanout_threads: Option<u8>,
    #[serde(default)]
    sites: HashMap<Text<Site>, SiteSettings>,
}

/// What is set for one site.
#[derive(serde::Deserialize, Clone, Debug, Default)]
#[serde(deny_unknown_fields)]
pub struct SiteSettings {
    /// What stands before its numbers, instead of the server's label.
    pub(crate) label: Option<Text<Label>>,
    /// The pages that may have a count of their own; all of them if this is missing.
    pub(crate) pages: Option<Vec<Text<PagePattern>>>,
    /// Who may see the ranking of its pages.
    #[serde(default)]
    pub(crate) ranking: Audience,
    /// Whether its pages are told where their readers are, instead of what holds for the server.
    pub(crate) presence: Option<bool>,
    /// Whether what they say to each other is passed on, likewise.
    pub(crate) messages: Option<bool>,
}

/// Who may see something.
#[derive(serde::Deserialize, Clone, Copy, PartialEq, Eq, Debug, Default)]
#[serde(rename_all = "lowercase")]
pub enum Audience {
    /// Everyone who asks.
    #[default]
    Everyone,
    /// The site's own pages.
    Own,
    /// Nobody.
    Nobody,
}

/// Pages of a site: `/posts/1`, or `/posts/*` for all that begin so.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PagePattern {
    path: Page,
    below: bool,
}

/// A file that can't be used, and why: the message names line and key.
#[derive(Debug)]
pub struct FileError {
    file: PathBuf,
    why: String,
}

impl File {
    /// Reads and parses the file at `path`.
    ///
    /// # Errors
    /// [`FileError`], if it can't be read or something in it is wrong.
    pub fn read(path: &Path) -> Result<Self, FileError> {
        let refuse = |why: String| FileError { file: path.to_owned(), why };
        let text = std::fs::read_to_string(path).map_err(|error| refuse(error.to_string()))?;
        toml::from_str(&text).map_err(|error| refuse(error.to_string()))
    }

    /// What is set for single sites.
    pub fn into_sites(self) -> HashMap<Site, SiteSettings> {
        self.sites.into_iter().map(|(Text(site), settings)| (site, settings)).collect()
    }
}

impl PagePattern {
    /// Whether it means that page.
    pub(crate) fn matches(&self, page: &Page) -> bool {
        let (page, path) = (page.as_str(), self.path.as_str());
        if self.below { page.starts_with(path) } else { page == path }
    }
}

impl FromStr for PagePattern {
    type Err = crate::room::PageError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (path, below) = text.strip_suffix('*').map_or((text, false), |path| (path, true));
        Ok(Self { path: Page::new(path, PageQuery::Keep)?, below })
    }
}

/// The values themselves.
pub(super) fn texts<T>(texts: Vec<Text<T>>) -> Vec<T> {
    texts.into_iter().map(|Text(value)| value).collect()
}

/// A value that is text in the file, parsed as a flag's is.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Text<T>(pub(crate) T);

impl<'de, T: FromStr<Err: fmt::Display>> Deserialize<'de> for Text<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map(Self).map_err(|why| D::Error::custom(format!("{text:?}: {why}")))
    }
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.file.display(), self.why)
    }
}

impl std::error::Error for FileError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_is_named_by_line_and_key() {
        for (text, line, word) in [
            ("listen = [\"127.0.0.1:0\"]\nlable = \"x\"", "line 2", "lable"),
            ("allow = [\"https://example.com/\"]", "line 1", "allow"),
            ("repaint = \"5\"", "line 1", "repaint"),
            ("[sites.\"example.com\"]\nranking = \"some\"", "line 2", "ranking"),
            ("[sites.\"exa mple\"]", "line 1", "exa mple"),
            ("label = ", "line 1", "label"),
        ] {
            let why = toml::from_str::<File>(text).unwrap_err().to_string();
            assert!(why.contains(line) && why.contains(word), "{text}: {why}");
        }
    }

    #[test]
    fn a_page_pattern_means_a_page_or_what_is_below() {
        let page = |path| Page::new(path, PageQuery::Drop).unwrap();
        let below: PagePattern = "/posts/*".parse().unwrap();
        assert!(below.matches(&page("/posts/1")) && below.matches(&page("/posts/")));
        assert!(!below.matches(&page("/posts")) && !below.matches(&page("/")));
        let one: PagePattern = "/posts".parse().unwrap();
        assert!(one.matches(&page("/posts")) && !one.matches(&page("/posts/")));
    }
}

//! Settings of a single site: one `[sites."example.com"]` table of the file.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt;
use std::str::FromStr;

use serde::de::{self, Deserialize, Deserializer};

use onlookers_picture::Label;
use onlookers_rooms::{Page, PageError, PageQuery, PageRules, Site};

use super::titles::{self, PageTitle, TitlesError, TitlesOfSite};

/// The settings of one site.
#[derive(serde::Deserialize, Clone, Debug, Default)]
#[serde(try_from = "Table")]
pub struct SiteSettings {
    /// The text before its numbers, instead of the server's label.
    pub(super) label: Option<Label>,
    /// The pages that may have a count of their own; all of them if this is missing.
    pub(super) pages: Option<Vec<PagePattern>>,
    /// The audience of its ranking.
    pub(super) ranking: Audience,
    /// Whether its pages receive their readers' positions and names, instead of the server's setting.
    pub(super) presence: Option<bool>,
    /// Whether its pages receive each other's messages, instead of the server's setting.
    pub(super) messages: Option<bool>,
    /// Other sites whose pages are this site's.
    aliases: Vec<Site>,
    /// Which of its addresses are the same page.
    pub(super) rules: PageRules,
    /// What rankings show in place of its pages' paths.
    pub(super) titles: TitlesOfSite,
}

impl SiteSettings {
    /// Other sites whose pages are this site's.
    pub(crate) fn aliases(&self) -> impl Iterator<Item = &Site> {
        self.aliases.iter()
    }
}

/// The keys of a site's table.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    label: Option<Text<Label>>,
    pages: Option<Vec<Text<PagePattern>>>,
    #[serde(default)]
    ranking: Audience,
    presence: Option<bool>,
    messages: Option<bool>,
    #[serde(default)]
    aliases: Vec<Text<Site>>,
    #[serde(default)]
    drop_slash: bool,
    #[serde(default)]
    index: Vec<String>,
    #[serde(default)]
    page_keys: Vec<String>,
    #[serde(default)]
    hash_routes: bool,
    #[serde(default)]
    titles: BTreeMap<String, Text<PageTitle>>,
}

impl TryFrom<Table> for SiteSettings {
    type Error = TitlesError;

    fn try_from(table: Table) -> Result<Self, TitlesError> {
        let Table { ranking, presence, messages, drop_slash, index, page_keys: keys, hash_routes, .. } =
            table;
        let rules = PageRules { drop_slash, index, keys, hash_routes };
        Ok(Self {
            label: table.label.map(|Text(label)| label),
            pages: table.pages.map(parsed),
            ranking,
            presence,
            messages,
            aliases: parsed(table.aliases),
            titles: titles::by_page(
                table.titles.into_iter().map(|(path, Text(title))| (path, title)),
                &rules,
            )?,
            rules,
        })
    }
}

fn parsed<T>(texts: Vec<Text<T>>) -> Vec<T> {
    texts.into_iter().map(|Text(parsed)| parsed).collect()
}

/// The clients that may see something.
#[derive(serde::Deserialize, Clone, Copy, PartialEq, Eq, Debug, Default)]
#[serde(rename_all = "lowercase")]
pub enum Audience {
    /// Every client.
    #[default]
    Everyone,
    /// The site's own pages.
    Own,
    /// No client.
    Nobody,
}

/// Pages of a site: `/posts/1`, or `/posts/*` for every path that begins with `/posts/`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PagePattern {
    path: Page,
    below: bool,
}

impl PagePattern {
    /// Whether the pattern includes `page`.
    pub(super) fn matches(&self, page: &Page) -> bool {
        let (page, path) = (page.as_str(), self.path.as_str());
        if self.below { page.starts_with(path) } else { page == path }
    }
}

/// Why text is not a pattern of pages.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum PagePatternError {
    /// It doesn't begin with a slash; a URL for example, which no path is.
    NoPath,
    /// It names no page.
    Page(PageError),
}

impl FromStr for PagePattern {
    type Err = PagePatternError;

    fn from_str(text: &str) -> Result<Self, PagePatternError> {
        let (path, below) = text.strip_suffix('*').map_or((text, false), |path| (path, true));
        if !path.starts_with('/') {
            return Err(PagePatternError::NoPath);
        }
        Ok(Self { path: Page::new(path, PageQuery::Keep).map_err(PagePatternError::Page)?, below })
    }
}

impl fmt::Display for PagePatternError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoPath => f.write_str("a page is a path; write /posts/1 or /posts/*"),
            Self::Page(error) => error.fmt(f),
        }
    }
}

impl Error for PagePatternError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::NoPath => None,
            Self::Page(error) => Some(error),
        }
    }
}

/// A value that the file writes as a string, parsed with [`FromStr`].
#[derive(Clone, PartialEq, Eq, Debug)]
struct Text<T>(T);

impl<'de, T: FromStr<Err: fmt::Display>> Deserialize<'de> for Text<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map(Self).map_err(|error| de::Error::custom(format!("{text:?}: {error}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_pattern_is_one_path_or_a_prefix() {
        let page = |path| Page::new(path, PageQuery::Drop).unwrap();
        let below: PagePattern = "/posts/*".parse().unwrap();
        assert!(below.matches(&page("/posts/1")) && below.matches(&page("/posts/")));
        assert!(!below.matches(&page("/posts")) && !below.matches(&page("/")));
        let one: PagePattern = "/posts".parse().unwrap();
        assert!(one.matches(&page("/posts")) && !one.matches(&page("/posts/")));
    }

    #[test]
    fn a_page_pattern_begins_with_a_slash() {
        for text in ["https://example.com/posts/*", "example.com/posts", "posts/*", "*", ""] {
            assert_eq!(text.parse::<PagePattern>(), Err(PagePatternError::NoPath), "{text}");
        }
        assert_eq!("/%00".parse::<PagePattern>(), Err(PagePatternError::Page(PageError::Control)));
    }
}

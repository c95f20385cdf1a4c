//! Settings of a single site: one `[sites."example.com"]` table of the file.

use std::collections::{BTreeMap, HashSet};
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
    /// The titles that rankings show in place of its pages' paths.
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
    index: Vec<Text<IndexFile>>,
    #[serde(default)]
    page_keys: Vec<Text<PageKey>>,
    #[serde(default)]
    hash_routes: bool,
    #[serde(default)]
    titles: BTreeMap<String, Text<PageTitle>>,
}

impl TryFrom<Table> for SiteSettings {
    type Error = TitlesError;

    fn try_from(table: Table) -> Result<Self, TitlesError> {
        let Table { ranking, presence, messages, drop_slash, hash_routes, .. } = table;
        let index = table.index.into_iter().map(|Text(IndexFile(name))| name).collect();
        let mut keys: Vec<String> = table.page_keys.into_iter().map(|Text(PageKey(name))| name).collect();
        let mut seen = HashSet::new();
        keys.retain(|key| seen.insert(key.clone()));
        let rules = PageRules { drop_slash, index, keys, hash_routes };
        Ok(Self {
            label: table.label.map(|Text(label)| label),
            pages: table.pages.map(|pages| parsed(pages).into_iter().map(|page| page.by(&rules)).collect()),
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
    /// The folder itself of `/posts/*`, where its name has no slash.
    folder: Option<Page>,
}

impl PagePattern {
    /// The same pattern on a site with these rules.
    fn by(self, rules: &PageRules) -> Self {
        match rules.page(self.path.as_str(), PageQuery::Keep) {
            Ok(folder) if self.below => {
                Self { folder: Some(folder).filter(|folder| *folder != self.path), ..self }
            }
            Ok(path) => Self { path, ..self },
            Err(_) => self,
        }
    }

    /// Whether the pattern includes `page`.
    pub(super) fn matches(&self, page: &Page) -> bool {
        let is_below = self.below && page.as_str().starts_with(self.path.as_str());
        is_below || !self.below && *page == self.path || self.folder.as_ref() == Some(page)
    }
}

/// The name of a file that stands for its folder, as pages' names spell it.
struct IndexFile(String);

/// The name of a parameter that selects a page, likewise.
struct PageKey(String);

impl FromStr for IndexFile {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refusal = "write the name of a file, as index.html";
        let is_name = !text.is_empty() && !text.contains(['/', '?', '#', '%']) && !matches!(text, "." | "..");
        let page = Page::new(&format!("/{text}"), PageQuery::Drop).map_err(|_| refusal)?;
        if is_name { Ok(Self(page.as_str()[1..].to_owned())) } else { Err(refusal) }
    }
}

impl FromStr for PageKey {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refusal = "write the name of a parameter, as id";
        let is_name = !text.is_empty() && !text.contains(['?', '&', '=', '#', '%', '+']);
        let page = Page::new(&format!("/?{text}"), PageQuery::Keep).map_err(|_| refusal)?;
        if is_name { Ok(Self(page.as_str()[2..].to_owned())) } else { Err(refusal) }
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
        let path = Page::new(path, PageQuery::Keep).map_err(PagePatternError::Page)?;
        Ok(Self { path, below, folder: None })
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

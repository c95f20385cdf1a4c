//! Titles of pages, which rankings show in place of their paths.

use std::collections::HashMap;
use std::error::Error;
use std::fmt;
use std::str::FromStr;

use onlookers_rooms::{Page, PageError, PageQuery, PageRules, Site};

/// The longest title, in characters.
const MAX_CHARS: usize = 200;

/// A title: 1 to 200 characters, none a control character, without spaces before and after.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct PageTitle(Box<str>);

/// Why text is no title.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum PageTitleError {
    /// Nothing but spaces, or more than 200 characters.
    Length,
    /// A control character.
    Control,
}

/// The titles of one site's pages.
pub(super) type TitlesOfSite = HashMap<Page, PageTitle>;

/// The titles of all sites' pages.
#[derive(PartialEq, Eq, Debug, Default)]
pub(crate) struct Titles(HashMap<Site, TitlesOfSite>);

impl Titles {
    /// The title of a page, if it has one.
    pub(crate) fn find(&self, site: &Site, page: &Page) -> Option<&str> {
        self.0.get(site)?.get(page).map(|title| &*title.0)
    }
}

impl FromIterator<(Site, TitlesOfSite)> for Titles {
    fn from_iter<T: IntoIterator<Item = (Site, TitlesOfSite)>>(sites: T) -> Self {
        Self(sites.into_iter().filter(|(_, titles)| !titles.is_empty()).collect())
    }
}

/// Titles by page, as a file has them by path. The site's rules say which page a path is.
///
/// # Errors
/// [`TitlesError`], which names the path.
pub(super) fn by_page(
    titles: impl IntoIterator<Item = (String, PageTitle)>,
    rules: &PageRules,
) -> Result<TitlesOfSite, TitlesError> {
    let mut by_page = HashMap::new();
    for (path, title) in titles {
        let refuse = |reason| TitlesError { path: path.clone(), reason };
        if !path.starts_with('/') {
            return Err(refuse(Reason::NoPath));
        }
        let page = rules.page(&path, PageQuery::Keep).map_err(|error| refuse(Reason::Page(error)))?;
        if by_page.insert(page.clone(), title).is_some() {
            return Err(refuse(Reason::Twice(page)));
        }
    }
    Ok(by_page)
}

/// A path that can't have a title.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct TitlesError {
    path: String,
    reason: Reason,
}

#[derive(Clone, PartialEq, Eq, Debug)]
enum Reason {
    /// It doesn't begin with a slash.
    NoPath,
    /// It names no page.
    Page(PageError),
    /// Another path of the same page has one.
    Twice(Page),
}

impl FromStr for PageTitle {
    type Err = PageTitleError;

    fn from_str(text: &str) -> Result<Self, PageTitleError> {
        let text = text.trim();
        if text.chars().any(char::is_control) {
            return Err(PageTitleError::Control);
        }
        let fits = (1..=MAX_CHARS).contains(&text.chars().take(MAX_CHARS + 1).count());
        if fits { Ok(Self(text.into())) } else { Err(PageTitleError::Length) }
    }
}

impl fmt::Display for PageTitleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Length => write!(f, "a title has 1 to {MAX_CHARS} characters"),
            Self::Control => f.write_str("a title can't hold a control character"),
        }
    }
}

impl Error for PageTitleError {}

impl fmt::Display for TitlesError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the title of {:?}: ", self.path)?;
        match &self.reason {
            Reason::NoPath => f.write_str("a page is a path; write /posts/1"),
            Reason::Page(error) => error.fmt(f),
            Reason::Twice(page) => write!(f, "the page {page} has a title already"),
        }
    }
}

impl Error for TitlesError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(paths: &[&str], rules: &PageRules) -> Result<TitlesOfSite, TitlesError> {
        let title: PageTitle = "Hello".parse().unwrap();
        by_page(paths.iter().map(|path| ((*path).to_owned(), title.clone())), rules)
    }

    #[test]
    fn a_title_has_1_to_200_characters() {
        for text in ["a", "é".repeat(200).as_str(), " 在线人数 "] {
            assert_eq!(text.parse(), Ok(PageTitle(text.trim().into())));
        }
        for text in ["", "  ", "é".repeat(201).as_str()] {
            assert_eq!(text.parse::<PageTitle>(), Err(PageTitleError::Length));
        }
        for text in ["a\nb", "\u{7f}", "a\0"] {
            assert_eq!(text.parse::<PageTitle>(), Err(PageTitleError::Control));
        }
    }

    #[test]
    fn a_title_is_of_the_page_that_the_sites_rules_say() {
        let rules = PageRules { drop_slash: true, hash_routes: true, ..PageRules::default() };
        let pages = |titles: TitlesOfSite| {
            let mut pages: Vec<_> = titles.into_keys().map(|page| page.to_string()).collect();
            pages.sort();
            pages
        };
        let paths = ["/a/", "/caf%c3%a9", "/#/b"];
        assert_eq!(pages(parse(&paths, &rules).unwrap()), ["/%23/b", "/a", "/caf%C3%A9"]);
        let paths = ["/a/", "/café", "/?id=1"];
        assert_eq!(pages(parse(&paths, &PageRules::default()).unwrap()), ["/?id=1", "/a/", "/caf%C3%A9"]);
    }

    #[test]
    fn a_path_that_can_have_no_title_is_named() {
        let rules = PageRules { drop_slash: true, ..PageRules::default() };
        for (paths, sentence) in [
            (
                &["https://a.example/x"][..],
                "the title of \"https://a.example/x\": a page is a path; write /posts/1",
            ),
            (&["/a%00"], "the title of \"/a%00\": not printable"),
            (&["/a", "/a/"], "the title of \"/a/\": the page /a has a title already"),
        ] {
            assert_eq!(parse(paths, &rules).unwrap_err().to_string(), sentence);
        }
        assert!(parse(&["/a", "/a/"], &PageRules::default()).is_ok());
    }
}

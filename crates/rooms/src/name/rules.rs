//! Which of a site's addresses are the same page.

use std::borrow::Cow;

use super::page::{Page, PageError, PageQuery, respell_query};

/// What a site's pages have in common besides one spelling. Without any rule, `/a`, `/a/` and `/a/index.html` are three pages.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct PageRules {
    /// `/a/` is `/a`.
    pub drop_slash: bool,
    /// Files that stand for their folder: with `index.html`, `/a/index.html` is `/a/`.
    pub index: Vec<String>,
    /// The parameters of a query that select a page: with `id`, `/show?id=1&utm=x` is the page `/show?id=1`.
    pub keys: Vec<String>,
    /// `/#/posts/1` and `/#!/posts/1` are pages of their own, named `/%23/posts/1`.
    pub hash_routes: bool,
}

impl PageRules {
    /// The page at `path`, as [`Page::new`] has it, by these rules. What they say of a query goes before `query`.
    ///
    /// # Errors
    /// [`PageError`], if it names no page.
    pub fn page(&self, path: &(impl AsRef<[u8]> + ?Sized), query: PageQuery) -> Result<Page, PageError> {
        Page::by(&self.with_question_mark(path.as_ref()), query, self)
    }

    /// `page` by these rules.
    ///
    /// # Errors
    /// [`PageError`], if it names no page.
    pub fn apply(&self, page: &Page) -> Result<Page, PageError> {
        self.page(page.as_str(), PageQuery::Keep)
    }

    /// A question mark is escaped where a page is named in a URL's path.
    fn with_question_mark<'p>(&self, path: &'p [u8]) -> Cow<'p, [u8]> {
        let find = |escape: &[u8]| path.windows(3).position(|part| part.eq_ignore_ascii_case(escape));
        // One in a route is the route's.
        let route = find(b"%23").filter(|_| self.hash_routes).unwrap_or(path.len());
        let at = find(b"%3F").filter(|at| *at < route && !self.keys.is_empty());
        match at.filter(|_| !path.contains(&b'?')) {
            Some(at) => [&path[..at], b"?", &path[at + 3..]].concat().into(),
            None => path.into(),
        }
    }

    /// The path, without what doesn't tell one page from another. A route in it is a path, too.
    pub(super) fn path(&self, path: &str) -> String {
        match path.split_once("%23").filter(|_| self.hash_routes) {
            Some((path, route)) => {
                format!("{}%23{}", self.one_path(path.to_owned()), self.one_path(route.to_owned()))
            }
            None => self.one_path(path.to_owned()),
        }
    }

    fn one_path(&self, mut path: String) -> String {
        if let Some(file) = self.index.iter().find(|file| path.rsplit('/').next() == Some(file)) {
            path.truncate(path.len() - file.len());
        }
        if self.drop_slash && path.len() > 1 && path.ends_with('/') {
            path.pop();
        }
        path
    }

    /// The part of a URL behind `#` that belongs to the name.
    pub(super) fn route<'a>(&self, fragment: Option<&'a [u8]>) -> Option<&'a [u8]> {
        fragment.filter(|route| self.hash_routes && (route.starts_with(b"/") || route.starts_with(b"!/")))
    }

    /// The part of a query that belongs to the name, without the question mark.
    ///
    /// # Errors
    /// [`PageError`], if that isn't printable.
    pub(super) fn query(&self, query: &[u8], keep: PageQuery) -> Result<Option<String>, PageError> {
        if self.keys.is_empty() {
            return if keep == PageQuery::Keep { respell_query(query).map(Some) } else { Ok(None) };
        }
        let mut kept = Vec::new();
        for key in &self.keys {
            let is_of_key = |pair: &&[u8]| pair.split(|byte| *byte == b'=').next() == Some(key.as_bytes());
            if let Some(pair) = query.split(|byte| *byte == b'&').find(is_of_key) {
                kept.push(respell_query(pair)?);
            }
        }
        Ok((!kept.is_empty()).then(|| kept.join("&")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn rules() -> PageRules {
        PageRules {
            drop_slash: true,
            index: vec!["index.html".to_owned(), "index.php".to_owned()],
            keys: vec!["id".to_owned(), "tab".to_owned()],
            hash_routes: true,
        }
    }

    #[test]
    fn addresses_of_one_page_have_one_name() {
        for (path, wanted) in [
            ("/a", "/a"),
            ("/a/", "/a"),
            ("/a/index.html?utm=x", "/a"),
            ("/index.php", "/"),
            ("/", "/"),
            ("/myindex.html", "/myindex.html"),
            ("/show?utm=x&id=1", "/show?id=1"),
            ("/show?tab=2&id=1&id=3", "/show?id=1&tab=2"),
            ("/show?id", "/show?id"),
            ("/show/?ids=1", "/show"),
            ("/#/posts/2", "/%23/posts/2"),
            ("/app/#!/posts/2?x", "/app%23!/posts/2%3Fx"),
            ("/app/%23/posts/2/", "/app%23/posts/2"),
            ("/#top", "/"),
        ] {
            let page = rules().page(path, PageQuery::Drop).unwrap();
            assert_eq!(page.as_str(), wanted, "{path}");
            assert_eq!(rules().apply(&page).unwrap(), page, "{path}");
        }
        let plain = |path: &str| PageRules::default().page(path, PageQuery::Drop).unwrap().to_string();
        assert_eq!(plain("/a/index.html?id=1#/x"), "/a/index.html");
        assert_eq!(plain("/a/"), "/a/");
    }

    #[test]
    fn a_question_mark_in_a_path_is_escaped() {
        let page = Page::new("/show%3Fid=1", PageQuery::Drop).unwrap();
        assert_eq!(rules().apply(&page).unwrap().as_str(), "/show?id=1");
        assert_eq!(PageRules::default().apply(&page).unwrap(), page);
    }

    #[test]
    fn a_long_query_is_no_part_of_a_page() {
        let long = format!("/show?id=1&gclid={}", "x".repeat(7_000));
        assert_eq!(rules().page(&long, PageQuery::Drop).unwrap().as_str(), "/show?id=1");
    }

    proptest! {
        #[test]
        fn rules_change_a_name_only_once(path in prop::collection::vec(any::<u8>(), 0..300)) {
            if let Ok(page) = rules().page(&path, PageQuery::Drop) {
                prop_assert_eq!(rules().apply(&page), Ok(page));
            }
        }
    }
}

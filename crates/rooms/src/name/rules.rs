//! Which of a site's addresses are the same page.

use std::borrow::Cow;

use super::page::{Page, PageError, PageQuery, respell_path, respell_query};

/// The rules of a site for which of its addresses are the same page. Without any rule, `/a`, `/a/` and `/a/index.html` are three pages.
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
        Page::by(&self.unescaped(path.as_ref()), query, self)
    }

    /// The address with the `?` and `#` that are escaped where a page is named in a URL's path.
    fn unescaped<'p>(&self, address: &'p [u8]) -> Cow<'p, [u8]> {
        let mut address = Cow::from(address);
        if self.hash_routes
            && let Some(at) = escaped_route(&address)
        {
            address = [&address[..at], b"#", &address[at + 3..]].concat().into();
        }
        let query = address.iter().position(|byte| b"?#".contains(byte)).unwrap_or(address.len());
        if !self.keys.is_empty()
            && let Some(at) = find_escape(&address[..query], b"%3F")
        {
            address = [&address[..at], b"?", &address[at + 3..]].concat().into();
        }
        address
    }

    /// The path in its one spelling, without what doesn't tell one page from another.
    ///
    /// # Errors
    /// [`PageError`], if that isn't printable.
    pub(super) fn path(&self, path: &[u8]) -> Result<String, PageError> {
        let mut path = respell_path(path)?;
        // The rest may end in the same way: `/a/index.html/`.
        loop {
            let length = path.len();
            if let Some(file) = self.index.iter().find(|file| path.rsplit('/').next() == Some(file)) {
                path.truncate(length - file.len());
            }
            if self.drop_slash && path.len() > 1 && path.ends_with('/') {
                path.pop();
            }
            if path.len() == length {
                return Ok(path);
            }
        }
    }

    /// The part of a URL behind `#` that belongs to the name. The route `/` is the page itself.
    ///
    /// # Errors
    /// [`PageError`], if that isn't printable.
    pub(super) fn route(&self, fragment: &[u8]) -> Result<Option<String>, PageError> {
        let (mark, path) = fragment.strip_prefix(b"!").map_or(("", fragment), |path| ("!", path));
        if !self.hash_routes || !path.starts_with(b"/") {
            return Ok(None);
        }
        let path = self.path(path)?;
        Ok((path != "/").then(|| format!("{mark}{path}")))
    }

    /// The part of a query that belongs to the name, without the question mark.
    ///
    /// # Errors
    /// [`PageError`], if that isn't printable.
    pub(super) fn query(&self, query: &[u8], keep: PageQuery) -> Result<Option<String>, PageError> {
        if self.keys.is_empty() {
            return if keep == PageQuery::Keep { respell_query(query, true).map(Some) } else { Ok(None) };
        }
        let mut kept = Vec::new();
        for key in &self.keys {
            let name = |pair: &[u8]| respell_query(pair.split(|byte| *byte == b'=').next()?, false).ok();
            let pairs = || query.split(|byte| *byte == b'&');
            if let Some(pair) = pairs().find(|pair| name(pair).as_deref() == Some(key)) {
                kept.push(respell_query(pair, false)?);
            }
        }
        Ok((!kept.is_empty()).then(|| kept.join("&")))
    }
}

/// Where a route begins with an escape, unless one begins with `#` before that.
fn escaped_route(address: &[u8]) -> Option<usize> {
    let before = address.iter().position(|byte| *byte == b'#').unwrap_or(address.len());
    let begins = |at: &usize| address[*at..].starts_with(b"%23/") || address[*at..].starts_with(b"%23!/");
    (0..before).find(begins)
}

fn find_escape(text: &[u8], escape: &[u8; 3]) -> Option<usize> {
    text.windows(3).position(|part| part.eq_ignore_ascii_case(escape))
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

    /// The page that a name, as it is shown, names in turn.
    fn again(page: &Page) -> Result<Page, PageError> {
        rules().page(page.as_str(), PageQuery::Drop)
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
            ("/s?id=1#/x", "/s?id=1%23/x"),
            ("/s%3Fid=1%23/x", "/s?id=1%23/x"),
            ("/s%3fid=1%23/x%3fy%23z", "/s?id=1%23/x%3Fy%23z"),
            ("/#/a/../b", "/%23/b"),
            ("/a/#/", "/a"),
            ("/a#!/..", "/a"),
            ("/c%23sharp", "/c%23sharp"),
            ("/show?id=Talk:Main?Page", "/show?id=Talk:Main%3FPage"),
            ("/app/%23/posts/2/", "/app%23/posts/2"),
            ("/#top", "/"),
        ] {
            let page = rules().page(path, PageQuery::Drop).unwrap();
            assert_eq!(page.as_str(), wanted, "{path}");
            assert_eq!(again(&page).unwrap(), page, "{path}");
        }
        let plain = |path: &str| PageRules::default().page(path, PageQuery::Drop).unwrap().to_string();
        assert_eq!(plain("/a/index.html?id=1#/x"), "/a/index.html");
        assert_eq!(plain("/a/"), "/a/");
    }

    #[test]
    fn a_question_mark_in_a_path_is_escaped() {
        let page = Page::new("/show%3Fid=1", PageQuery::Drop).unwrap();
        assert_eq!(again(&page).unwrap().as_str(), "/show?id=1");
    }

    #[test]
    fn a_long_query_is_no_part_of_a_page() {
        let long = format!("/show?id=1&gclid={}", "x".repeat(7_000));
        assert_eq!(rules().page(&long, PageQuery::Drop).unwrap().as_str(), "/show?id=1");
    }

    proptest! {
        #[test]
        fn rules_change_a_name_only_once(path in "(/|[.]|#|[?]|!|%23|%3F|&|=|id|a|index.html|é){0,30}") {
            if let Ok(page) = rules().page(&path, PageQuery::Drop) {
                prop_assert_eq!(again(&page), Ok(page));
            }
        }
    }
}

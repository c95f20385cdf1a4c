//! Names of pages: parsed once, one spelling for each.

use std::fmt;
use std::sync::Arc;

/// The longest name of a page, in bytes, as given and as kept.
const MAX_PAGE_BYTES: usize = 512;

/// A page of a site, by its path: `/`, `/posts/1`. It begins with a slash, holds printable ASCII only, and has one
/// spelling: percent-encoding only where it must be (RFC 3986, section 6.2.2), in upper case, no `.` and `..` segments.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Page(Arc<str>);

/// Whether `?…` belongs to a page's name.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum PageQuery {
    /// `/list?page=2` is `/list`.
    #[default]
    Drop,
    /// `/list?page=2` is a page of its own.
    Keep,
}

/// Text that names no page.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PageError {
    /// More than 512 bytes.
    TooLong,
    /// Percent-encoded bytes that are no UTF-8.
    NotUtf8,
    /// A control character.
    Control,
}

impl Page {
    /// The page at `path`, which may have a query and a fragment, and need not begin with a slash.
    ///
    /// # Errors
    /// [`PageError`] if it names no page.
    pub fn new(path: &str, query: PageQuery) -> Result<Self, PageError> {
        if path.len() > MAX_PAGE_BYTES {
            return Err(PageError::TooLong);
        }
        let path = path.split('#').next().unwrap_or_default();
        let (path, rest) = path.split_once('?').map_or((path, None), |(path, rest)| (path, Some(rest)));
        let mut name = resolve_dots(&respell(path, PATH_MARKS)?);
        if let (PageQuery::Keep, Some(rest)) = (query, rest) {
            name.push('?');
            name.push_str(&respell(rest, QUERY_MARKS)?);
        }
        if name.len() > MAX_PAGE_BYTES { Err(PageError::TooLong) } else { Ok(Self(name.into())) }
    }

    /// The page that a URL names; the site's front page if it names none.
    ///
    /// # Errors
    /// [`PageError`] as for [`Page::new`].
    pub fn of_url(url: &str, query: PageQuery) -> Result<Self, PageError> {
        let rest = url.split_once("://").map_or(url, |(_scheme, rest)| rest);
        let path = rest.find(['/', '?', '#']).map_or("", |at| &rest[at..]);
        Self::new(path, query)
    }

    /// The name, from its slash on.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Page {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The characters besides letters, digits and `-._~` that stand for themselves in a path (RFC 3986, section 3.3).
const PATH_MARKS: &[u8] = b"/!$&'()*+,;=:@";

/// And in a query (section 3.4).
const QUERY_MARKS: &[u8] = b"/?!$&'()*+,;=:@";

/// Percent-decodes, and encodes again what must be: so that two spellings of one name become one. An encoded character
/// that has a meaning of its own (`%2F`) stays encoded: it is another name.
fn respell(text: &str, marks: &[u8]) -> Result<String, PageError> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut spelled = String::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let escaped = (first == b'%').then(|| hex_pair(after)).flatten();
        let byte = escaped.unwrap_or(first);
        rest = if escaped.is_some() { &after[2..] } else { after };
        bytes.push(byte);
        if byte.is_ascii_control() {
            return Err(PageError::Control);
        }
        let itself = byte.is_ascii_alphanumeric()
            || b"-._~".contains(&byte)
            || (escaped.is_none() && marks.contains(&byte));
        if itself {
            spelled.push(char::from(byte));
        } else {
            spelled.push_str(&format!("%{byte:02X}"));
        }
    }
    std::str::from_utf8(&bytes).map(|_| spelled).map_err(|_| PageError::NotUtf8)
}

fn hex_pair(bytes: &[u8]) -> Option<u8> {
    let digit = |at: usize| bytes.get(at).and_then(|byte| char::from(*byte).to_digit(16));
    Some((digit(0)? * 16 + digit(1)?) as u8)
}

/// Removes `.` and `..` segments, as a browser does before it asks for a page (RFC 3986, section 5.2.4).
fn resolve_dots(path: &str) -> String {
    let mut segments: Vec<&str> = Vec::new();
    let mut ends_in_slash = true;
    for segment in path.trim_start_matches('/').split('/') {
        ends_in_slash = matches!(segment, "" | "." | "..");
        match segment {
            "." => {}
            ".." => drop(segments.pop()),
            // Two slashes in a row are a segment without a name, except at the end, where it is the trailing slash.
            name => segments.push(name),
        }
    }
    if segments.last() == Some(&"") {
        segments.pop();
    }
    let slash = if ends_in_slash && !segments.is_empty() { "/" } else { "" };
    format!("/{}{slash}", segments.join("/"))
}

impl fmt::Display for PageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooLong => "longer than 512 bytes",
            Self::NotUtf8 => "not UTF-8",
            Self::Control => "not printable",
        })
    }
}

impl std::error::Error for PageError {}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn name(path: &str) -> String {
        Page::new(path, PageQuery::Drop).unwrap().to_string()
    }

    #[test]
    fn a_page_has_one_name() {
        for (path, wanted) in [
            ("", "/"),
            ("/", "/"),
            ("posts/1", "/posts/1"),
            ("/posts/1?utm=x#top", "/posts/1"),
            ("/posts/1#?x", "/posts/1"),
            ("/caf%c3%a9", "/caf%C3%A9"),
            ("/café", "/caf%C3%A9"),
            ("/%7Euser", "/~user"),
            ("/a%2fb", "/a%2Fb"),
            ("/a b", "/a%20b"),
            ("/100%", "/100%25"),
            ("/a/./b/../c", "/a/c"),
            ("/../../x/", "/x/"),
            ("/a/", "/a/"),
            ("/a/..", "/"),
            ("//a//b", "/a//b"),
            ("/<script>", "/%3Cscript%3E"),
        ] {
            assert_eq!(name(path), wanted, "{path}");
        }
    }

    #[test]
    fn a_query_is_kept_only_if_asked_for() {
        assert_eq!(Page::new("/list?page=2#x", PageQuery::Keep).unwrap().as_str(), "/list?page=2");
        assert_eq!(Page::new("/list?", PageQuery::Keep).unwrap().as_str(), "/list?");
        assert_eq!(Page::of_url("https://example.com?x#y", PageQuery::Drop).unwrap().as_str(), "/");
        assert_eq!(Page::of_url("https://example.com/a/b?x", PageQuery::Drop).unwrap().as_str(), "/a/b");
        assert_eq!(Page::of_url("https://example.com", PageQuery::Drop).unwrap().as_str(), "/");
    }

    #[test]
    fn text_that_names_no_page_is_refused() {
        let refused = |path: &str| Page::new(path, PageQuery::Drop).unwrap_err();
        assert_eq!(refused(&"a".repeat(513)), PageError::TooLong);
        assert_eq!(refused(&"<".repeat(300)), PageError::TooLong);
        assert_eq!(refused("/%ff"), PageError::NotUtf8);
        assert_eq!(refused("/a%00b"), PageError::Control);
        assert_eq!(refused("/a\nb"), PageError::Control);
    }

    proptest! {
        #[test]
        fn a_name_names_itself(path in "\\PC{0,100}") {
            if let Ok(page) = Page::new(&path, PageQuery::Keep) {
                prop_assert_eq!(Page::new(page.as_str(), PageQuery::Keep), Ok(page.clone()));
                prop_assert!(page.as_str().starts_with('/') && page.as_str().bytes().all(|b| b.is_ascii_graphic()));
            }
        }
    }
}

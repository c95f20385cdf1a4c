//! Names of pages: parsed once, one spelling for each.

use std::fmt;
use std::sync::Arc;

use super::rules::PageRules;
use super::shortened::shorten;

/// The longest path of a page, in octets: percent-encoded ones are one each.
const MAX_OCTETS: usize = 2048;

/// A page of a site, by its path: `/`, `/posts/1`. It begins with a slash, holds printable ASCII only, and has one
/// spelling: percent-encoding only where it must be (RFC 3986, section 6.2.2), in upper case, no `.` and `..` segments.
/// A path is octets, in whatever encoding. At most 512 bytes: a longer path is its beginning, an ellipsis, and its hash.
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
    /// More than 2,048 octets.
    TooLong,
    /// A control character.
    Control,
}

impl Page {
    /// The page at `path`, which may have a query and a fragment, and need not begin with a slash.
    ///
    /// # Errors
    /// [`PageError`] if it names no page.
    pub fn new(path: &(impl AsRef<[u8]> + ?Sized), query: PageQuery) -> Result<Self, PageError> {
        Self::by(path.as_ref(), query, &PageRules::default())
    }

    /// The same by a site's own rules.
    pub(super) fn by(path: &[u8], query: PageQuery, rules: &PageRules) -> Result<Self, PageError> {
        let (path, fragment) = split_at(path, b'#');
        let (path, rest) = split_at(path, b'?');
        let mut name = rules.path(path)?;
        if let Some(kept) = rest.map(|rest| rules.query(rest, query)).transpose()?.flatten() {
            name.push('?');
            name.push_str(&kept);
        }
        if let Some(route) = rules.route(fragment.unwrap_or_default())? {
            name.push_str("%23");
            name.push_str(&route);
        }
        if octets(&name) > MAX_OCTETS { Err(PageError::TooLong) } else { Ok(Self(shorten(name).into())) }
    }

    /// The page that a URL names; the site's front page if it names none.
    ///
    /// # Errors
    /// [`PageError`] as for [`Page::new`].
    pub fn of_url(url: &(impl AsRef<[u8]> + ?Sized), query: PageQuery) -> Result<Self, PageError> {
        Self::new(path_of_url(url.as_ref()), query)
    }

    /// The page to which a process of this program has given that name.
    pub(super) fn named(name: &str) -> Option<Self> {
        let is_name = name.starts_with('/') && name.len() <= MAX_OCTETS;
        (is_name && name.bytes().all(|byte| byte.is_ascii_graphic())).then(|| Self(name.into()))
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

/// A URL without its scheme, host and port.
pub fn path_of_url(url: &[u8]) -> &[u8] {
    let authority = url.windows(3).position(|mark| mark == b"://").map_or(0, |at| at + 3);
    let rest = &url[authority..];
    rest.iter().position(|byte| b"/?#".contains(byte)).map_or(&b""[..], |at| &rest[at..])
}

/// A path in the one spelling that names have.
pub(super) fn respell_path(path: &[u8]) -> Result<String, PageError> {
    Ok(resolve_dots(&respell(path, PATH_MARKS)?))
}

/// A query, or a part of one, in that spelling; of a part, a question mark is escaped.
pub(super) fn respell_query(query: &[u8], is_whole: bool) -> Result<String, PageError> {
    respell(query, if is_whole { QUERY_MARKS } else { PATH_MARKS })
}

/// The text before the first `mark`, and the text after it.
fn split_at(text: &[u8], mark: u8) -> (&[u8], Option<&[u8]>) {
    let at = text.iter().position(|byte| *byte == mark);
    at.map_or((text, None), |at| (&text[..at], Some(&text[at + 1..])))
}

/// Percent-decodes, and encodes again what must be: so that two spellings of one name become one. An encoded character
/// that has a meaning of its own (`%2F`) stays encoded: it is another name.
fn respell(text: &[u8], marks: &[u8]) -> Result<String, PageError> {
    let mut spelled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((&first, after)) = rest.split_first() {
        let escaped = (first == b'%').then(|| hex_pair(after)).flatten();
        let byte = escaped.unwrap_or(first);
        rest = if escaped.is_some() { &after[2..] } else { after };
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
    Ok(spelled)
}

/// How many octets a name stands for: each percent sign in it begins an escape.
fn octets(name: &str) -> usize {
    name.len() - 2 * name.matches('%').count()
}

pub(super) fn hex_pair(bytes: &[u8]) -> Option<u8> {
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
            // As at the beginning of a path, where slashes are trimmed.
            "" if segments.is_empty() => {}
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
            Self::TooLong => "longer than 2048 bytes",
            Self::Control => "not printable",
        })
    }
}

impl std::error::Error for PageError {}

#[cfg(test)]
mod tests {
    use super::super::shortened::MAX_KEPT;
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
        assert_eq!(refused(&"a".repeat(2048)), PageError::TooLong);
        assert_eq!(refused(&"<".repeat(2048)), PageError::TooLong);
        assert_eq!(refused("/a%00b"), PageError::Control);
        assert_eq!(refused("/a\nb"), PageError::Control);
    }

    #[test]
    fn a_path_is_octets_in_any_encoding() {
        assert_eq!(name("/Les-droits-r%E9els"), "/Les-droits-r%E9els");
        for url in [&b"https://example.com/Les-droits-r\xe9els?x"[..], b"/Les-droits-r%e9els#\xff"] {
            assert_eq!(Page::of_url(url, PageQuery::Drop).unwrap().as_str(), "/Les-droits-r%E9els");
        }
        let utf8 = Page::of_url("https://example.com/café", PageQuery::Drop);
        assert_eq!(utf8, Page::of_url("https://example.com/caf%C3%A9", PageQuery::Drop));
    }

    #[test]
    fn only_what_belongs_to_the_name_is_limited() {
        let long = "x".repeat(5000);
        assert_eq!(name(&format!("/a?gclid={long}")), "/a");
        assert_eq!(name(&format!("/a#{long}")), "/a");
        assert_eq!(name(&format!("/{long}/../a")), "/a");
        assert!(Page::new(&format!("/a?{long}"), PageQuery::Keep).is_err());
        assert!(Page::new(&format!("/{}", "य".repeat(682)), PageQuery::Drop).is_ok());
        assert!(Page::new(&format!("/{}", "य".repeat(683)), PageQuery::Drop).is_err());
    }

    #[test]
    fn a_long_path_is_kept_as_its_beginning_and_a_hash() {
        let page = |path: &str| Page::new(path, PageQuery::Drop).unwrap();
        assert_eq!(page(&"a".repeat(511)).as_str().len(), 512);
        for (letter, end) in [("aa", 'a'), ("%80", '0'), ("य", 'F'), ("α", '1'), ("😀", '0'), ("%E9", '9')]
        {
            let path = format!("/posts/{}", letter.repeat(500));
            let (long, other) = (page(&path), page(&format!("{path}x")));
            assert_ne!(long, other, "{path}");
            assert_eq!(page(long.as_str()), long, "a kept name names itself");
            let (beginning, hash) = long.as_str().split_once("%E2%80%A6").unwrap();
            assert!(beginning.starts_with("/posts/") && beginning.ends_with(end) && hash.len() == 16);
            assert!((500..=512).contains(&long.as_str().len()), "{}", long.as_str().len());
        }
    }

    proptest! {
        #[test]
        fn a_name_names_itself(path in prop::collection::vec(any::<u8>(), 0..700)) {
            if let Ok(page) = Page::new(&path, PageQuery::Keep) {
                prop_assert_eq!(Page::new(page.as_str(), PageQuery::Keep), Ok(page.clone()));
                prop_assert!(page.as_str().starts_with('/') && page.as_str().bytes().all(|b| b.is_ascii_graphic()));
                prop_assert!(page.as_str().len() <= MAX_KEPT);
            }
        }

        #[test]
        fn printable_text_names_itself(path in "\\PC{0,300}") {
            if let Ok(page) = Page::new(&path, PageQuery::Keep) {
                prop_assert_eq!(Page::new(page.as_str(), PageQuery::Keep), Ok(page));
            }
        }
    }
}

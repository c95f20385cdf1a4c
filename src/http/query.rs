//! The parameters of a URL, parsed once.

use std::borrow::Cow;

/// The longest query, in bytes.
const LONGEST: usize = 4 * 1024;

/// What the URL of a picture asks for. What it names that is not known is ignored.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Query<'a> {
    /// `u`: present once the URL is one that no other page has.
    pub(super) unique: bool,
    /// `site`: for whom a page of this server speaks.
    pub(super) site: Option<Cow<'a, str>>,
}

/// A query that can't be taken, by the name of what is wrong with it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct BadQuery(pub(super) &'static str);

impl<'a> Query<'a> {
    /// # Errors
    /// [`BadQuery`] if it is too long or a value isn't text.
    pub(super) fn parse(query: Option<&'a str>) -> Result<Self, BadQuery> {
        let query = query.unwrap_or_default();
        if query.len() > LONGEST {
            return Err(BadQuery("The query of this URL is longer than 4096 bytes."));
        }
        let mut parsed = Self::default();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            match &*name {
                "u" => parsed.unique = true,
                // Bytes that are no UTF-8 arrive as this character, which no site's name has.
                "site" if value.contains('\u{fffd}') => {
                    return Err(BadQuery("The parameter site is not UTF-8."));
                }
                "site" => parsed.site = Some(value),
                _ => {}
            }
        }
        Ok(parsed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_known_is_taken_and_the_rest_ignored() {
        let query = Query::parse(Some("x=1&u=abc&site=b%C3%BCcher.example&&=&%zz")).unwrap();
        assert_eq!(query, Query { unique: true, site: Some("bücher.example".into()) });
        assert_eq!(Query::parse(None).unwrap(), Query::default());
    }

    #[test]
    fn what_is_no_text_or_too_long_is_refused() {
        assert_eq!(Query::parse(Some("site=%ff")), Err(BadQuery("The parameter site is not UTF-8.")));
        assert!(Query::parse(Some(&"a".repeat(LONGEST + 1))).is_err());
    }
}

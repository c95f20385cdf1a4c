//! The parameters of a URL, parsed once.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use super::embed;
use crate::picture::{Style, StyleBuilder, StyleError, Themes};
use crate::room::{Counting, PageQuery, Position};

/// The longest query, in bytes.
const LONGEST: usize = 4 * 1024;

/// The most pages that a ranking's picture lists.
const MAX_ROWS_IN_PICTURE: u8 = 50;

/// What the URL of a picture asks for. What it names that is not known is ignored.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Query<'a> {
    /// As it came; a style's parameters are taken from it when it is known whose they are.
    raw: &'a str,
    /// `live`: whether to answer with a stream; if it doesn't say, that depends on who asks.
    pub(super) live: Option<bool>,
    /// `u`: present once the URL is one that no other page has.
    pub(super) unique: bool,
    /// `site`: for whom a page of this server speaks.
    pub(super) site: Option<Cow<'a, str>>,
    /// `page`: which page of the site; none for the whole site.
    pub(super) page: Option<Cow<'a, str>>,
    /// `query=keep`: a page's own query belongs to its name.
    pub(super) page_query: PageQuery,
    /// `show`: which room's number to paint.
    pub(super) show: Option<Show>,
    /// `count`: open pages or visitors.
    pub(super) counting: Counting,
    /// `rows`: how many pages a ranking lists.
    pub(super) rows: Option<u8>,
    /// `top`: how many of the site's pages a WebSocket is told of, by viewers.
    pub(super) top: Option<u8>,
    /// `width` and `height`: of a strip, in pixels.
    pub(super) width: Option<u16>,
    pub(super) height: Option<u16>,
    /// `at`: how far down the page a picture is that tells so, from 0 to 100.
    pub(super) at: Option<Position>,
    /// `refresh`: after what time a framed page loads itself again.
    pub(super) refresh: Option<Duration>,
    /// `peek=1`: look without being counted.
    pub(super) peek: bool,
}

/// Which of the two rooms a page's picture is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Show {
    Site,
    Page,
}

/// A query that can't be taken.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum BadQuery {
    /// Longer than 4096 bytes.
    TooLong,
    /// This parameter can't be what it is, and why.
    Parameter(&'static str, String),
}

impl BadQuery {
    pub(super) fn new(parameter: &'static str, why: impl ToString) -> Self {
        Self::Parameter(parameter, why.to_string())
    }

    /// What is bad, in one word.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::TooLong => "query",
            Self::Parameter(name, _) => name,
        }
    }
}

impl fmt::Display for BadQuery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong => write!(f, "The query of this URL is longer than {LONGEST} bytes."),
            Self::Parameter(name, why) => write!(f, "The parameter {name} is bad: {why}."),
        }
    }
}

impl From<StyleError> for BadQuery {
    fn from(StyleError { parameter, reason }: StyleError) -> Self {
        Self::Parameter(parameter, reason)
    }
}

impl<'a> Query<'a> {
    /// # Errors
    /// [`BadQuery`] if it is too long or a value can't be.
    pub(super) fn parse(query: Option<&'a str>) -> Result<Self, BadQuery> {
        let query = query.unwrap_or_default();
        if query.len() > LONGEST {
            return Err(BadQuery::TooLong);
        }
        let mut parsed = Self { raw: query, ..Self::default() };
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            parsed.take(&name, value)?;
        }
        Ok(parsed)
    }

    /// The style that the parameters ask for, beginning with what is the default where they are asked.
    ///
    /// # Errors
    /// [`BadQuery`] if one of them can't be.
    pub(super) fn style(&self, mut style: StyleBuilder, themes: &Themes) -> Result<Style, BadQuery> {
        for (name, value) in form_urlencoded::parse(self.raw.as_bytes()) {
            style.take(&name, &value)?;
        }
        Ok(style.build(themes)?)
    }

    /// Those of the parameters that are a style's, as a query of their own.
    pub(super) fn style_parameters(&self) -> String {
        let mut style = StyleBuilder::default();
        self.written(None, |name, value| style.take(name, value) == Ok(true))
    }

    /// The query for a picture on a page that was asked for with this one, with `own` before all else.
    pub(super) fn for_the_picture(&self, own: Option<(&str, &str)>) -> String {
        let query = self.written(own, |name, _| !matches!(name, "site" | "u" | "live" | "refresh"));
        if query.is_empty() { query } else { format!("?{query}") }
    }

    fn written(&self, own: Option<(&str, &str)>, mut keep: impl FnMut(&str, &str) -> bool) -> String {
        let kept = form_urlencoded::parse(self.raw.as_bytes()).filter(|(name, value)| keep(name, value));
        form_urlencoded::Serializer::new(String::new()).extend_pairs(own).extend_pairs(kept).finish()
    }

    fn take(&mut self, name: &str, value: Cow<'a, str>) -> Result<(), BadQuery> {
        match name {
            "live" => self.live = Some(one_of("live", &value, &[("1", true), ("0", false)])?),
            "u" => self.unique = true,
            "site" => self.site = Some(text("site", value)?),
            "page" => self.page = Some(text("page", value)?),
            "query" => {
                self.page_query =
                    one_of("query", &value, &[("keep", PageQuery::Keep), ("drop", PageQuery::Drop)])?
            }
            "show" => {
                self.show = Some(one_of("show", &value, &[("site", Show::Site), ("page", Show::Page)])?)
            }
            "count" => {
                self.counting =
                    one_of("count", &value, &[("pages", Counting::Tabs), ("visitors", Counting::Visitors)])?;
            }
            "refresh" => self.refresh = Some(embed::refresh(&value)?),
            "rows" => self.rows = Some(rows("rows", &value)?),
            "top" => self.top = Some(rows("top", &value)?),
            "width" => self.width = Some(pixels("width", &value)?),
            "height" => self.height = Some(pixels("height", &value)?),
            "at" => self.at = Some(percent("at", &value)?),
            "peek" => self.peek = one_of("peek", &value, &[("1", true), ("0", false)])?,
            _ => {}
        }
        Ok(())
    }
}

/// Bytes that are no UTF-8 arrive as the replacement character, which no name of a site or a page has.
fn text<'a>(parameter: &'static str, value: Cow<'a, str>) -> Result<Cow<'a, str>, BadQuery> {
    if value.contains('\u{fffd}') { Err(BadQuery::new(parameter, "not UTF-8")) } else { Ok(value) }
}

fn rows(parameter: &'static str, value: &str) -> Result<u8, BadQuery> {
    let rows = value.parse().ok().filter(|rows| (1..=MAX_ROWS_IN_PICTURE).contains(rows));
    rows.ok_or_else(|| BadQuery::new(parameter, format!("not a number from 1 to {MAX_ROWS_IN_PICTURE}")))
}

fn pixels(parameter: &'static str, value: &str) -> Result<u16, BadQuery> {
    value.parse().map_err(|_| BadQuery::new(parameter, "not a number of pixels"))
}

fn percent(parameter: &'static str, value: &str) -> Result<Position, BadQuery> {
    let part = value.parse().ok().and_then(|percent: f32| Position::try_from(percent / 100.0).ok());
    part.ok_or_else(|| BadQuery::new(parameter, "not a number from 0 to 100"))
}

fn one_of<T: Copy>(parameter: &'static str, value: &str, choices: &[(&str, T)]) -> Result<T, BadQuery> {
    let chosen = choices.iter().find(|(name, _)| *name == value);
    chosen.map(|(_, choice)| *choice).ok_or_else(|| {
        let names: Vec<_> = choices.iter().map(|(name, _)| *name).collect();
        BadQuery::new(parameter, format!("not one of: {}", names.join(", ")))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_known_is_taken_and_the_rest_ignored() {
        let raw = "x=1&u=abc&site=b%C3%BCcher.example&&=&%zz&page=/a&show=site&count=visitors&peek=1&live=0\
            &rows=7&width=300&height=8&at=25";
        let wanted = Query {
            raw,
            live: Some(false),
            unique: true,
            site: Some("bücher.example".into()),
            page: Some("/a".into()),
            page_query: PageQuery::Drop,
            show: Some(Show::Site),
            counting: Counting::Visitors,
            rows: Some(7),
            top: None,
            width: Some(300),
            height: Some(8),
            at: Some(0.25.try_into().unwrap()),
            refresh: None,
            peek: true,
        };
        assert_eq!(Query::parse(Some(raw)), Ok(wanted));
        assert_eq!(Query::parse(None), Ok(Query::default()));
    }

    #[test]
    fn a_bad_value_is_named() {
        assert_eq!(Query::parse(Some("site=%ff")), Err(BadQuery::new("site", "not UTF-8")));
        assert_eq!(Query::parse(Some("show=all")), Err(BadQuery::new("show", "not one of: site, page")));
        for bad in [
            "page=%ff",
            "count=1",
            "peek=yes",
            "query=x",
            "width=1.5",
            "height=-1",
            "at=101",
            "at=nan",
            "at=",
        ] {
            assert!(Query::parse(Some(bad)).is_err(), "{bad}");
        }
        assert!(Query::parse(Some(&"a".repeat(LONGEST + 1))).is_err());
    }
}

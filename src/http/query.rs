//! The parameters of a URL, parsed once.

use std::borrow::Cow;
use std::fmt;
use std::iter;
use std::time::Duration;

use onlookers_picture::{Appearance, RankingStyle, Style, StyleBuilder, StyleError, Themes};
use onlookers_rooms::{Counting, Page, PageQuery, Position, RoomName};
use percent_encoding::percent_decode_str;

use crate::wire::protocol::SessionId;

/// The maximum length of a query, in bytes: RFC 9110, section 4.1, has servers take URLs of that length.
const MAX_LENGTH: usize = 8_000;

/// How much the redirect to a unique URL adds, in bytes.
const UNIQUE_LENGTH: usize = "&u=0123456789abcdef".len();

/// The maximum of `rows` and `top`, in pages of a ranking.
const MAX_ROWS: u8 = RankingStyle::MAX_ROWS;

/// The parameters of all routes. Unknown parameters are ignored.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Query<'a> {
    /// As it came. The style's parameters are parsed later, when the site's own defaults are known.
    raw: &'a str,
    /// `live`: whether to answer with a stream. Without it, that depends on the client.
    pub(super) live: Option<bool>,
    /// `u`: whether the URL was made unique by a redirect.
    pub(super) unique: bool,
    /// `site`: the site that a page of this server speaks for.
    pub(super) site: Option<Cow<'a, str>>,
    /// `page`: the page of the site, in whatever encoding its path has; the whole site without it.
    pub(super) page: Option<Cow<'a, [u8]>>,
    /// `query=keep`: whether a page's own query belongs to its name.
    pub(super) page_query: PageQuery,
    /// `show`: the room whose number is painted.
    pub(super) show: Option<Show>,
    /// `count`: open tabs or visitors.
    pub(super) counting: Counting,
    /// `rows`: how many pages a ranking lists.
    pub(super) rows: Option<u8>,
    /// `top`: how many pages the ranking sent to a WebSocket lists.
    pub(super) top: Option<u8>,
    /// `width` and `height` of a strip, and `width` of a ranking, in pixels.
    pub(super) width: Option<u16>,
    pub(super) height: Option<u16>,
    /// `at`: how far down the page a marking picture is, from 0 to 100.
    pub(super) at: Option<Position>,
    /// `refresh`: the time after which a framed page reloads itself.
    pub(super) refresh: Option<Duration>,
    /// `peek=1`: to look without being counted.
    pub(super) peek: bool,
    /// `session`: the id by which the page knows its visitor. Only events and WebSockets read it.
    pub(super) session: Option<SessionId>,
}

/// The room that a page's picture shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Show {
    Site,
    Page,
}

/// Why a query can't be parsed. Displays as a sentence that names the parameter.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct QueryError {
    /// The bad part, in one word.
    pub(super) name: &'static str,
    sentence: String,
}

impl QueryError {
    pub(super) fn new(parameter: &'static str, reason: impl fmt::Display) -> Self {
        Self { name: parameter, sentence: format!("The parameter {parameter} is bad: {reason}.") }
    }
}

impl fmt::Display for QueryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.sentence)
    }
}

impl std::error::Error for QueryError {}

impl From<StyleError> for QueryError {
    fn from(StyleError { parameter, reason }: StyleError) -> Self {
        Self::new(parameter, reason)
    }
}

impl<'a> Query<'a> {
    /// # Errors
    /// [`QueryError`], if it is too long or has a bad value.
    pub(super) fn parse(query: Option<&'a str>) -> Result<Self, QueryError> {
        let query = query.unwrap_or_default();
        let added = if query.contains("&u=") { UNIQUE_LENGTH } else { 0 };
        if query.len() > MAX_LENGTH + added {
            let sentence = format!("The query of this URL is longer than {MAX_LENGTH} bytes.");
            return Err(QueryError { name: "query", sentence });
        }
        let mut parsed = Self { raw: query, ..Self::default() };
        for pair in query.split('&') {
            for (name, value) in form_urlencoded::parse(pair.as_bytes()) {
                match &*name {
                    "page" => parsed.page = Some(octets(pair)),
                    name => parsed.set(name, value)?,
                }
            }
        }
        Ok(parsed)
    }

    /// The style that the parameters ask for; `style` has the defaults.
    ///
    /// # Errors
    /// [`QueryError`], if one of them has a bad value.
    pub(super) fn style(&self, mut style: StyleBuilder, themes: &Themes) -> Result<Style, QueryError> {
        for (name, value) in form_urlencoded::parse(self.raw.as_bytes()) {
            style.take(&name, &value)?;
        }
        Ok(style.build(themes)?)
    }

    /// Whether it has the parameter `name`.
    pub(super) fn has(&self, name: &str) -> bool {
        form_urlencoded::parse(self.raw.as_bytes()).any(|(given, _)| given == name)
    }

    /// The colours and the scale of a ranking or a strip.
    ///
    /// # Errors
    /// [`QueryError`], if one of them has a bad value.
    pub(super) fn appearance(&self) -> Result<Appearance, QueryError> {
        let mut appearance = Appearance::default();
        for (name, value) in form_urlencoded::parse(self.raw.as_bytes()) {
            appearance.take(&name, &value)?;
        }
        Ok(appearance)
    }

    /// The style's parameters, as a query of their own.
    pub(super) fn style_parameters(&self) -> String {
        let mut style = StyleBuilder::default();
        self.written(None, |name, value| style.take(name, value) == Ok(true))
    }

    /// The same room as `room`, or its whole site if `show=site` says so.
    pub(super) fn shown<'n>(&self, room: &'n RoomName) -> Cow<'n, RoomName> {
        let site = if self.show == Some(Show::Site) { room.whole_site() } else { None };
        site.map_or(Cow::Borrowed(room), Cow::Owned)
    }

    /// The query that was asked for, with a `u=` that no other page has.
    pub(super) fn with_unique(&self, unique: u64) -> String {
        let separator = if self.raw.is_empty() { "" } else { "&" };
        format!("?{}{separator}u={unique:016x}", self.raw)
    }

    /// The query for the picture on a page that was asked for with this one. `site` and `page` come first, instead of those
    /// that it names itself.
    pub(super) fn for_picture(&self, site: &str, page: Option<&Page>) -> String {
        let own = iter::once(("site", site)).chain(page.map(|page| ("page", page.as_str())));
        let given = |name: &str| matches!(name, "site" | "page" | "u" | "live" | "refresh" | "session");
        self.written(own, |name, _| !given(name))
    }

    /// The query of a framed page that speaks for this site and page without a Referer that has them.
    pub(super) fn for_frame(&self, site: &str, page: Option<&Page>) -> String {
        let own = iter::once(("site", site)).chain(page.map(|page| ("page", page.as_str())));
        self.written(own, |name, _| !matches!(name, "site" | "page"))
    }

    fn written<'o>(
        &self,
        own: impl IntoIterator<Item = (&'o str, &'o str)>,
        mut keep: impl FnMut(&str, &str) -> bool,
    ) -> String {
        let kept = form_urlencoded::parse(self.raw.as_bytes()).filter(|(name, value)| keep(name, value));
        form_urlencoded::Serializer::new(String::new()).extend_pairs(own).extend_pairs(kept).finish()
    }

    fn set(&mut self, name: &str, value: Cow<'a, str>) -> Result<(), QueryError> {
        match name {
            "live" => self.live = Some(one_of("live", &value, &[("1", true), ("0", false)])?),
            "u" => self.unique = true,
            "site" => self.site = Some(text("site", value)?),
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
            "refresh" => self.refresh = Some(refresh(&value)?),
            "rows" => self.rows = Some(rows("rows", &value)?),
            "top" => self.top = Some(rows("top", &value)?),
            "width" => self.width = Some(pixels("width", &value)?),
            "height" => self.height = Some(pixels("height", &value)?),
            "at" => self.at = Some(percent("at", &value)?),
            "peek" => self.peek = one_of("peek", &value, &[("1", true), ("0", false)])?,
            // As if it was missing, so that a page can write it before its visitor has signed in.
            "session" if value.is_empty() => self.session = None,
            "session" => self.session = Some(session(value)?),
            _ => {}
        }
        Ok(())
    }
}

/// The value of a pair, decoded: a path needn't be UTF-8.
fn octets(pair: &str) -> Cow<'_, [u8]> {
    let value = pair.split_once('=').map_or("", |(_name, value)| value);
    match value.contains('+') {
        true => percent_decode_str(&value.replace('+', " ")).collect::<Vec<u8>>().into(),
        false => percent_decode_str(value).into(),
    }
}

/// Bytes that aren't UTF-8 arrive as the replacement character, which no name of a site contains.
fn text<'a>(parameter: &'static str, value: Cow<'a, str>) -> Result<Cow<'a, str>, QueryError> {
    if value.contains('\u{fffd}') { Err(QueryError::new(parameter, "not UTF-8")) } else { Ok(value) }
}

fn session(value: Cow<'_, str>) -> Result<SessionId, QueryError> {
    SessionId::try_from(value.into_owned()).map_err(|why| QueryError::new("session", why))
}

fn rows(parameter: &'static str, value: &str) -> Result<u8, QueryError> {
    let rows = value.parse().ok().filter(|rows| (1..=MAX_ROWS).contains(rows));
    rows.ok_or_else(|| QueryError::new(parameter, format!("not a number from 1 to {MAX_ROWS}")))
}

fn pixels(parameter: &'static str, value: &str) -> Result<u16, QueryError> {
    value.parse().map_err(|_| QueryError::new(parameter, "not a number of pixels"))
}

fn percent(parameter: &'static str, value: &str) -> Result<Position, QueryError> {
    let part = value.parse().ok().and_then(|percent: f32| Position::try_from(percent / 100.0).ok());
    part.ok_or_else(|| QueryError::new(parameter, "not a number from 0 to 100"))
}

fn refresh(value: &str) -> Result<Duration, QueryError> {
    let time = humantime::parse_duration(value).ok();
    let time = time.filter(|time| (Duration::from_secs(10)..=Duration::from_hours(24)).contains(time));
    time.ok_or_else(|| QueryError::new("refresh", "it can be 10s to 24h"))
}

fn one_of<T: Copy>(parameter: &'static str, value: &str, choices: &[(&str, T)]) -> Result<T, QueryError> {
    let chosen = choices.iter().find(|(name, _)| *name == value);
    chosen.map(|(_, choice)| *choice).ok_or_else(|| {
        let names: Vec<_> = choices.iter().map(|(name, _)| *name).collect();
        QueryError::new(parameter, format!("not one of: {}", names.join(", ")))
    })
}

#[cfg(test)]
mod tests;

//! What stands in a page's HTML, as far as it concerns a counter. Scripts aren't run.

use html5gum::emitters::default::DefaultEmitter;
use html5gum::{StartTag, Token, Tokenizer};

use super::csp::{Policies, Use};
use super::url::Url;

/// How many tags that may be a counter's are kept.
const MAX_TAGS: usize = 100;

/// The pictures of a counter that are streams.
const PICTURES: [&str; 3] = ["online.png", "top.png", "reading.png"];

/// A tag that loads something from a counter.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct CounterTag {
    pub(super) how: Use,
    pub(super) url: Url,
    pub(super) is_lazy: bool,
    pub(super) has_size: bool,
    /// Whether it has both a `src` and a `srcset`.
    pub(super) has_both: bool,
    pub(super) referrer_policy: Option<String>,
    pub(super) nonce: Option<String>,
}

/// A page, as far as it was read.
#[derive(Default)]
pub(super) struct Html {
    pub(super) tags: Vec<CounterTag>,
    /// The policies in `meta`.
    pub(super) policies: Policies,
    pub(super) referrer_policy: Option<String>,
}

/// Reads the page at `url`.
pub(super) fn read(text: &str, url: &Url) -> Html {
    let mut html = Html::default();
    let mut base: Option<Url> = None;
    let mut emitter = DefaultEmitter::default();
    // So that what looks like a tag within a script isn't one.
    emitter.naively_switch_states(true);
    for token in Tokenizer::new_with_emitter(text, emitter) {
        let Ok(Token::StartTag(tag)) = token else { continue };
        let tag = Tag(tag);
        match tag.name() {
            b"base" => base = base.or_else(|| url.join(&tag.value("href")?)),
            b"meta" => meta(&tag, &mut html),
            b"img" | b"source" | b"iframe" | b"script" if html.tags.len() < MAX_TAGS => {
                html.tags.extend(counter_tag(&tag, base.as_ref().unwrap_or(url)));
            }
            _ => {}
        }
    }
    html
}

struct Tag(StartTag<()>);

impl Tag {
    fn name(&self) -> &[u8] {
        &self.0.name
    }

    fn value(&self, name: &str) -> Option<String> {
        let value = self.0.attributes.get(name.as_bytes())?;
        Some(String::from_utf8_lossy(&value.value).into_owned())
    }

    fn is(&self, name: &str, wanted: &str) -> bool {
        self.value(name).is_some_and(|value| value.trim().eq_ignore_ascii_case(wanted))
    }
}

fn meta(tag: &Tag, html: &mut Html) {
    let Some(content) = tag.value("content") else { return };
    if tag.is("http-equiv", "content-security-policy") {
        html.policies.add(&content);
    } else if tag.is("name", "referrer") {
        html.referrer_policy = Some(content);
    }
}

fn counter_tag(tag: &Tag, base: &Url) -> Option<CounterTag> {
    let (src, srcset) = (tag.value("src"), tag.value("srcset"));
    let how = match tag.name() {
        b"iframe" => Use::Frame,
        b"script" => Use::Script,
        _ => Use::Picture,
    };
    let candidates = srcset.iter().flat_map(|set| candidates(set)).chain(src.as_deref());
    let is_of_counter = |url: &Url| match how {
        Use::Frame => url.file() == "embed",
        Use::Script => url.file() == "onlookers.js",
        _ => PICTURES.contains(&url.file()) && !url.has("live", "0"),
    };
    let url = candidates.filter_map(|reference| base.join(reference)).find(is_of_counter)?;
    // The attributes of a `source` are those of the `img` after it.
    let is_img = tag.name() == b"img";
    Some(CounterTag {
        how,
        url,
        is_lazy: !is_img || tag.is("loading", "lazy"),
        has_size: !is_img || tag.value("width").is_some() && tag.value("height").is_some(),
        has_both: is_img && src.is_some() && srcset.is_some(),
        referrer_policy: tag.value("referrerpolicy"),
        nonce: tag.value("nonce"),
    })
}

/// The addresses in a `srcset`: each ends with white space or a comma, and a description may follow it.
fn candidates(set: &str) -> impl Iterator<Item = &str> {
    let mut rest = set;
    std::iter::from_fn(move || {
        rest = rest.trim_start_matches(|c: char| c.is_ascii_whitespace() || c == ',');
        let end = rest.find(|c: char| c.is_ascii_whitespace()).unwrap_or(rest.len());
        let (candidate, after) = rest.split_at(end);
        rest = match candidate.ends_with(',') {
            true => after,
            false => after.find(',').map_or("", |at| &after[at + 1..]),
        };
        (!candidate.is_empty()).then(|| candidate.trim_end_matches(','))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tags(text: &str) -> Vec<CounterTag> {
        read(text, &Url::parse("https://example.com/posts/1").unwrap()).tags
    }

    #[test]
    fn the_counters_tags_are_found_among_others() {
        let found = tags(
            "<!doctype html><!-- <img src=//a.example/online.png> --><script>'<img src=\"//b.example/online.png\">'</script>\
             <title><img src=//c.example/online.png></title><img src=cat.png><img src='data:,online.png'>\
             <IMG LOADING=lazy width=200 height=30 SRCSET='https://count.example/online.png?page=/a&amp;x=1, \
             https://count.example/online.png?scale=2 2x'>\
             <iframe src='//count.example/embed?page=/a'></iframe><script type=module src=/count/onlookers.js nonce=abc></script>\
             <img src='//count.example/online.png?live=0'><img src='//count.example/online.png' srcset='/online.png 2x'>",
        );
        let urls: Vec<_> = found.iter().map(|tag| tag.url.to_string()).collect();
        assert_eq!(
            urls,
            [
                "https://count.example/online.png?page=/a&x=1",
                "https://count.example/embed?page=/a",
                "https://example.com/count/onlookers.js",
                "https://example.com/online.png",
            ]
        );
        assert!(found[0].is_lazy && found[0].has_size && !found[0].has_both);
        assert!(!found[3].is_lazy && !found[3].has_size && found[3].has_both);
        assert_eq!((found[2].how, found[2].nonce.as_deref()), (Use::Script, Some("abc")));
    }

    #[test]
    fn base_and_meta_are_read() {
        let html = read(
            "<base href='https://count.example/x/'><meta name=referrer content=no-referrer>\
             <meta http-equiv=Content-Security-Policy content=\"img-src 'self'\"><img src=../online.png>",
            &Url::parse("http://example.com/").unwrap(),
        );
        let url = &html.tags[0].url;
        assert_eq!(url.to_string(), "https://count.example/online.png");
        assert_eq!(html.referrer_policy.as_deref(), Some("no-referrer"));
        let page = Url::parse("http://example.com/").unwrap();
        assert!(html.policies.forbidding(&page, url, Use::Picture, None).is_some());
    }

    #[test]
    fn a_srcset_is_split_as_browsers_do() {
        let split = |set| candidates(set).collect::<Vec<_>>();
        assert_eq!(split("a, b 2x,c 3x"), ["a", "b", "c"]);
        assert_eq!(split(" a?x=1,2 1x, b"), ["a?x=1,2", "b"]);
        assert_eq!(split(" , "), [""; 0]);
    }
}

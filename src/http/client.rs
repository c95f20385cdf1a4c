//! Clients that handle a stream in a way of their own, by their User-Agent.

use std::sync::LazyLock;

use hyper::HeaderMap;

/// The clients that take no stream. The file says what each one is, and names a source.
const LIST: &str = include_str!("clients.tsv");

/// Words of robots that look like browsers. The file says how it is read.
const BOTS: &str = include_str!("bots.txt");

/// Firefox's engine, as its User-Agent names it; those of other engines say `like Gecko`.
const ENGINE: &[u8] = b" Gecko/";

/// The engine of WebKit, which Chromium names, too.
const WEBKIT: &[u8] = b" AppleWebKit/";

/// The headers that proxies add to say that they are there, or for whom they ask.
const PROXY_HEADERS: [&str; 7] = [
    "via",
    "x-forwarded-for",
    "x-forwarded-proto",
    "x-forwarded-host",
    "forwarded",
    "x-real-ip",
    "cf-connecting-ip",
];

/// Parts of a User-Agent by their first byte, in either case: at most positions one look is enough.
struct Parts([Vec<&'static [u8]>; 256]);

static NAMES: LazyLock<Parts> = LazyLock::new(|| Parts::of(columns(LIST).map(|columns| columns[0])));
static WORDS: LazyLock<Parts> = LazyLock::new(|| Parts::of(columns(BOTS).map(|columns| columns[0])));
static NO_WORDS: LazyLock<Parts> =
    LazyLock::new(|| Parts::of(columns(BOTS).flat_map(|columns| columns.into_iter().skip(1))));

fn columns(file: &'static str) -> impl Iterator<Item = Vec<&'static str>> {
    file.lines().filter(|line| !line.starts_with('#')).map(|line| line.split('\t').collect())
}

impl Parts {
    fn of(parts: impl Iterator<Item = &'static str>) -> Self {
        let parts: Vec<_> = parts.map(str::as_bytes).collect();
        Self(std::array::from_fn(|byte| {
            let begins =
                |part: &&&[u8]| part.first().is_some_and(|first| first.eq_ignore_ascii_case(&(byte as u8)));
            parts.iter().filter(begins).copied().collect()
        }))
    }

    /// The part that `text` begins with.
    fn at(&self, text: &[u8]) -> Option<&'static [u8]> {
        let begins = |part: &&&[u8]| text.get(..part.len()).is_some_and(|it| it.eq_ignore_ascii_case(part));
        self.0[usize::from(*text.first()?)].iter().find(begins).copied()
    }

    fn are_in(&self, text: &[u8]) -> bool {
        (0..text.len()).any(|at| self.at(&text[at..]).is_some())
    }
}

/// Whether a client with this User-Agent takes no stream: an image proxy, a link preview, a crawler, a feed reader, a mail
/// program. Allocates nothing.
pub(super) fn takes_no_stream(agent: &[u8]) -> bool {
    NAMES.are_in(agent) || looks_like_browser(agent) && is_bot(agent)
}

/// Whether it is a robot by one of the general words.
fn is_bot(agent: &[u8]) -> bool {
    let mut at = 0;
    while at < agent.len() {
        let rest = &agent[at..];
        match NO_WORDS.at(rest) {
            Some(harmless) => at += harmless.len(),
            None if WORDS.at(rest).is_some() => return true,
            None => at += 1,
        }
    }
    false
}

/// Whether it is a program that says what it is, and isn't a browser: it shows no stream of pictures, but it may well read
/// events. curl may have one, for people who look at the bytes.
pub(super) fn shows_no_stream(agent: &[u8]) -> bool {
    !(agent.is_empty() || looks_like_browser(agent) || begins(agent, b"curl/"))
}

/// Browsers say that they are Mozilla or, on old mobile phones, Opera. DuckDuckGo's on Android leaves the first words out.
fn looks_like_browser(agent: &[u8]) -> bool {
    ["Mozilla/", "Opera/", "AppleWebKit/", "Android "].iter().any(|name| begins(agent, name.as_bytes()))
}

fn begins(agent: &[u8], name: &[u8]) -> bool {
    agent.get(..name.len()).is_some_and(|it| it.eq_ignore_ascii_case(name))
}

/// Whether it is Firefox, or another browser with its engine. It closes the stream of a page that has gone when data arrives
/// for the second time, not for the first: with a frame every second such a page was uncounted after 1.5 s, with one every
/// 4 s after 7.5 s (Firefox ESR 153).
pub(super) fn hangs_up_late(agent: &[u8]) -> bool {
    agent.windows(ENGINE.len()).any(|part| part == ENGINE)
}

/// Whether it is Chromium or WebKit: they close the connection of a stream together with its page.
pub(super) fn hangs_up_at_once(agent: &[u8]) -> bool {
    agent.windows(WEBKIT.len()).any(|part| part == WEBKIT)
}

/// Whether a proxy has added a header that browsers don't send.
pub(super) fn came_through_proxy(headers: &HeaderMap) -> bool {
    PROXY_HEADERS.iter().any(|name| headers.contains_key(*name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_well_formed_with_a_source_for_each() {
        for line in LIST.lines().filter(|line| !line.starts_with('#')) {
            let columns: Vec<_> = line.split('\t').collect();
            assert!(
                columns.len() == 3 && columns[0].len() >= 5 && columns[2].starts_with("https://"),
                "{line}"
            );
        }
    }

    #[test]
    fn a_name_is_found_anywhere_in_any_case_but_only_whole() {
        for name in NAMES.0.iter().flatten().map(|name| std::str::from_utf8(name).unwrap()) {
            for agent in
                [name.to_ascii_uppercase(), format!("x {}", name.to_ascii_lowercase()), format!("{name}/1")]
            {
                assert!(takes_no_stream(agent.as_bytes()), "{agent}");
            }
            assert!(!takes_no_stream(&name.as_bytes()[..name.len() - 1]), "{name}");
        }
        assert!(!takes_no_stream(b"\xff\x80 slackbo"));
    }

    #[test]
    fn robots_with_a_browsers_engine_are_known_by_a_word() {
        let browser = |word: &str| {
            format!(
                "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) {word}/156.0 Safari"
            )
        };
        for robot in ["HeadlessChrome", "Chrome-Lighthouse", "Amazonbot", "Bytespider", "x; compatible; y"] {
            assert!(takes_no_stream(browser(robot).as_bytes()), "{robot}");
        }
        for reader in ["Chrome", "CUBOT MAX", "cubotMAX", "CamScanner", "13#eng.compil", "csh-store-checkout"]
        {
            assert!(!takes_no_stream(browser(reader).as_bytes()), "{reader}");
        }
        for reader in [
            "Mozilla/4.0 (compatible; MSIE 7.0; Trident/7.0)",
            "Opera/9.70 (Linux armv7l ; U; turbotabbee/TSV2.0/1.02Q; fr) Presto/2.2",
            "AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/118.0.0.0 Mobile DuckDuckGo/5 Safari/537.36",
        ] {
            assert!(!takes_no_stream(reader.as_bytes()) && !shows_no_stream(reader.as_bytes()), "{reader}");
        }
        // A script may read events, but shows no pictures.
        for script in ["Python/3.13 aiohttp/3.9", "node"] {
            assert!(!takes_no_stream(script.as_bytes()) && shows_no_stream(script.as_bytes()), "{script}");
        }
    }

    #[test]
    fn proxies_take_no_stream_and_browsers_do() {
        for agent in [
            "github-camo (876de43e)",
            "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)",
            "Slack-ImgProxy (+https://api.slack.com/robots)",
            "Mozilla/5.0 (compatible; Discordbot/2.0; +https://discordapp.com)",
            "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; Googlebot/2.1; +http://www.google.com/bot.html) Chrome/99",
        ] {
            assert!(takes_no_stream(agent.as_bytes()), "{agent}");
        }
        for agent in [
            "",
            "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36",
            "Mozilla/5.0 (X11; Linux x86_64; rv:153.0) Gecko/20100101 Firefox/153.0",
            "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Safari/605.1.15",
            "curl/8.0",
        ] {
            assert!(!takes_no_stream(agent.as_bytes()), "{agent}");
        }
    }

    #[test]
    fn a_proxy_is_known_by_what_it_adds() {
        let headers = |name: &'static str| {
            HeaderMap::from_iter([(hyper::header::HeaderName::from_static(name), "x".parse().unwrap())])
        };
        assert!(came_through_proxy(&headers("via")) && came_through_proxy(&headers("x-forwarded-for")));
        assert!(!came_through_proxy(&headers("referer")));
    }

    #[test]
    fn only_firefox_hangs_up_late() {
        let firefox = b"Mozilla/5.0 (X11; Linux x86_64; rv:153.0) Gecko/20100101 Firefox/153.0";
        assert!(hangs_up_late(firefox));
        let chromium = b"Mozilla/5.0 (X11) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0";
        assert!(!hangs_up_late(chromium) && hangs_up_at_once(chromium) && !hangs_up_at_once(firefox));
    }
}

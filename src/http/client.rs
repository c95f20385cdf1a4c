//! Clients that handle a stream in a way of their own, by their User-Agent.

use std::sync::LazyLock;

use hyper::HeaderMap;

/// The clients that take no stream. The file says what each one is, and names a source.
const LIST: &str = include_str!("clients.tsv");

/// Firefox's engine, as its User-Agent names it; those of other engines say `like Gecko`.
const ENGINE: &[u8] = b" Gecko/";

/// The engine of WebKit, which Chromium names, too.
const WEBKIT: &[u8] = b" AppleWebKit/";

/// What proxies add to say that they are there, or for whom they ask.
const PROXY_HEADERS: [&str; 7] = [
    "via",
    "x-forwarded-for",
    "x-forwarded-proto",
    "x-forwarded-host",
    "forwarded",
    "x-real-ip",
    "cf-connecting-ip",
];

/// The names by their first byte, in either case: at most positions of a User-Agent one look is enough.
static NAMES: LazyLock<[Vec<&[u8]>; 256]> = LazyLock::new(|| {
    let rows = LIST.lines().filter(|line| !line.starts_with('#'));
    let names: Vec<_> = rows.filter_map(|line| line.split('\t').next()).map(str::as_bytes).collect();
    std::array::from_fn(|byte| {
        let begins =
            |name: &&&[u8]| name.first().is_some_and(|first| first.eq_ignore_ascii_case(&(byte as u8)));
        names.iter().filter(begins).copied().collect()
    })
});

/// Whether a client with this User-Agent takes no stream: an image proxy, a link preview, a crawler, a feed reader, a mail
/// program. Allocates nothing.
pub(super) fn takes_no_stream(agent: &[u8]) -> bool {
    let names = &*NAMES;
    (0..agent.len()).any(|at| {
        let rest = &agent[at..];
        let is_here =
            |name: &&[u8]| rest.get(..name.len()).is_some_and(|part| part.eq_ignore_ascii_case(name));
        names[usize::from(rest[0])].iter().any(is_here)
    })
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
        for name in NAMES.iter().flatten().map(|name| std::str::from_utf8(name).unwrap()) {
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

//! A page that shows a counter: whether browsers load it there, and for which page they count.

use std::io::Write;

use super::csp::{Policies, Use};
use super::fetch::joined;
use super::report::Report;
use super::tags::{self, CounterTag, Html};
use super::url::Url;
use hyper::HeaderMap;

/// The policy of a page that names none.
const DEFAULT_POLICY: &str = "strict-origin-when-cross-origin";

/// Reports what is wrong in the HTML and in the headers of the page at `url`. Returns the folders of the counters on it.
pub(super) fn check<W: Write>(
    url: &Url,
    headers: &HeaderMap,
    text: &str,
    report: &mut Report<W>,
) -> Vec<Url> {
    let mut html = tags::read(text, url);
    // What a `meta` forbids stays forbidden.
    html.policies.add(&joined(headers, "content-security-policy"));
    let policy = html.referrer_policy.clone().unwrap_or_else(|| joined(headers, "referrer-policy"));
    if html.tags.is_empty() {
        report.page_fault(
            &format!("there is no counter on {url}; what scripts add to a page isn't seen"),
            "add the tag, or give the counter's own address",
        );
    }
    let mut folders: Vec<Url> = Vec::new();
    for tag in &html.tags {
        let upgraded = html.policies.upgrade(&tag.url);
        check_tag(url, tag, &upgraded, &html, &policy, report);
        let folder = upgraded.beside("");
        if !folders.contains(&folder) {
            folders.push(folder);
        }
    }
    folders
}

fn check_tag<W: Write>(
    page: &Url,
    tag: &CounterTag,
    loaded: &Url,
    html: &Html,
    policy: &str,
    report: &mut Report<W>,
) {
    let before = report.faults();
    if page.is_https && !loaded.is_https {
        report.page_fault(
            &format!(
                "mixed content: the page is https and {loaded} isn't, so browsers don't load it as it is"
            ),
            &format!("write https:// in the tag: {}", loaded.with_https()),
        );
    }
    check_policies(page, tag, loaded, &html.policies, report);
    check_attributes(tag, report);
    check_referrer(page, tag, loaded, policy, report);
    if report.faults() == before {
        report.ok(&format!("the tag of {loaded} is as it should be"));
    }
}

fn check_policies<W: Write>(
    page: &Url,
    tag: &CounterTag,
    url: &Url,
    policies: &Policies,
    report: &mut Report<W>,
) {
    let uses: &[Use] = if tag.how == Use::Script { &[Use::Script, Use::Connection] } else { &[tag.how] };
    for how in uses {
        if let Some(directive) = policies.forbidding(page, url, *how, tag.nonce.as_deref()) {
            report.page_fault(
                &format!("the page's Content-Security-Policy forbids {url} by {directive:?}"),
                &format!("add {} to {}", url.origin(), how.directive()),
            );
        }
    }
}

fn check_attributes<W: Write>(tag: &CounterTag, report: &mut Report<W>) {
    let url = &tag.url;
    if !tag.is_lazy {
        report.page_fault(
            &format!("the tag of {url} is not lazy: in WebKit the page's load event never fires"),
            "add loading=\"lazy\" to the tag",
        );
    }
    if !tag.has_size {
        report.page_fault(
            &format!("the tag of {url} has no size: the page moves when the picture comes"),
            "add width and height to the tag, as the counter's own page shows them",
        );
    }
    if tag.has_both {
        report.page_fault(
            &format!("the tag of {url} has src and srcset: in WebKit the load event of most pages waits for the stream"),
            "leave srcset alone in the tag",
        );
    }
}

fn check_referrer<W: Write>(page: &Url, tag: &CounterTag, url: &Url, policy: &str, report: &mut Report<W>) {
    if tag.how == Use::Script || page.origin() == url.origin() {
        return;
    }
    let policy = known(tag.referrer_policy.as_deref().unwrap_or_default()).or_else(|| known(policy));
    let policy = policy.unwrap_or(DEFAULT_POLICY);
    let is_downgrade = page.is_https && !url.is_https;
    let (hides_all, hides_path) = match policy {
        "no-referrer" | "same-origin" => (true, true),
        "unsafe-url" => (false, false),
        "no-referrer-when-downgrade" => (is_downgrade, is_downgrade),
        "origin" | "origin-when-cross-origin" => (false, true),
        _ => (is_downgrade, true),
    };
    if hides_all {
        report.page_fault(
            &format!("the page's referrer policy ({policy}) hides the site from {url}"),
            "add referrerpolicy=\"origin\" to the tag",
        );
    } else if hides_path && url.has("page", "auto") {
        report.page_fault(
            &format!("the page's referrer policy ({policy}) hides the page from {url}, so page=auto counts the whole site"),
            "write the path into the tag, as page=/posts/1, or add referrerpolicy=\"no-referrer-when-downgrade\", which only \
             Chromium follows",
        );
    }
}

/// The last policy of a list that browsers know.
fn known(policies: &str) -> Option<&'static str> {
    const KNOWN: [&str; 8] = [
        "no-referrer",
        "same-origin",
        "unsafe-url",
        "no-referrer-when-downgrade",
        "origin",
        "origin-when-cross-origin",
        "strict-origin",
        DEFAULT_POLICY,
    ];
    let of_name = |name: &str| KNOWN.into_iter().find(|known| known.eq_ignore_ascii_case(name.trim()));
    policies.split(',').rev().find_map(of_name)
}

#[cfg(test)]
mod tests {
    use hyper::header::{HeaderName, HeaderValue};

    use super::*;

    const TAG: &str = "loading=lazy width=200 height=30 srcset";

    /// The faults of a page, as lines.
    fn faults(page: &str, headers: &[(&'static str, &'static str)], text: &str) -> String {
        let headers = headers
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
        let mut out = Vec::new();
        let mut report = Report::new(&mut out, None);
        check(&Url::parse(page).unwrap(), &headers.collect(), text, &mut report);
        let text = String::from_utf8(out).unwrap();
        text.lines().filter(|line| line.starts_with("fault")).collect::<Vec<_>>().join("\n")
    }

    fn on_https(headers: &[(&'static str, &'static str)], text: &str) -> String {
        faults("https://example.com/posts/1", headers, text)
    }

    #[test]
    fn a_good_tag_has_no_fault() {
        let tag = format!("<img {TAG}=https://count.example/online.png>");
        assert_eq!(on_https(&[], &tag), "");
        assert_eq!(on_https(&[("content-security-policy", "img-src https://count.example")], &tag), "");
        assert_eq!(faults("http://example.com/", &[], &tag), "");
        assert!(on_https(&[], "<p>").contains("there is no counter"));
    }

    #[test]
    fn mixed_content_and_policies_are_faults() {
        let tag = format!("<img {TAG}=http://count.example/online.png>");
        assert!(on_https(&[], &tag).contains("mixed content"));
        assert_eq!(on_https(&[("content-security-policy", "upgrade-insecure-requests")], &tag), "");
        let tag = format!("<img {TAG}=https://count.example/online.png>");
        let forbids = on_https(&[("content-security-policy", "default-src 'self'")], &tag);
        assert!(
            forbids.contains("forbids https://count.example/online.png by \"default-src 'self'\""),
            "{forbids}"
        );
        let in_meta = "<meta http-equiv=content-security-policy content=\"frame-src 'none'\">\
                       <iframe src=https://count.example/embed></iframe>";
        assert!(on_https(&[], in_meta).contains("frame-src 'none'"));
        let script = "<script type=module src=https://count.example/onlookers.js></script>";
        let forbids =
            on_https(&[("content-security-policy", "connect-src 'self'; script-src https:")], script);
        assert!(forbids.contains("connect-src") && !forbids.contains("script-src"), "{forbids}");
    }

    #[test]
    fn a_tag_that_lacks_something_is_a_fault() {
        let bare = on_https(
            &[],
            "<img src=https://count.example/online.png srcset=https://count.example/online.png>",
        );
        for wanted in ["is not lazy", "has no size", "has src and srcset"] {
            assert!(bare.contains(wanted), "{wanted} is not in {bare}");
        }
    }

    #[test]
    fn a_page_that_hides_itself_is_a_fault() {
        let auto = format!("<img {TAG}=https://count.example/online.png?page=auto");
        assert!(on_https(&[], &format!("{auto}>")).contains("page=auto counts the whole site"));
        assert_eq!(on_https(&[], &format!("{auto} referrerpolicy=no-referrer-when-downgrade>")), "");
        assert_eq!(on_https(&[("referrer-policy", "no-referrer, unsafe-url")], &format!("{auto}>")), "");
        let hidden = on_https(
            &[("referrer-policy", "same-origin")],
            &format!("<img {TAG}=//count.example/online.png>"),
        );
        assert!(hidden.contains("hides the site"), "{hidden}");
        assert_eq!(
            on_https(&[("referrer-policy", "same-origin")], &format!("<img {TAG}=/online.png?page=auto>")),
            ""
        );
    }
}

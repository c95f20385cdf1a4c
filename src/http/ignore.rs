//! `/ignore` and `/unignore`: a page with one form, which sets or removes the cookie of visitors who aren't counted.

use hyper::StatusCode;
use hyper::header::{HeaderValue, SET_COOKIE};

use super::wishes::IGNORE_COOKIE;
use super::{Answer, App, Refusal, Request, grant, respond};

/// Ten years, in seconds.
const FOREVER: u32 = 315_360_000;

const PAGE: &str = include_str!("../../demo/ignore.html");

const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
);

/// The page with the form.
pub(super) fn ask(_: &App, request: &Request<'_>) -> Result<Answer, Refusal> {
    let ignore = ignores(request);
    let (action, button, state) = match ignore {
        true => ("ignore", "Don't count this browser", "counted"),
        false => ("unignore", "Count this browser again", "not counted"),
    };
    let sentence = match (request.wishes.not_counted == ignore, ignore) {
        (true, true) => "This browser is not counted.",
        (true, false) => "This browser is counted.",
        (false, _) => &format!("This browser is {state} on the pages that show a picture of this server."),
    };
    let page = PAGE.replace("{{sentence}}", sentence).replace("{{action}}", action);
    grant::respond(respond::page(page.replace("{{button}}", button), POLICY))
}

/// The form's answer: back to the page, with the cookie set or removed.
pub(super) fn change(_: &App, request: &Request<'_>) -> Result<Answer, Refusal> {
    // Another site's form must not do this to its visitors. The cookie does little harm in browsers that don't say.
    if request.headers.get("sec-fetch-site").is_some_and(|site| site != "same-origin") {
        return Err(Refusal::ForeignForm);
    }
    // A relative URL of one segment stays valid under a proxy's path prefix.
    let (back, seconds) = if ignores(request) { ("ignore", FOREVER) } else { ("unignore", 0) };
    // Pictures on other sites' pages get the cookie only with SameSite=None, which browsers accept only over https.
    let site = if request.is_https() { "None; Secure" } else { "Lax" };
    let cookie = format!("{IGNORE_COOKIE}=1; Path=/; Max-Age={seconds}; HttpOnly; SameSite={site}");
    let mut answer = respond::redirect(StatusCode::SEE_OTHER, HeaderValue::from_static(back));
    answer.headers_mut().extend(HeaderValue::from_str(&cookie).ok().map(|cookie| (SET_COOKIE, cookie)));
    grant::respond(answer)
}

fn ignores(request: &Request<'_>) -> bool {
    request.path == "/ignore"
}

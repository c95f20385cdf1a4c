//! Parts of the tags that this server writes.

use onlookers_picture::{Label, Style};

/// The attribute of an image at `url` with these parameters: `srcset` with a picture for dense screens, or `src` if the parameters
/// have a scale of their own. Not both: with both, the load event of a page waits for the stream in WebKit (WebKitGTK 2.50, on
/// most loads of a page that isn't loaded before its pictures are).
pub(super) fn sources(url: &str, parameters: &str, has_scale: bool) -> String {
    let one = format!("{url}{}", query(parameters));
    if has_scale {
        return format!("src=\"{one}\"");
    }
    let separator = if parameters.is_empty() { "" } else { "&" };
    format!("srcset=\"{one}, {url}?{parameters}{separator}scale=2 2x\"")
}

/// What the picture is called where it isn't seen, ready for an attribute: the words beside its number, without the number, which
/// changes. A picture without words has those that it has by default.
pub(super) fn alt(style: &Style) -> String {
    let words = style.label().as_str().trim();
    let words = if words.is_empty() { Label::default().as_str().to_owned() } else { words.to_owned() };
    words.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// The part of a URL that has these parameters.
pub(super) fn query(parameters: &str) -> String {
    if parameters.is_empty() { String::new() } else { format!("?{parameters}") }
}

//! Parts of the tags that this server writes.

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

/// The part of a URL that has these parameters.
pub(super) fn query(parameters: &str) -> String {
    if parameters.is_empty() { String::new() } else { format!("?{parameters}") }
}

//! Which room a page is counted in, by what each engine says of the page.

use std::time::Instant;

use onlookers_picture::Value::Count;

use crate::Outcome;
use crate::browser::{Browser, Place};
use crate::counter::Counter;
use crate::engine::{AT_ONCE, Engine, NEVER};
use crate::sites::Site;
use crate::viewer::Viewer;

/// `page=auto` with the policy that the documentation tells people to write, and without one; a page at the counter's own
/// origin that sends no Referer; and a file.
pub(crate) async fn each_page_is_in_its_room(browser: Browser) -> Outcome {
    let counter = Counter::start(NEVER)?;
    let site = Site::start(&counter).await?;
    let bare = browser.first().await?;
    browser.go(&bare, &site.url("/auto/bare")).await?;
    browser.paints(&bare).await?;
    let told = browser.open(Place::Tab, &site.url("/auto/told")).await?;
    // Its own page, and not what a bare origin leaves: the whole site. To another site, Firefox and WebKit send only the origin
    // all the same.
    let of_page = if browser.engine == Engine::Chromium { 1 } else { 2 };
    browser.shows(&told, Count(of_page), Instant::now() + AT_ONCE).await?;
    browser.shows(&bare, Count(2), Instant::now() + AT_ONCE).await?;

    let own = browser.open(Place::Tab, &counter.url("/index.html")).await?;
    browser
        .run_script(
            &own,
            "document.body.innerHTML = '<img referrerpolicy=no-referrer src=/online.png?page=/x>'",
        )
        .await?;
    browser.shows(&own, Count(1), Instant::now() + AT_ONCE).await?;
    let mut viewer = Viewer::watch(&counter, "/online.png?peek=1&page=/x", &counter.url("/")).await?;
    viewer.hears(1, AT_ONCE).await?;

    let folder = tempfile::tempdir()?;
    let path = folder.path().join("file.html");
    std::fs::write(
        &path,
        format!("<!DOCTYPE html><img loading=lazy src=\"{}\">", counter.url("/online.png")),
    )?;
    let file = browser.open(Place::Tab, &format!("file://{}", path.display())).await?;
    browser.shows(&file, Count(1), Instant::now() + AT_ONCE).await?;
    browser.shows(&bare, Count(2), Instant::now()).await?;
    Ok(())
}

//! What browsers don't do, so that the day they learn it is noticed.

use std::time::Instant;

use onlookers_picture::Value::Count;

use crate::Outcome;
use crate::browser::{Browser, Place};
use crate::counter::Counter;
use crate::engine::{AT_ONCE, Engine};
use crate::painted::Seen;
use crate::sites::Site;
use crate::viewer::Viewer;

/// Over HTTP/1.1 a browser opens six connections to a host. The seventh page loads without its picture, and gets it
/// as soon as one of the six is closed.
pub(crate) async fn six_pages_to_a_browser(browser: Browser) -> Outcome {
    let counter = Counter::start(browser.engine.repaint())?;
    let site = Site::start(&counter).await?;
    let mut viewer = Viewer::join(&counter, &site.url("/1")).await?;
    let mut pages = vec![browser.first().await?];
    browser.go(&pages[0], &site.url("/1")).await?;
    for n in 2..=6 {
        pages.push(browser.open(Place::Window, &site.url(&format!("/{n}"))).await?);
    }
    browser.paints(&pages[5]).await?;
    viewer.hears(7, AT_ONCE).await?;
    let seventh = browser.open(Place::Window, &site.url("/7")).await?;
    assert!(viewer.hears(8, AT_ONCE).await.is_err(), "a seventh connection");
    let seen = browser.sees(&seventh).await?;
    assert!(!matches!(seen, Seen::Picture(_)), "{seen} without a connection");
    browser.close(pages.remove(0)).await?;
    let by = Instant::now() + browser.engine.uncounts_within();
    browser.shows(&seventh, Count(7), by).await?;
    Ok(())
}

/// `loading=lazy` waits until somebody can see the picture: in Chromium and WebKit a tab that was opened behind another
/// is counted when it comes to the front. Firefox counts it soon after it was opened.
pub(crate) async fn a_tab_opened_in_the_background(browser: Browser) -> Outcome {
    let counter = Counter::start(browser.engine.repaint())?;
    let (demo, site) = (counter.url("/"), Site::start(&counter).await?);
    let mut viewer = Viewer::join(&counter, &demo).await?;
    let front = browser.first().await?;
    browser.go(&front, &site.url("/elsewhere")).await?;
    let behind = browser.open_behind(&front, &demo).await?;
    let counted = viewer.hears(2, AT_ONCE * 3).await.is_ok();
    assert_eq!(counted, browser.engine == Engine::Firefox, "counted behind another tab");
    browser.close(front).await?;
    browser.paints(&behind).await?;
    browser.shows(&behind, Count(2), viewer.hears(2, AT_ONCE).await? + AT_ONCE).await?;
    Ok(())
}

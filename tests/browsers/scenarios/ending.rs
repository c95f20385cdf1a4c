//! The program stops.

use std::time::Instant;

use onlookers_picture::Value::Ended;

use crate::Outcome;
use crate::browser::{Browser, Place};
use crate::counter::Counter;
use crate::engine::{AT_ONCE, NEVER};
use crate::painted::Seen;
use crate::viewer::Viewer;

/// After an orderly end each page keeps a picture: pale, with a dash, since no number would be true.
pub(crate) async fn the_last_picture_stays(browser: Browser) -> Outcome {
    let mut counter = Counter::start(NEVER)?;
    let demo = counter.url("/");
    let mut viewer = Viewer::join(&counter, &demo).await?;
    let first = browser.first().await?;
    browser.go(&first, &demo).await?;
    let pages = [first, browser.open(Place::Window, &demo).await?, browser.open(Place::Tab, &demo).await?];
    for page in &pages {
        browser.paints(page).await?;
    }
    viewer.hears(4, AT_ONCE).await?;
    let status = counter.terminate(AT_ONCE * 10).await?;
    assert!(status.success(), "{status}");
    let event = Instant::now();
    for page in &pages {
        browser.shows(page, Ended, event + AT_ONCE).await?;
    }
    while event.elapsed() < AT_ONCE * 2 {
        for page in &pages {
            assert_eq!(browser.sees(page).await?, Seen::Picture(Ended), "after {:?}", event.elapsed());
        }
    }
    Ok(())
}

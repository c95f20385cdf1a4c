//! The program stops.

use std::time::{Duration, Instant};

use onlookers_picture::Value::{Count, Ended};

use crate::Outcome;
use crate::browser::{Browser, Place};
use crate::counter::Counter;
use crate::engine::{AT_ONCE, NEVER};
use crate::painted::Seen;
use crate::sites::Site;
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

/// A frame whose URL has `refresh=20s` reloads itself after 10 to 30 s. It must not do so while nobody answers.
pub(crate) async fn a_frame_comes_back(browser: Browser) -> Outcome {
    let mut counter = Counter::start(NEVER)?;
    let site = Site::start(&counter).await?;
    let page = browser.first().await?;
    browser.go(&page, &site.url("/reloading")).await?;
    browser.shows(&page, Count(1), Instant::now() + AT_ONCE).await?;
    counter.terminate(AT_ONCE * 10).await?;
    browser.shows(&page, Ended, Instant::now() + AT_ONCE).await?;
    counter.restart()?;
    let mut viewer = Viewer::join(&counter, &site.url("/")).await?;
    let event = viewer.hears(2, Duration::from_secs(40)).await?;
    browser.shows(&page, Count(2), event + AT_ONCE).await.map(drop)
}

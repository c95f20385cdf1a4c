//! Visitors go on to another page, and perhaps come back.

use std::time::Instant;

use onlookers_picture::Value::Count;

use crate::browser::{Browser, Page, Place};
use crate::counter::Counter;
use crate::engine::{AT_ONCE, Engine};
use crate::painted::Seen;
use crate::sites::Site;
use crate::viewer::Viewer;
use crate::{Outcome, figures};

/// Times that a visitor leaves in one scenario.
const TIMES: usize = 5;

pub(crate) async fn a_link_away_from_the_demo_page(browser: Browser) -> Outcome {
    let counter = Counter::start(browser.engine.repaint())?;
    let (demo, elsewhere) = (counter.url("/"), Site::start(&counter).await?);
    let mut viewer = Viewer::join(&counter, &demo).await?;
    let page = browser.first().await?;
    let mut uncounted = vec![];
    for _ in 0..TIMES {
        browser.go(&page, &demo).await?;
        browser.paints(&page).await?;
        browser.shows(&page, Count(2), viewer.hears(2, AT_ONCE).await? + AT_ONCE).await?;
        browser.add_link(&page, &elsewhere.url("/elsewhere")).await?;
        let clicked = browser.click(&page, "#away").await?;
        uncounted.push(viewer.hears(1, browser.engine.uncounts_within()).await? - clicked);
    }
    figures::print(&browser, "link clicked on the demo page to uncounted", uncounted)?;
    going_back(&browser, &page, &mut viewer).await
}

/// A page that stays open sees another go to a typed address and, but for WebKit, come back.
pub(crate) async fn open_pages_see_another_leave_and_return(browser: Browser) -> Outcome {
    let counter = Counter::start(browser.engine.repaint())?;
    let (demo, site) = (counter.url("/"), Site::start(&counter).await?);
    let mut viewer = Viewer::join(&counter, &demo).await?;
    let stays = browser.first().await?;
    browser.go(&stays, &demo).await?;
    let goes = browser.open(Place::Window, &demo).await?;
    browser.paints(&goes).await?;
    browser.shows(&stays, Count(3), viewer.hears(3, AT_ONCE).await? + AT_ONCE).await?;
    browser.go(&goes, &site.url("/elsewhere")).await?;
    let event = viewer.hears(2, browser.engine.uncounts_within()).await?;
    browser.shows(&stays, Count(2), event + AT_ONCE).await?;
    if browser.engine != Engine::WebKit {
        browser.back(&goes).await?;
        browser.paints(&goes).await?;
        browser.shows(&stays, Count(3), viewer.hears(3, AT_ONCE).await? + AT_ONCE).await?;
    }
    Ok(())
}

/// Chromium and Firefox load the page anew. WebKit takes it out of its cache as it was left, with a stream that has
/// ended: the old number stays, nobody is counted, and there is no remedy without JavaScript.
async fn going_back(browser: &Browser, page: &Page, viewer: &mut Viewer) -> Outcome {
    let before = Instant::now();
    browser.back(page).await?;
    match browser.engine {
        Engine::Chromium | Engine::Firefox => {
            browser.paints(page).await?;
            let seen = browser.shows(page, Count(2), viewer.hears(2, AT_ONCE).await? + AT_ONCE).await?;
            figures::print(browser, "going back to painted", vec![seen - before])?;
        }
        Engine::WebKit => {
            assert_eq!(browser.sees(page).await?, Seen::Picture(Count(2)));
            assert!(
                viewer.hears(2, AT_ONCE).await.is_err(),
                "WebKit has learnt to load the page anew: tell people"
            );
        }
    }
    Ok(())
}

pub(crate) async fn a_link_away_from_an_embed(browser: Browser) -> Outcome {
    let counter = Counter::start(browser.engine.repaint())?;
    let site = Site::start(&counter).await?;
    let framed = site.url("/framed");
    let mut viewer = Viewer::join(&counter, &framed).await?;
    let page = browser.first().await?;
    let mut uncounted = vec![];
    for _ in 0..TIMES {
        browser.go(&page, &framed).await?;
        browser.paints(&page).await?;
        browser.shows(&page, Count(2), viewer.hears(2, AT_ONCE).await? + AT_ONCE).await?;
        let clicked = browser.click(&page, "#away").await?;
        uncounted.push(viewer.hears(1, browser.engine.uncounts_within()).await? - clicked);
    }
    figures::print(&browser, "link clicked on a page with the embed to uncounted", uncounted)?;
    Ok(())
}

/// Another site has the tag on each of its pages. However fast somebody reads on, one page is open at a time, and it
/// is served: the pages left behind hold none of the browser's six connections.
pub(crate) async fn ten_pages_clicked_in_one_tab(browser: Browser) -> Outcome {
    let counter = Counter::start(browser.engine.repaint())?;
    let site = Site::start(&counter).await?;
    let mut viewer = Viewer::join(&counter, &site.url("/1")).await?;
    let page = browser.first().await?;
    browser.go(&page, &site.url("/1")).await?;
    browser.paints(&page).await?;
    let mut right = vec![];
    for _ in 1..10 {
        let clicked = browser.click(&page, "#next").await?;
        browser.paints(&page).await?;
        let by = Instant::now() + browser.engine.uncounts_within();
        right.push(browser.shows(&page, Count(2), by).await? - clicked);
    }
    viewer.hears(2, AT_ONCE).await?;
    browser.click(&page, "#away").await?;
    viewer.hears(1, browser.engine.uncounts_within()).await?;
    figures::print(&browser, "link clicked to the next page showing the right number", right)?;
    Ok(())
}

pub(crate) async fn a_reload_counts_once(browser: Browser) -> Outcome {
    let counter = Counter::start(browser.engine.repaint())?;
    let demo = counter.url("/");
    let mut viewer = Viewer::join(&counter, &demo).await?;
    let page = browser.first().await?;
    browser.go(&page, &demo).await?;
    for _ in 0..TIMES {
        browser.reload(&page).await?;
        browser.paints(&page).await?;
        let by = Instant::now() + browser.engine.uncounts_within();
        browser.shows(&page, Count(2), by).await?;
    }
    viewer.hears(2, AT_ONCE).await?;
    Ok(())
}

//! Pages open and close; those that are open show the count.

use std::time::Instant;

use onlookers_picture::Value::Count;

use crate::browser::{Browser, Page, Place};
use crate::counter::Counter;
use crate::engine::{AT_ONCE, Engine, NEVER, Undriven};
use crate::painted::Seen;
use crate::sites::Site;
use crate::viewer::Viewer;
use crate::{Outcome, figures};

/// The demo page in several tabs and windows, one after another opened and closed again.
pub(crate) async fn every_open_page_shows_the_count(browser: Browser) -> Outcome {
    let counter = Counter::start(browser.engine.repaint())?;
    let demo = counter.url("/");
    let mut viewer = Viewer::join(&counter, &demo).await?;
    let mut pages = vec![browser.first().await?];
    browser.go(&pages[0], &demo).await?;
    browser.paints(&pages[0]).await?;
    for place in [Place::Window, Place::Tab, Place::Window, Place::Tab] {
        let page = browser.open(place, &demo).await?;
        browser.paints(&page).await?;
        pages.push(page);
        all_show_the_count(&browser, &pages, viewer.hears(pages.len() as u64 + 1, AT_ONCE).await?).await?;
    }
    let mut uncounted = vec![];
    while pages.len() > 1 {
        let closed = browser.close(pages.remove(pages.len() / 2)).await?;
        let event = viewer.hears(pages.len() as u64 + 1, browser.engine.uncounts_within()).await?;
        uncounted.push(event - closed);
        all_show_the_count(&browser, &pages, event).await?;
    }
    figures::print(&browser, "closed to uncounted", uncounted)?;
    Ok(())
}

async fn all_show_the_count(browser: &Browser, pages: &[Page], event: Instant) -> Outcome {
    for page in pages {
        browser.shows(page, Count(pages.len() as u64 + 1), event + AT_ONCE).await?;
    }
    Ok(())
}

/// Each number is painted although nothing is sent after it: no frame is shown only when the next one comes.
pub(crate) async fn each_new_count_is_shown(browser: Browser) -> Outcome {
    let counter = Counter::start(NEVER)?;
    let demo = counter.url("/");
    let page = browser.first().await?;
    browser.go(&page, &demo).await?;
    browser.paints(&page).await?;
    let mut viewers = vec![];
    let mut painted = vec![];
    for count in (2..=13).chain((2..=12).rev()) {
        match viewers.len() + 1 < count as usize {
            true => viewers.push(Viewer::join(&counter, &demo).await?),
            false => drop(viewers.pop()),
        }
        let event = viewers[0].hears(count, AT_ONCE).await?;
        painted.push(browser.shows(&page, Count(count), event + AT_ONCE).await? - event);
    }
    figures::print(&browser, "counted to painted", painted)?;
    Ok(())
}

/// Many come and go at once: whatever was skipped, the last number is painted.
pub(crate) async fn a_burst_ends_with_the_right_number(browser: Browser) -> Outcome {
    let counter = Counter::start(NEVER)?;
    let demo = counter.url("/");
    let page = browser.first().await?;
    browser.go(&page, &demo).await?;
    browser.paints(&page).await?;
    let mut viewer = Viewer::join(&counter, &demo).await?;
    for _ in 0..3 {
        let crowd = Viewer::crowd(&counter, &demo, 40).await?;
        let event = viewer.hears(42, AT_ONCE).await?;
        browser.shows(&page, Count(42), event + AT_ONCE).await?;
        drop(crowd);
        let event = viewer.hears(2, AT_ONCE).await?;
        browser.shows(&page, Count(2), event + AT_ONCE).await?;
    }
    Ok(())
}

/// A site's pages have the first line of the tag only, so Chromium keeps those that were left for a minute, with their
/// streams. Open pages pile up, but their visitor is one all the time.
pub(crate) async fn pages_left_behind_are_no_visitors(browser: Browser) -> Outcome {
    const CLICKS: u64 = 4;
    let counter = Counter::start(browser.engine.repaint())?;
    let site = Site::start(&counter).await?;
    let first = site.url("/visitors/1");
    let mut pages = Viewer::watch(&counter, "/online.png?peek=1", &first).await?;
    let visitors = Viewer::watch(&counter, "/online.png?peek=1&count=visitors", &first).await?;
    let page = browser.first().await?;
    browser.go(&page, &first).await?;
    for clicked in 0..=CLICKS {
        browser.paints(&page).await?;
        browser.shows(&page, Count(1), Instant::now() + AT_ONCE).await?;
        if browser.engine == Engine::Chromium {
            pages.hears(clicked + 1, AT_ONCE).await?;
        }
        if clicked < CLICKS {
            browser.click(&page, "#next").await?;
        }
    }
    if browser.engine != Engine::Chromium {
        pages.hears(1, browser.engine.uncounts_within()).await?;
    }
    let seen = visitors.all()?;
    let none_or_one = |seen: &Seen| matches!(seen, Seen::Picture(Count(0 | 1)));
    assert!(seen.iter().all(none_or_one) && seen.last() == Some(&Seen::Picture(Count(1))), "{seen:?}");
    Ok(())
}

/// Two open tabs, and two pages that are loaded in advance: these are counted when they are shown, though Chromium asks for
/// their picture with `Sec-Purpose: prefetch;prerender` then. They are in browsers that no driver is attached to, as Chromium
/// prerenders nothing under one.
pub(crate) async fn prerendered_pages_count_once_shown(browser: Browser) -> Outcome {
    let counter = Counter::start(NEVER)?;
    let site = Site::start(&counter).await?;
    let mut viewer = Viewer::watch(&counter, "/online.png?peek=1", &site.url("/")).await?;
    let mut open = vec![browser.first().await?];
    browser.go(&open[0], &site.url("/1")).await?;
    browser.paints(&open[0]).await?;
    open.push(browser.open(Place::Tab, &site.url("/1")).await?);
    viewer.hears(2, AT_ONCE).await?;
    let _left_alone = [Undriven::open(&site.url("/prerender"))?, Undriven::open(&site.url("/prerender"))?];
    site.has_prerendered(2).await?;
    // Had they been counted as they loaded, 3 or 4 would be painted by now.
    browser.shows(&open[1], Count(2), Instant::now() + AT_ONCE).await?;
    assert_eq!(viewer.all()?.last(), Some(&Seen::Picture(Count(2))));
    site.show_prerendered().await?;
    let shown = Instant::now();
    let event = viewer.hears(3, AT_ONCE).await?;
    for page in &open {
        browser.shows(page, Count(3), event + AT_ONCE).await?;
    }
    figures::print(
        &browser,
        "prerendered page shown to counted",
        vec![event.saturating_duration_since(shown)],
    )?;
    Ok(())
}

/// A page of another site reads the live picture off a canvas.
pub(crate) async fn a_script_reads_the_picture(browser: Browser) -> Outcome {
    const DRAW: &str = "const context = document.createElement('canvas').getContext('2d'); \
         context.drawImage(document.images[0], 0, 0); \
         return String(context.getImageData(0, 0, 200, 30).data.some(byte => byte > 0))";
    let counter = Counter::start(NEVER)?;
    let site = Site::start(&counter).await?;
    let page = browser.first().await?;
    browser.go(&page, &site.url("/canvas")).await?;
    browser.paints(&page).await?;
    browser.returns(&page, DRAW, "true").await?;
    let mut viewer = Viewer::join(&counter, &site.url("/")).await?;
    let event = viewer.hears(2, AT_ONCE).await?;
    browser.shows(&page, Count(2), event + AT_ONCE).await?;
    browser.returns(&page, DRAW, "true").await
}

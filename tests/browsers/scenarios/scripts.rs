//! Pages with scripts: `<online-count>` from `/onlookers.js`, on another site than the counter's.

use std::time::{Duration, Instant};

use onlookers_picture::Value::Count;

use crate::browser::{Browser, Place};
use crate::counter::Counter;
use crate::engine::{AT_ONCE, Engine, NEVER};
use crate::sites::Site;
use crate::viewer::Viewer;
use crate::{Outcome, figures};

/// Times that a visitor leaves in one scenario.
const TIMES: usize = 5;

/// No repaint helps: in each engine, Firefox too, a stream of events ends with its page.
pub(crate) async fn two_windows_see_each_other_come_and_go(browser: Browser) -> Outcome {
    let counter = Counter::start(NEVER)?;
    let site = Site::start(&counter).await?;
    let mut viewer = Viewer::join(&counter, &site.url("/")).await?;
    let stays = browser.first().await?;
    browser.go(&stays, &site.url("/element")).await?;
    browser.says(&stays, "2", Instant::now() + AT_ONCE).await?;
    let (mut come, mut gone) = (vec![], vec![]);
    for _ in 0..TIMES {
        let other = browser.open(Place::Window, &site.url("/element")).await?;
        let event = viewer.hears(3, AT_ONCE).await?;
        browser.says(&other, "3", event + AT_ONCE).await?;
        come.push(browser.says(&stays, "3", event + AT_ONCE).await? - event);
        let closed = browser.close(other).await?;
        let event = viewer.hears(2, AT_ONCE).await?;
        gone.push(event - closed);
        browser.says(&stays, "2", event + AT_ONCE).await?;
    }
    figures::print(&browser, "<online-count>: counted to shown in the other window", come)?;
    figures::print(&browser, "<online-count>: closed to uncounted", gone)?;
    Ok(())
}

/// Without the embed that keeps Chromium from storing the page: it is stored, and isn't counted while it waits.
pub(crate) async fn a_link_away_and_back_through_the_cache(browser: Browser) -> Outcome {
    let counter = Counter::start(NEVER)?;
    let site = Site::start(&counter).await?;
    let mut viewer = Viewer::join(&counter, &site.url("/")).await?;
    let page = browser.first().await?;
    browser.go(&page, &site.url("/element")).await?;
    let (mut uncounted, mut counted) = (vec![], vec![]);
    for _ in 0..TIMES {
        browser.says(&page, "2", viewer.hears(2, AT_ONCE).await? + AT_ONCE).await?;
        browser.run_script(&page, "window.stored = true").await?;
        let clicked = browser.click(&page, "#away").await?;
        uncounted.push(viewer.hears(1, AT_ONCE).await? - clicked);
        let before = Instant::now();
        browser.back(&page).await?;
        counted.push(viewer.hears(2, AT_ONCE * 2).await? - before);
        let stored = browser.run_script(&page, "return window.stored === true").await? == true;
        // Under its driver, Firefox stores no page, not even one without anything.
        assert_eq!(stored, browser.engine != Engine::Firefox, "whether the page was stored");
    }
    browser.says(&page, "2", Instant::now() + AT_ONCE).await?;
    figures::print(&browser, "<online-count>: link clicked to uncounted", uncounted)?;
    figures::print(&browser, "<online-count>: going back to counted", counted)?;
    Ok(())
}

/// The counter goes and comes back: the page says that its number is old, then has the new one.
pub(crate) async fn an_outage_heals(browser: Browser) -> Outcome {
    let mut counter = Counter::start(NEVER)?;
    let site = Site::start(&counter).await?;
    let page = browser.first().await?;
    browser.go(&page, &site.url("/element")).await?;
    browser.says(&page, "1", Instant::now() + AT_ONCE).await?;
    counter.terminate(AT_ONCE * 10).await?;
    let event = Instant::now();
    while browser.run_script(&page, "return document.querySelector('online-count').matches('[live]')").await?
        == true
    {
        assert!(event.elapsed() < AT_ONCE, "the old number is shown as if it was live");
    }
    browser.says(&page, "1", event + AT_ONCE).await?;
    counter.restart()?;
    let back = Instant::now();
    let mut viewer = Viewer::join(&counter, &site.url("/")).await?;
    // At the latest twice after the 6 s that the server asks for at most, and once more.
    let event = viewer.hears(2, Duration::from_secs(40)).await?;
    browser.says(&page, "2", event + AT_ONCE).await?;
    figures::print(&browser, "<online-count>: the counter is back to counted", vec![event - back])?;
    Ok(())
}

/// Where a policy of the page's forbids all connections but pictures', the picture is there.
pub(crate) async fn the_picture_where_events_are_forbidden(browser: Browser) -> Outcome {
    let counter = Counter::start(browser.engine.repaint())?;
    let site = Site::start(&counter).await?;
    let page = browser.first().await?;
    browser.go(&page, &site.url("/forbidden")).await?;
    let begun = Instant::now();
    while browser.run_script(&page, "return document.querySelector('online-count img') === null").await?
        == true
    {
        assert!(begun.elapsed() < AT_ONCE, "no picture");
    }
    browser.paints(&page).await?;
    let mut viewer = Viewer::join(&counter, &site.url("/")).await?;
    let event = viewer.hears(2, AT_ONCE).await?;
    browser.shows(&page, Count(2), event + AT_ONCE).await?;
    // The picture's stream ends with the page, as that of events does.
    browser.click(&page, "#away").await?;
    viewer.hears(1, browser.engine.uncounts_within()).await?;
    Ok(())
}

/// As in an application of one page: the element moves to another page's count, goes, and comes again.
pub(crate) async fn an_element_that_moves(browser: Browser) -> Outcome {
    let counter = Counter::start(NEVER)?;
    let site = Site::start(&counter).await?;
    let mut viewer = Viewer::join(&counter, &site.url("/")).await?;
    let page = browser.first().await?;
    browser.go(&page, &site.url("/element")).await?;
    browser.says(&page, "2", viewer.hears(2, AT_ONCE).await? + AT_ONCE).await?;
    browser.run_script(&page, "document.querySelector('online-count').setAttribute('page', '/a')").await?;
    browser.says(&page, "1", Instant::now() + AT_ONCE).await?;
    viewer.hears(2, AT_ONCE).await?;
    browser.run_script(&page, "window.gone = document.querySelector('online-count'); gone.remove()").await?;
    viewer.hears(1, AT_ONCE).await?;
    browser.run_script(&page, "document.body.append(gone)").await?;
    viewer.hears(2, AT_ONCE).await?;
    browser.says(&page, "1", Instant::now() + AT_ONCE).await?;
    Ok(())
}

/// In an application of one page, `page="auto"` follows its navigation, forth and back.
pub(crate) async fn an_application_of_one_page(browser: Browser) -> Outcome {
    let counter = Counter::start(NEVER)?;
    let site = Site::start(&counter).await?;
    let page = browser.first().await?;
    browser.go(&page, &site.url("/element")).await?;
    let mut whole = Viewer::watch(&counter, "/online.png?peek=1", &site.url("/")).await?;
    let mut first = Viewer::watch(&counter, "/online.png?peek=1&page=/element", &site.url("/")).await?;
    let mut next = Viewer::watch(&counter, "/online.png?peek=1&page=/next", &site.url("/")).await?;
    browser.run_script(&page, "document.querySelector('online-count').setAttribute('page', 'auto')").await?;
    first.hears(1, AT_ONCE).await?;
    for _ in 0..TIMES {
        browser.run_script(&page, "history.pushState(null, '', '/next?a#b')").await?;
        next.hears(1, AT_ONCE).await?;
        first.hears(0, AT_ONCE).await?;
        browser.run_script(&page, "history.back()").await?;
        first.hears(1, AT_ONCE).await?;
        next.hears(0, AT_ONCE).await?;
    }
    whole.hears(1, AT_ONCE).await?;
    browser.says(&page, "1", Instant::now() + AT_ONCE).await?;
    Ok(())
}

/// The page that shows what the module can do, under its own policy.
pub(crate) async fn the_demo_page_of_the_module(browser: Browser) -> Outcome {
    let counter = Counter::start(NEVER)?;
    let demo = counter.url("/live");
    let mut pages = vec![browser.first().await?];
    browser.go(&pages[0], &demo).await?;
    browser.says(&pages[0], "1", Instant::now() + AT_ONCE).await?;
    pages.push(browser.open(Place::Window, &demo).await?);
    for page in &pages {
        browser.says(page, "2", Instant::now() + AT_ONCE).await?;
    }
    // The other is on the list of readers, so the strip is shown and loads: in WebKit, once the window is painted.
    let pictures = "return [...document.images].map(image => image.naturalWidth > 0).join()";
    browser.returns(&pages[1], pictures, "true,true").await?;
    Ok(())
}

/// Two windows with `presence` see each other come, scroll, say a name, and go.
pub(crate) async fn two_readers_see_each_other_come_scroll_and_go(browser: Browser) -> Outcome {
    const READERS: &str = "return [...document.querySelectorAll('#list li')]\
        .map(li => `${li.children[0].textContent} ${li.children[1].value.toFixed(1)}`).join()";
    const SCROLL: &str = "document.body.style.height = '9000px'; \
        addEventListener('scroll', () => document.title = 'scrolled'); \
        scrollTo(0, (document.documentElement.scrollHeight - innerHeight) / 2); \
        dispatchEvent(new Event('scroll'))";
    const NAME: &str = "const name = document.querySelector('#name'); name.value = '<b>Ada'; \
        name.dispatchEvent(new Event('change'))";
    let counter = Counter::start(NEVER)?;
    let demo = counter.url("/live");
    let stays = browser.first().await?;
    browser.go(&stays, &demo).await?;
    browser.says(&stays, "1", Instant::now() + AT_ONCE).await?;
    browser.returns(&stays, READERS, "").await?;
    let other = browser.open(Place::Window, &demo).await?;
    browser.says(&stays, "2", Instant::now() + AT_ONCE).await?;
    browser.returns(&stays, READERS, "somebody 0.0").await?;
    browser.returns(&other, READERS, "somebody 0.0").await?;
    browser.run_script(&other, SCROLL).await?;
    // A window tells its page so when it is painted next, which may be late where nobody looks; so the script does.
    browser.returns(&other, "return document.title", "scrolled").await?;
    browser.returns(&stays, READERS, "somebody 0.5").await?;
    browser.run_script(&other, NAME).await?;
    browser.returns(&stays, READERS, "<b>Ada 0.5").await?;
    browser.close(other).await?;
    browser.returns(&stays, READERS, "").await?;
    browser.says(&stays, "1", Instant::now() + AT_ONCE).await?;
    Ok(())
}

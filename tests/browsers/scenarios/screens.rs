//! Dense screens: the picture is sharp and live there, over one stream, counted once.

use std::time::Instant;

use onlookers_picture::Value::Count;
use serde_json::json;

use crate::Outcome;
use crate::browser::{Browser, Page, Place};
use crate::counter::Counter;
use crate::engine::{AT_ONCE, NEVER};
use crate::painted::Seen;
use crate::sites::Site;
use crate::viewer::Viewer;

/// The tag, the frame, the element where it has to show the picture, and the demo page. Each is sharp: a picture that the engine
/// has enlarged is none that was sent.
pub(crate) async fn each_tag_is_sharp_and_counted_once(browser: Browser) -> Outcome {
    let counter = Counter::start(NEVER)?;
    let site = Site::start(&counter).await?;
    let mut viewer = Viewer::watch(&counter, "/online.png?peek=1", &site.url("/")).await?;
    let mut pages = vec![browser.first().await?];
    // Alone: its gallery needs connections, of which a host has six.
    browser.go(&pages[0], &counter.url("/")).await?;
    browser.shows(&pages[0], Count(1), Instant::now() + AT_ONCE).await?;
    browser.go(&pages[0], &site.url("/1")).await?;
    for path in ["/framed", "/forbidden"] {
        browser.paints(pages.last().ok_or("no page")?).await?;
        pages.push(browser.open(Place::Tab, &site.url(path)).await?);
    }
    let event = viewer.hears(3, AT_ONCE).await?;
    for page in &pages {
        browser.shows(page, Count(3), event + AT_ONCE).await?;
    }
    let seen = viewer.all()?;
    assert!(seen.iter().all(|seen| matches!(seen, Seen::Picture(Count(0..=3)))), "{seen:?}");
    Ok(())
}

/// A window that is moved to a screen of another density, and back. Chromium takes the sharper picture there, or doesn't; for a
/// moment it may have two streams, and then one again.
pub(crate) async fn a_window_moves_between_screens(browser: Browser) -> Outcome {
    let counter = Counter::start(NEVER)?;
    let site = Site::start(&counter).await?;
    let page = browser.first().await?;
    browser.go(&page, &site.url("/1")).await?;
    browser.paints(&page).await?;
    let mut viewer = Viewer::join(&counter, &site.url("/")).await?;
    viewer.hears(2, AT_ONCE).await?;
    move_to_screen(&browser, &page, 2).await?;
    let another = Viewer::join(&counter, &site.url("/")).await?;
    viewer.hears(3, AT_ONCE).await?;
    move_to_screen(&browser, &page, 1).await?;
    drop(another);
    viewer.hears(2, AT_ONCE).await?;
    browser.close(page).await?;
    viewer.hears(1, AT_ONCE).await?;
    Ok(())
}

/// Moves Chromium's window to a screen with this many pixels to a CSS pixel.
async fn move_to_screen(browser: &Browser, page: &Page, scale: u8) -> Outcome {
    let screen = json!({ "width": 800, "height": 600, "deviceScaleFactor": scale, "mobile": false });
    browser.command(page, "Emulation.setDeviceMetricsOverride", screen).await?;
    Ok(())
}

//! Pages over https, with the server's own TLS.

use std::time::Instant;

use onlookers_picture::Value::Count;

use crate::Outcome;
use crate::browser::{Browser, Page, Place};
use crate::counter::Counter;
use crate::engine::AT_ONCE;
use crate::viewer::Viewer;

/// How many connections a browser needs for any number of tabs: three that speak HTTP/1.1, one with HTTP/2, and up to two that
/// it opens in advance.
const MOST_CONNECTIONS: usize = 6;

/// The first tabs have connections of their own, and all others share one. Without HTTP/2 the seventh would stall.
pub(crate) async fn fourteen_tabs_over_https(browser: Browser) -> Outcome {
    let counter = Counter::start_secure(browser.engine.repaint())?;
    let demo = counter.secure_url("/")?;
    let mut viewer = Viewer::join(&counter, &demo).await?;
    let mut pages = vec![browser.first().await?];
    browser.go(&pages[0], &demo).await?;
    for tabs in [1, 3, 6, 14] {
        open_up_to(tabs, &mut pages, &browser, &demo).await?;
        are_live(&pages, &browser, &mut viewer).await?;
        let connections = counter.secure_connections()?;
        let wanted = tabs.min(3)..=MOST_CONNECTIONS;
        assert!(wanted.contains(&connections), "{connections} connections for {tabs} tabs");
    }
    // The first ones among them, and some of those that share a connection.
    for _ in 0..4 {
        browser.close(pages.remove(0)).await?;
        browser.close(pages.remove(pages.len() / 2)).await?;
    }
    are_live(&pages, &browser, &mut viewer).await?;
    open_up_to(14, &mut pages, &browser, &demo).await?;
    are_live(&pages, &browser, &mut viewer).await?;
    for link in 0..10 {
        browser.go(&pages[0], &format!("{demo}?{link}")).await?;
        browser.paints(&pages[0]).await?;
    }
    are_live(&pages, &browser, &mut viewer).await?;
    Ok(())
}

async fn open_up_to(tabs: usize, pages: &mut Vec<Page>, browser: &Browser, url: &str) -> Outcome {
    while pages.len() < tabs {
        pages.push(browser.open(Place::Tab, url).await?);
        browser.paints(&pages[pages.len() - 1]).await?;
    }
    Ok(())
}

/// Each page shows that all of them are open, and the viewer.
async fn are_live(pages: &[Page], browser: &Browser, viewer: &mut Viewer) -> Outcome {
    let count = pages.len() as u64 + 1;
    viewer.hears(count, browser.engine.uncounts_within() + AT_ONCE).await?;
    for page in pages {
        browser.shows(page, Count(count), Instant::now() + AT_ONCE).await?;
    }
    Ok(())
}

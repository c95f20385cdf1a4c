//! The program is upgraded while pages are open: each keeps its picture, which goes on changing.

use std::time::{Duration, Instant};

use onlookers_picture::Value::Count;

use crate::Outcome;
use crate::browser::{Browser, Page, Place};
use crate::counter::Counter;
use crate::engine::AT_ONCE;
use crate::painted::Seen;
use crate::viewer::Viewer;

/// For how long after an upgrade each look has to see a number.
const LOOKED_AT: Duration = Duration::from_secs(1);

/// How many upgrades come one after the other.
const UPGRADES: u64 = 2;

/// So many tabs that some of them share a connection of HTTP/2.
const WITH_HTTP_2: usize = 6;

/// How the browser reaches the counter.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum By {
    Http,
    /// With HTTP/1.1 alone.
    Https,
    /// With what the server offers by itself: HTTP/2, too, to a client that has three connections.
    HttpsWithAuto,
}

/// One tab, plain.
pub(crate) async fn a_tab_stays_over_an_upgrade(browser: Browser) -> Outcome {
    pages_stay(&browser, By::Http, 1).await
}

pub(crate) async fn three_tabs_stay_over_an_upgrade(browser: Browser) -> Outcome {
    pages_stay(&browser, By::Http, 3).await
}

pub(crate) async fn a_tab_over_https_stays_over_an_upgrade(browser: Browser) -> Outcome {
    pages_stay(&browser, By::Https, 1).await
}

pub(crate) async fn three_tabs_over_https_stay_over_an_upgrade(browser: Browser) -> Outcome {
    pages_stay(&browser, By::Https, 3).await
}

pub(crate) async fn a_tab_with_any_protocol_stays_over_an_upgrade(browser: Browser) -> Outcome {
    pages_stay(&browser, By::HttpsWithAuto, 1).await
}

pub(crate) async fn three_tabs_with_any_protocol_stay_over_an_upgrade(browser: Browser) -> Outcome {
    pages_stay(&browser, By::HttpsWithAuto, 3).await
}

/// HTTP/2 stays with the old process.
pub(crate) async fn tabs_with_http_2_stay_over_an_upgrade(browser: Browser) -> Outcome {
    pages_stay(&browser, By::HttpsWithAuto, WITH_HTTP_2).await
}

async fn pages_stay(browser: &Browser, by: By, tabs: usize) -> Outcome {
    let folder = tempfile::tempdir()?;
    let control = folder.path().join("control");
    let alpn = if by == By::HttpsWithAuto { "auto" } else { "http/1.1" };
    let path = control.to_str().ok_or("a folder with an odd name")?;
    let more = ["--alpn", alpn, "--control", path];
    let mut counter = Counter::start_secure_with(browser.engine.repaint(), &more)?;
    let demo = if by == By::Http { counter.url("/") } else { counter.secure_url("/")? };
    let mut viewer = Viewer::join(&counter, &demo).await?;
    let mut pages = vec![browser.first().await?];
    browser.go(&pages[0], &demo).await?;
    browser.paints(&pages[0]).await?;
    while pages.len() < tabs {
        pages.push(browser.open(Place::Tab, &demo).await?);
        browser.paints(&pages[pages.len() - 1]).await?;
    }
    let all = tabs as u64 + 1;
    show(browser, &pages, all, viewer.hears(all, AT_ONCE * 2).await?).await?;
    for upgrade in 1..=UPGRADES {
        counter.upgrade(&control)?;
        let upgraded = Instant::now();
        // No page is blank, or shows another number.
        while upgraded.elapsed() < LOOKED_AT {
            for page in &pages {
                assert_eq!(browser.sees(page).await?, Seen::Picture(Count(all)), "{:?}", upgraded.elapsed());
            }
        }
        if tabs == WITH_HTTP_2 {
            assert!(counter.first_runs()?, "after {upgrade} upgrades, for the tabs that share a connection");
        }
        // And each goes on to change, whichever process has it.
        let newcomer = Viewer::join(&counter, &demo).await?;
        show(browser, &pages, all + 1, viewer.hears(all + 1, AT_ONCE).await?).await?;
        drop(newcomer);
        show(browser, &pages, all, viewer.hears(all, AT_ONCE).await?).await?;
    }
    // The connections of before are those of now: a browser that had asked again would have been counted twice for a moment.
    let numbers: Vec<_> =
        viewer.all()?.into_iter().skip_while(|seen| *seen != Seen::Picture(Count(all))).collect();
    let known = [all, all + 1].map(|count| Seen::Picture(Count(count)));
    assert!(numbers.iter().all(|seen| known.contains(seen)), "{numbers:?}");
    Ok(())
}

/// Each page shows the number soon after the event.
async fn show(browser: &Browser, pages: &[Page], count: u64, event: Instant) -> Outcome {
    for page in pages {
        // The driver takes its time to bring each tab to the front.
        browser.shows(page, Count(count), event.max(Instant::now()) + AT_ONCE).await?;
    }
    Ok(())
}

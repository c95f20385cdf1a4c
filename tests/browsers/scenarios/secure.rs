//! Pages over https, with the server's own TLS.

use std::time::{Duration, Instant};

use onlookers_picture::Value::Count;

use crate::Outcome;
use crate::browser::{Browser, Page, Place};
use crate::counter::Counter;
use crate::driver::PATIENCE;
use crate::engine::{AT_ONCE, NEVER};
use crate::figures;
use crate::sites::Site;
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
        are_live(&[(&browser, &pages)], &mut viewer).await?;
        let connections = counter.secure_connections()?;
        let wanted = tabs.min(3)..=MOST_CONNECTIONS;
        assert!(wanted.contains(&connections), "{connections} connections for {tabs} tabs");
        let taken_over = counter.taken_over()?;
        assert!(browser.engine.taken_over(tabs).contains(&taken_over), "{taken_over} of {tabs} tabs");
    }
    // The first ones among them, and some of those that share a connection.
    for _ in 0..4 {
        browser.close(pages.remove(0)).await?;
        browser.close(pages.remove(pages.len() / 2)).await?;
    }
    are_live(&[(&browser, &pages)], &mut viewer).await?;
    open_up_to(14, &mut pages, &browser, &demo).await?;
    are_live(&[(&browser, &pages)], &mut viewer).await?;
    for link in 0..10 {
        browser.go(&pages[0], &format!("{demo}?{link}")).await?;
        browser.paints(&pages[0]).await?;
    }
    are_live(&[(&browser, &pages)], &mut viewer).await?;
    Ok(())
}

/// To the server they are one visitor: the second one finds the connections of HTTP/1.1 taken.
pub(crate) async fn two_browsers_on_one_address(browser: Browser) -> Outcome {
    let counter = Counter::start_secure(browser.engine.repaint())?;
    let demo = counter.secure_url("/")?;
    let mut viewer = Viewer::join(&counter, &demo).await?;
    let mut pages = vec![browser.first().await?];
    browser.go(&pages[0], &demo).await?;
    open_up_to(3, &mut pages, &browser, &demo).await?;
    Browser::run(browser.engine, async |other| {
        let mut others = vec![other.first().await?];
        other.go(&others[0], &demo).await?;
        for tabs in [1, 4, 7] {
            open_up_to(tabs, &mut others, &other, &demo).await?;
            are_live(&[(&browser, &pages), (&other, &others)], &mut viewer).await?;
        }
        open_up_to(7, &mut pages, &browser, &demo).await?;
        are_live(&[(&browser, &pages), (&other, &others)], &mut viewer).await?;
        for _ in 0..3 {
            browser.close(pages.remove(0)).await?;
        }
        open_up_to(8, &mut others, &other, &demo).await?;
        are_live(&[(&browser, &pages), (&other, &others)], &mut viewer).await
    })
    .await;
    are_live(&[(&browser, &pages)], &mut viewer).await
}

/// A connection that speaks HTTP/1.1, as those of a browser's first three tabs do, is taken over with its keys: hyper and rustls
/// would keep some 17 KiB of each. With few connections, half of what is measured is what the first handshakes leave once
/// and for all; benches/fanout.rs has the price of ten thousand. The browser takes each address of loopback for another
/// host, so it opens many.
pub(crate) async fn a_picture_costs_little(browser: Browser) -> Outcome {
    const MOST_KIB: f64 = 8.0;
    const PICTURES: usize = 200;
    const WARM: usize = 5;
    let counter = Counter::start_secure_with(NEVER, &["--alpn", "http/1.1"])?;
    let site = Site::start(&counter).await?;
    let page = browser.first().await?;
    browser.go(&page, &site.url("/bare")).await?;
    let port = counter.secure_port()?;
    add_pictures(WARM, port, &page, &browser).await?;
    until(|| Ok(counter.taken_over()? == WARM)).await?;
    let before = counter.own_memory()?;
    add_pictures(PICTURES, port, &page, &browser).await?;
    until(|| Ok(counter.taken_over()? == WARM + PICTURES)).await?;
    // The program gives memory back that handshakes have taken once enough connections have gone.
    drop(counter.connect(300).await?);
    let each = || -> Outcome<f64> {
        Ok(counter.own_memory()?.saturating_sub(before) as f64 / 1024.0 / PICTURES as f64)
    };
    until(|| Ok(each()? < MOST_KIB)).await?;
    let figure = format!("{:.2} KiB, of {PICTURES}", each()?);
    figures::print_one(&browser, "memory of a picture over https", &figure)
}

/// Looks until that is so.
async fn until(holds: impl Fn() -> Outcome<bool>) -> Outcome {
    let by = Instant::now() + PATIENCE;
    while !holds()? {
        assert!(Instant::now() < by, "it isn't so");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Ok(())
}

/// Five for each host.
async fn add_pictures(pictures: usize, port: u16, page: &Page, browser: &Browser) -> Outcome {
    let script = format!(
        "for (let n = 0; n < {pictures}; n++) {{ const img = new Image(); \
         img.src = `https://127.0.{pictures}.${{1 + Math.floor(n / 5)}}:{port}/online.png?peek=1&n=${{n}}`; \
         document.body.append(img); }}"
    );
    browser.run_script(page, &script).await?;
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
async fn are_live(open: &[(&Browser, &[Page])], viewer: &mut Viewer) -> Outcome {
    let count = open.iter().map(|(_, pages)| pages.len() as u64).sum::<u64>() + 1;
    let engine = open[0].0.engine;
    viewer.hears(count, engine.uncounts_within() + AT_ONCE).await?;
    for (browser, pages) in open {
        for page in *pages {
            browser.shows(page, Count(count), Instant::now() + AT_ONCE).await?;
        }
    }
    Ok(())
}

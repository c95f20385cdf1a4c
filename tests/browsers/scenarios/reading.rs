//! Where in a page its reader is, without a script on the page.

use onlookers_picture::Strip;

use crate::browser::{Browser, Place};
use crate::counter::Counter;
use crate::engine::AT_ONCE;
use crate::sites::Site;
use crate::viewer::Viewer;
use crate::{Outcome, figures};

/// The marks on a page are pictures that a browser loads when they come near the window.
pub(crate) async fn a_strip_follows_a_scrolling_reader(browser: Browser) -> Outcome {
    let counter = Counter::start(browser.engine.repaint())?;
    let site = Site::start(&counter).await?;
    let url = site.url("/read");
    let mut strip = Viewer::watch(&counter, "/reading.png?page=/read", &url).await?;
    let _first = browser.first().await?;
    let page = browser.open(Place::Window, &url).await?;
    strip.sees(&strip_of(&[0.0]), AT_ONCE).await?;
    let mut followed = vec![];
    for at in [10, 50, 100] {
        let scrolled = browser.scroll_to(&page, &format!("#at{at}")).await?;
        followed.push(strip.sees(&strip_of(&[at as f32 / 100.0]), AT_ONCE).await? - scrolled);
    }
    figures::print(&browser, "scrolled to on the strip", followed)?;
    browser.close(page).await?;
    strip.sees(&strip_of(&[]), browser.engine.uncounts_within()).await?;
    Ok(())
}

fn strip_of(positions: &[f32]) -> Vec<u8> {
    let strip = Strip::default();
    strip.paint(&strip.heat(positions.iter().copied())).to_vec()
}

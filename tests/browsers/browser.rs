//! One browser under its driver: pages are opened, left and looked at.

use std::path::Path;
use std::time::{Duration, Instant};

use onlookers_picture::Value;
use serde_json::{Value as Json, json};
use thirtyfour::prelude::*;

use crate::Outcome;
use crate::driver::{self, PATIENCE};
use crate::engine::{AT_ONCE, Engine};
use crate::painted::{Pixels, Rectangle, Seen};

/// How long a loaded page may take to show its first number. That time is the browser's: on a busy machine a new window
/// of WebKit's took up to 3 s to be painted at all. Far longer, and a page would seem to work that does not: without the
/// redirect to a URL of its own, a second Firefox tab is blank for some twenty seconds and then shows the number.
const FIRST_PAINT: Duration = Duration::from_secs(6);

pub(crate) struct Browser {
    pub(crate) engine: Engine,
    driver: WebDriver,
}

/// A page's tab or window.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Page(WindowHandle);

/// Where a new page opens.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Place {
    Tab,
    Window,
}

impl Browser {
    /// Runs a scenario in a browser of its own, and ends the browser however the scenario ended.
    pub(crate) async fn run(engine: Engine, scenario: impl AsyncFnOnce(Self) -> Outcome) {
        Self::run_at_scale(1, engine, scenario).await;
    }

    /// Likewise on a screen with this many pixels to a CSS pixel.
    pub(crate) async fn run_at_scale(scale: u8, engine: Engine, scenario: impl AsyncFnOnce(Self) -> Outcome) {
        let (_processes, driver) = driver::start(engine, scale).await.expect("a browser and its driver");
        let outcome = driver.run_and_quit(async |driver| scenario(Self { engine, driver }).await).await;
        outcome.unwrap_or_else(|error| panic!("{engine:?}: {error}"));
    }

    /// The engine and its version.
    pub(crate) fn name(&self) -> String {
        let version = self.driver.capabilities().get("browserVersion").and_then(|version| version.as_str());
        format!("{:?} {}", self.engine, version.unwrap_or_default())
    }

    /// The page that the browser began with.
    pub(crate) async fn first(&self) -> Outcome<Page> {
        Ok(Page(self.driver.window().await?))
    }

    /// Opens one more page and waits for its load event.
    pub(crate) async fn open(&self, place: Place, url: &str) -> Outcome<Page> {
        let page = Page(match place {
            Place::Tab if self.engine.shows_new_tabs() => self.driver.new_tab().await?,
            _ => self.driver.new_window().await?,
        });
        self.go(&page, url).await?;
        Ok(page)
    }

    /// Opens one more page in a tab that stays behind `front`, as people do by clicking a link with Ctrl.
    pub(crate) async fn open_behind(&self, front: &Page, url: &str) -> Outcome<Page> {
        self.switch(front).await?;
        if !self.engine.shows_new_tabs() {
            let page = Page(self.driver.new_tab().await?);
            self.go(&page, url).await?;
            return Ok(page);
        }
        let before = self.driver.windows().await?;
        let link = self.add_link(front, url).await?;
        self.driver
            .action_chain()
            .key_down(Key::Control)
            .click_element(&link)
            .key_up(Key::Control)
            .perform()
            .await?;
        let begun = Instant::now();
        loop {
            if let Some(new) =
                self.driver.windows().await?.into_iter().find(|window| !before.contains(window))
            {
                return Ok(Page(new));
            }
            assert!(begun.elapsed() < PATIENCE, "a click with Ctrl opened no tab");
        }
    }

    /// As if the address was typed; waits for the load event.
    pub(crate) async fn go(&self, page: &Page, url: &str) -> Outcome {
        self.switch(page).await?;
        self.driver.goto(url).await?;
        self.loaded().await
    }

    pub(crate) async fn reload(&self, page: &Page) -> Outcome {
        self.switch(page).await?;
        self.driver.refresh().await?;
        self.loaded().await
    }

    pub(crate) async fn back(&self, page: &Page) -> Outcome {
        self.switch(page).await?;
        Ok(self.driver.back().await?)
    }

    /// Waits until a page that was just loaded shows a number, whichever.
    pub(crate) async fn paints(&self, page: &Page) -> Outcome {
        self.switch(page).await?;
        let by = Instant::now() + FIRST_PAINT;
        loop {
            let begun = Instant::now();
            let (seen, picture) = self.look().await?;
            if matches!(seen, Seen::Picture(_)) {
                return Ok(());
            }
            if begun > by {
                return Err(
                    format!("a loaded page shows {seen}, not a number; see {}", keep(&picture)?).into()
                );
            }
        }
    }

    /// Clicks the link and waits for the page that it leads to. Gives the time just before the click.
    pub(crate) async fn click(&self, page: &Page, link: &str) -> Outcome<Instant> {
        self.switch(page).await?;
        let link = self.driver.find(By::Css(link)).await?;
        let to = link.prop("href").await?.ok_or("a link without an address")?;
        let before = Instant::now();
        link.click().await?;
        while self.driver.current_url().await?.as_str() != to {
            assert!(before.elapsed() < PATIENCE, "a click did not lead to {to}");
        }
        self.loaded().await?;
        Ok(before)
    }

    /// Puts a link with the id `away` on the page, for pages that have none.
    pub(crate) async fn add_link(&self, page: &Page, to: &str) -> Outcome<WebElement> {
        const SCRIPT: &str = "const a = document.createElement('a'); a.id = 'away'; a.href = arguments[0]; \
                              a.textContent = 'away'; document.body.prepend(a);";
        self.switch(page).await?;
        self.driver.execute(SCRIPT, vec![json!(to)]).await?;
        Ok(self.driver.find(By::Css("#away")).await?)
    }

    /// Scrolls until what `selector` finds is at the window's upper edge. Gives the time just before.
    pub(crate) async fn scroll_to(&self, page: &Page, selector: &str) -> Outcome<Instant> {
        self.switch(page).await?;
        let before = Instant::now();
        let script = "document.querySelector(arguments[0]).scrollIntoView()";
        self.driver.execute(script, vec![json!(selector)]).await?;
        Ok(before)
    }

    pub(crate) async fn close(&self, page: Page) -> Outcome<Instant> {
        self.switch(&page).await?;
        let before = Instant::now();
        self.driver.close_window().await?;
        Ok(before)
    }

    /// Sees the page show the value, and gives the time of the look that saw it. The page is looked at again and again;
    /// the first look that began later than `by` decides, however long the driver took for it.
    pub(crate) async fn shows(&self, page: &Page, value: Value, by: Instant) -> Outcome<Instant> {
        self.switch(page).await?;
        loop {
            let begun = Instant::now();
            let (seen, picture) = self.look().await?;
            if seen == Seen::Picture(value) {
                return Ok(Instant::now());
            }
            if begun > by {
                let kept = keep(&picture)?;
                return Err(format!("the page shows {seen}, not {}; see {kept}", Seen::Picture(value)).into());
            }
        }
    }

    /// Sees the page's `<online-count>` say `text`, and gives the time of the look that saw it, as [`Self::shows`] does.
    pub(crate) async fn says(&self, page: &Page, text: &str, by: Instant) -> Outcome<Instant> {
        const SCRIPT: &str = "return document.querySelector('online-count').textContent";
        loop {
            let begun = Instant::now();
            let said = self.run_script(page, SCRIPT).await?;
            if said == text {
                return Ok(Instant::now());
            }
            if begun > by {
                return Err(format!("the page says {said}, not {text:?}").into());
            }
        }
    }

    /// Sees the script return `text` on the page, soon.
    pub(crate) async fn returns(&self, page: &Page, script: &str, text: &str) -> Outcome {
        let by = Instant::now() + AT_ONCE;
        loop {
            let begun = Instant::now();
            let returned = self.run_script(page, script).await?;
            if returned == text {
                return Ok(());
            }
            if begun > by {
                return Err(format!("the page has {returned}, not {text:?}").into());
            }
        }
    }

    /// What the script returns, run on the page.
    pub(crate) async fn run_script(&self, page: &Page, script: &str) -> Outcome<Json> {
        self.switch(page).await?;
        Ok(self.driver.execute(script, vec![]).await?.json().clone())
    }

    /// What the script returns, run in the page's frame.
    pub(crate) async fn run_in_frame(&self, page: &Page, script: &str) -> Outcome<Json> {
        self.switch(page).await?;
        self.driver.enter_frame(0).await?;
        let returned = self.driver.execute(script, vec![]).await?.json().clone();
        self.driver.enter_default_frame().await?;
        Ok(returned)
    }

    /// Types a key where the focus is.
    pub(crate) async fn press(&self, page: &Page, key: Key) -> Outcome {
        self.switch(page).await?;
        Ok(self.driver.action_chain().send_keys(key).perform().await?)
    }

    /// Chromium's answer to a command of its DevTools protocol.
    pub(crate) async fn command(&self, page: &Page, name: &str, with: Json) -> Outcome<Json> {
        self.switch(page).await?;
        Ok(self.driver.cdp().send_raw(name, with).await?)
    }

    /// What the page shows now.
    pub(crate) async fn sees(&self, page: &Page) -> Outcome<Seen> {
        self.switch(page).await?;
        Ok(self.look().await?.0)
    }

    async fn switch(&self, page: &Page) -> Outcome {
        Ok(self.driver.switch_to_window(page.0.clone()).await?)
    }

    /// Drivers answer a navigation once the page is loaded; the page itself has the last word.
    async fn loaded(&self) -> Outcome {
        const SCRIPT: &str = "return performance.getEntriesByType('navigation')[0].loadEventEnd > 0";
        let begun = Instant::now();
        while !self.driver.execute(SCRIPT, vec![]).await?.convert::<bool>()? {
            if begun.elapsed() > PATIENCE {
                let url = self.driver.current_url().await?;
                return Err(format!("the load event of {url} did not fire").into());
            }
        }
        Ok(())
    }

    /// The part of the window's pixels where the picture is, and those of the whole window as a PNG.
    ///
    /// The window is cut here: WebKit answers black when it is asked for an element's pixels.
    async fn look(&self) -> Outcome<(Seen, Vec<u8>)> {
        let place = self.place_of_picture().await?;
        let file = self.driver.screenshot_as_png().await?;
        let painted = Pixels::decode_part(&file, place)?;
        Ok((painted.map_or(Seen::Unknown, |pixels| pixels.read()), file))
    }

    /// In the window's own pixels; where there is a frame, the picture fills it.
    async fn place_of_picture(&self) -> Outcome<Rectangle> {
        const SCRIPT: &str = "const e = document.querySelector('img[src*=\"online.png\"], img[srcset*=\"online.png\"], iframe'); \
             e.scrollIntoView({block: 'nearest'}); const r = e.getBoundingClientRect(); \
             return [r.left, r.top, r.width, r.height].map(side => Math.round(side * devicePixelRatio))";
        Ok(self.driver.execute(SCRIPT, vec![]).await?.convert()?)
    }
}

/// Keeps the pixels of a failure where they can be looked at.
fn keep(picture: &[u8]) -> Outcome<String> {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let file = tempfile::Builder::new().prefix("seen-").suffix(".png").tempfile_in(directory)?;
    std::fs::write(file.path(), picture)?;
    Ok(file.into_temp_path().keep()?.display().to_string())
}

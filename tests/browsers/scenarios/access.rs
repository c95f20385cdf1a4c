//! Readers who don't see the page, who see it in their own way, or who have no mouse.

use std::fs;
use std::time::Instant;

use onlookers_picture::Value::{Count, Ended};
use serde_json::{Value, json};
use thirtyfour::Key;

use crate::browser::{Browser, Page, Place};
use crate::counter::Counter;
use crate::engine::{AT_ONCE, NEVER};
use crate::sites::Site;
use crate::{Outcome, npm};

/// Widths of windows, in CSS pixels: a small telephone, or a desktop at 400 %, and a desktop.
const WIDTHS: [u16; 2] = [320, 800];
/// What axe finds, each with the elements it is about.
const FINDINGS: &str = "return axe.run(WHAT, { resultTypes: ['violations'] }).then(({ violations }) => \
     violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ target }) => target.join(' > '))}`))";

/// The server's own pages, in light and dark; and, on another site's page, the element and the frame.
pub(crate) async fn axe_finds_nothing(browser: Browser) -> Outcome {
    let counter = Counter::start(NEVER)?;
    let page = browser.first().await?;
    for scheme in ["light", "dark"] {
        for width in WIDTHS {
            prefers(&browser, &page, width, scheme).await?;
            for path in ["/", "/?style=flat&label=Readers", "/live", "/ignore", "/unignore"] {
                browser.go(&page, &counter.url(path)).await?;
                assert_eq!(
                    findings(&browser, &page, "document").await?,
                    [""; 0],
                    "{path}, {scheme}, {width}"
                );
            }
        }
    }
    // With a second reader, the list of readers is shown.
    browser.go(&page, &counter.url("/live")).await?;
    let _other = browser.open(Place::Window, &counter.url("/live")).await?;
    browser.returns(&page, "return String(document.querySelector('#readers').hidden)", "false").await?;
    assert_eq!(findings(&browser, &page, "document").await?, [""; 0], "the list of readers");
    on_another_site(&browser, &counter, &page).await
}

/// Of its pages only the element is judged, and the whole one around the frame, since some rules are for both together.
async fn on_another_site(browser: &Browser, counter: &Counter, page: &Page) -> Outcome {
    let site = Site::start(counter).await?;
    browser.go(page, &site.url("/element")).await?;
    browser.says(page, "1", Instant::now() + AT_ONCE).await?;
    assert_eq!(findings(browser, page, "'online-count'").await?, [""; 0], "the element");
    browser.go(page, &site.url("/forbidden")).await?;
    browser.paints(page).await?;
    assert_eq!(findings(browser, page, "'online-count'").await?, [""; 0], "the picture in the element");
    browser.go(page, &site.url("/framed")).await?;
    browser.paints(page).await?;
    browser.run_in_frame(page, &axe()?).await?;
    assert_eq!(findings(browser, page, "document").await?, [""; 0], "the frame");
    Ok(())
}

/// Nothing moves, either: a number changes, but without an animation.
pub(crate) async fn nothing_is_wider_than_a_narrow_window(browser: Browser) -> Outcome {
    const WIDER: &str = "return [...document.querySelectorAll('*')]\
        .filter(e => e.getBoundingClientRect().right > document.documentElement.clientWidth)\
        .map(e => e.outerHTML.slice(0, 80)).concat(document.documentElement.scrollWidth > innerWidth ? 'scrolls' : [])";
    const MOVES: &str = "return [...document.querySelectorAll('*')].map(e => getComputedStyle(e))\
        .filter(s => s.animationName !== 'none' || s.transitionDuration !== '0s' || s.scrollBehavior !== 'auto').length";
    let counter = Counter::start(NEVER)?;
    let page = browser.first().await?;
    let widest = format!("/?style=for-the-badge&label={}", "W".repeat(64));
    let _reader = browser.open(Place::Window, &counter.url("/live")).await?;
    for scheme in ["light", "dark"] {
        prefers(&browser, &page, 320, scheme).await?;
        for path in ["/", &widest, "/live", "/ignore"] {
            browser.go(&page, &counter.url(path)).await?;
            assert_eq!(browser.run_script(&page, WIDER).await?, json!([]), "{path} {scheme}");
            assert_eq!(browser.run_script(&page, MOVES).await?, json!(0), "{path} {scheme}");
        }
    }
    browser.go(&page, &counter.url("/")).await?;
    browser.shows(&page, Count(2), Instant::now() + AT_ONCE).await.map(drop)
}

/// Tab goes through all that can be used, in the order of the page, and each time the focus is seen. The arrows choose a ground.
pub(crate) async fn the_keyboard_reaches_everything(browser: Browser) -> Outcome {
    const USABLE: &str = "window.usable = [...document.querySelectorAll(\
        'a[href], button, input:not([type=radio]), input:checked')].filter(e => e.checkVisibility()); \
        return usable.length";
    // The outline of a ground's button is that of their row.
    const FOCUSED: &str = "const e = document.activeElement; \
        const seen = e.type === 'radio' ? document.querySelector('.grounds') : e; \
        const { outlineStyle, outlineWidth } = getComputedStyle(seen); \
        const { top, bottom } = seen.getBoundingClientRect(); \
        const outlined = e.matches(':focus-visible') && outlineStyle !== 'none' && parseFloat(outlineWidth) > 0; \
        return [usable.indexOf(e), outlined && bottom > 0 && top < innerHeight]";
    let counter = Counter::start(NEVER)?;
    let page = browser.first().await?;
    let _reader = browser.open(Place::Window, &counter.url("/live")).await?;
    for (path, least) in [("/", 15), ("/live", 2), ("/ignore", 1)] {
        browser.go(&page, &counter.url(path)).await?;
        if path == "/live" {
            browser
                .returns(&page, "return String(document.querySelector('#readers').hidden)", "false")
                .await?;
        }
        let usable = browser.run_script(&page, USABLE).await?.as_u64().ok_or("no number")?;
        assert!(usable >= least, "{path} has {usable}");
        for number in 0..usable {
            browser.press(&page, Key::Tab).await?;
            assert_eq!(browser.run_script(&page, FOCUSED).await?, json!([number, true]), "{path}");
        }
    }
    browser.go(&page, &counter.url("/")).await?;
    browser.press(&page, Key::Tab).await?;
    browser.press(&page, Key::Right).await?;
    browser
        .returns(&page, "return document.activeElement.id + document.activeElement.checked", "sandtrue")
        .await
}

/// The words without the number, whether the picture is live, has ended, is one that refuses, or can't be had.
pub(crate) async fn a_picture_keeps_its_name(browser: Browser) -> Outcome {
    let mut counter = Counter::start(NEVER)?;
    let site = Site::start(&counter).await?;
    let page = browser.first().await?;
    browser.go(&page, &counter.url("/?label=Readers+%26c")).await?;
    assert_eq!(pictures(&browser, &page).await?[0], "Readers &c");
    browser.go(&page, &site.url("/1")).await?;
    browser.shows(&page, Count(1), Instant::now() + AT_ONCE).await?;
    assert_eq!(pictures(&browser, &page).await?, ["Users online"], "live");
    counter.terminate(AT_ONCE * 10).await?;
    browser.shows(&page, Ended, Instant::now() + AT_ONCE).await?;
    assert_eq!(pictures(&browser, &page).await?, ["Users online"], "ended");
    browser.reload(&page).await?;
    browser.returns(&page, "return String(document.images[0].complete)", "true").await?;
    assert_eq!(browser.run_script(&page, "return document.images[0].naturalWidth").await?, json!(0));
    assert_eq!(pictures(&browser, &page).await?, ["Users online"], "out of reach");
    Ok(())
}

/// What a screen reader calls the page's pictures.
async fn pictures(browser: &Browser, page: &Page) -> Outcome<Vec<String>> {
    let tree = browser.command(page, "Accessibility.getFullAXTree", json!({})).await?;
    let nodes = tree["nodes"].as_array().ok_or("no tree")?;
    let images = nodes.iter().filter(|node| node["role"]["value"] == "image" && node["ignored"] == false);
    Ok(images.map(|node| node["name"]["value"].as_str().unwrap_or_default().to_owned()).collect())
}

/// What axe finds in `what`, as JavaScript has it.
async fn findings(browser: &Browser, page: &Page, what: &str) -> Outcome<Vec<String>> {
    browser.run_script(page, &axe()?).await?;
    let found = browser.run_script(page, &FINDINGS.replace("WHAT", what)).await?;
    Ok(serde_json::from_value(found)?)
}

/// The script; a counter and a page of another site may exchange what it finds.
fn axe() -> Outcome<String> {
    let file = npm::installed("axe", &["axe-core@4.14.1"]).join("node_modules/axe-core/axe.min.js");
    Ok(fs::read_to_string(file)? + ";axe.configure({ allowedOrigins: ['<unsafe_all_origins>'] })")
}

/// A window as wide as that, of a reader who prefers that scheme, and no motion.
async fn prefers(browser: &Browser, page: &Page, width: u16, scheme: &str) -> Outcome {
    let screen = json!({ "width": width, "height": 640, "deviceScaleFactor": 1, "mobile": false });
    browser.command(page, "Emulation.setDeviceMetricsOverride", screen).await?;
    let feature = |name: &str, value: &str| json!({ "name": name, "value": value });
    let media: Value =
        [feature("prefers-color-scheme", scheme), feature("prefers-reduced-motion", "reduce")].into();
    browser.command(page, "Emulation.setEmulatedMedia", json!({ "features": media })).await?;
    Ok(())
}

//! The three engines: how each is started, and what is known of each.

use std::ops::RangeInclusive;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;
use thirtyfour::Capabilities;

use crate::Outcome;

/// How soon a new number is painted, and a leaver uncounted.
pub(crate) const AT_ONCE: Duration = Duration::from_secs(1);
/// Longer than any scenario: what is seen then was sent for a change, not resent.
pub(crate) const NEVER: Duration = Duration::from_secs(600);

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Engine {
    Chromium,
    Firefox,
    WebKit,
}

const CHROMIUM_ARGS: [&str; 10] = [
    "--headless=new",
    "--no-sandbox", // it refuses to run as root otherwise
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--window-size=800,600",
    // As a reader's, without the word Headless.
    "--user-agent=Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/150.0.0.0 Safari/537.36",
];

/// A Chromium of its own with one page, to which no driver is attached.
pub(crate) struct Undriven {
    browser: Child,
    _profile: TempDir,
}

impl Undriven {
    pub(crate) fn open(url: &str) -> Outcome<Self> {
        let profile = tempfile::tempdir()?;
        let mut command = Command::new("chromium");
        command.args(CHROMIUM_ARGS).arg(format!("--user-data-dir={}", profile.path().display())).arg(url);
        let browser = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
        Ok(Self { browser, _profile: profile })
    }
}

impl Drop for Undriven {
    fn drop(&mut self) {
        let _ = self.browser.kill();
        let _ = self.browser.wait();
    }
}

impl Engine {
    /// The program that drives the engine on a screen with this many pixels to a CSS pixel, told to listen on `port` of loopback.
    pub(crate) fn driver(self, port: u16, profile: &Path, scale: u8) -> Command {
        let mut command = match self {
            Self::Chromium => Command::new("chromedriver"),
            Self::Firefox => Command::new("geckodriver"),
            Self::WebKit => Command::new("WebKitWebDriver"),
        };
        command.arg(format!("--port={port}"));
        if self == Self::Firefox {
            command.arg("--websocket-port=0").arg("--profile-root").arg(profile);
        }
        // WebKit has no flag for a profile: it keeps what it keeps below these.
        for variable in ["HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME"] {
            command.env(variable, profile);
        }
        // WebKit's scale; the others have theirs in the capabilities. Firefox's window is counted in the screen's pixels.
        command.env("GDK_SCALE", scale.to_string());
        command.env("MOZ_HEADLESS_WIDTH", "1600").env("MOZ_HEADLESS_HEIGHT", "1600");
        command
    }

    /// Headless where the engine can; WebKit's MiniBrowser needs a display.
    pub(crate) fn needs_display(self) -> bool {
        self == Self::WebKit
    }

    /// WebKit's MiniBrowser opens a tab behind the one in front, and its driver can't bring it there.
    pub(crate) fn shows_new_tabs(self) -> bool {
        self != Self::WebKit
    }

    /// How often the program resends pictures in a scenario where somebody leaves. Long where the engine hangs up by
    /// itself, so that it must; short for Firefox, which finds that a page has gone only when a frame comes for it.
    pub(crate) fn repaint(self) -> Duration {
        match self {
            Self::Firefox => Duration::from_secs(2),
            Self::Chromium | Self::WebKit => NEVER,
        }
    }

    /// How soon the program hears that a page has gone.
    pub(crate) fn uncounts_within(self) -> Duration {
        match self {
            Self::Firefox => self.repaint() + AT_ONCE,
            Self::Chromium | Self::WebKit => AT_ONCE,
        }
    }

    /// Of so many tabs over https, how many stream over a connection that an event loop takes over. A connection that an engine
    /// opens in advance may be the third without HTTP/2.
    pub(crate) fn taken_over(self, tabs: usize) -> RangeInclusive<usize> {
        let most = tabs.min(3);
        most.min(2)..=most
    }

    /// What a new session asks of the driver.
    pub(crate) fn capabilities(self, profile: &Path, scale: u8) -> Capabilities {
        let (name, options) = match self {
            Self::Chromium => ("goog:chromeOptions", chromium(profile, scale)),
            Self::Firefox => ("moz:firefoxOptions", firefox(scale)),
            Self::WebKit => ("webkitgtk:browserOptions", json!({ "args": ["--automation"] })),
        };
        // For the counter's own certificate.
        let accepts = ("acceptInsecureCerts".to_owned(), Value::Bool(true));
        serde_json::Map::from_iter([(name.to_owned(), options), accepts]).into()
    }
}

fn chromium(profile: &Path, scale: u8) -> Value {
    let own =
        [format!("--user-data-dir={}", profile.display()), format!("--force-device-scale-factor={scale}")];
    let args: Vec<&str> = CHROMIUM_ARGS.into_iter().chain(own.iter().map(String::as_str)).collect();
    json!({ "args": args })
}

fn firefox(scale: u8) -> Value {
    json!({ "args": ["-headless"], "prefs": { "layout.css.devPixelsPerPx": scale.to_string() } })
}

//! The main job in the three real engines: every open page shows how many pages are open, live.
//!
//! Each scenario runs in Chromium, Firefox and WebKit, each in a new profile, against the program itself. The number
//! is read off the painted pixels. What an engine does differently is written where the scenario asks `engine`.
//!
//! `tests/run` installs the browsers and their drivers. What was measured is printed: `figure: …`.

mod browser;
mod counter;
mod driver;
mod engine;
mod figures;
#[allow(clippy::unwrap_used, reason = "a test that can't go on says so by a panic")]
#[path = "../npm/mod.rs"]
mod npm;
mod painted;
mod scenarios;
mod sites;
mod viewer;

use browser::Browser;
use engine::Engine;

type Outcome<T = ()> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

macro_rules! in_every_engine {
    ($($file:ident: $($scenario:ident),+;)+) => {
        in_every_engine!(chromium Chromium $($($file $scenario)+)+);
        in_every_engine!(firefox Firefox $($($file $scenario)+)+);
        in_every_engine!(webkit WebKit $($($file $scenario)+)+);
    };
    ($module:ident $engine:ident $($file:ident $scenario:ident)+) => {
        mod $module {
            use super::{Browser, Engine, scenarios};
            $(
                #[tokio::test]
                async fn $scenario() {
                    Browser::run(Engine::$engine, scenarios::$file::$scenario).await;
                }
            )+
        }
    };
}

/// No other engine prerenders pages.
#[tokio::test]
async fn chromium_has_prerendered_pages_counted_once_shown() {
    Browser::run(Engine::Chromium, scenarios::counting::prerendered_pages_count_once_shown).await;
}

/// Its driver alone can change the screen under a window.
#[tokio::test]
async fn chromium_has_a_window_that_moves_between_screens_counted_once() {
    Browser::run(Engine::Chromium, scenarios::screens::a_window_moves_between_screens).await;
}

#[tokio::test]
async fn chromium_is_sharp_on_a_dense_screen() {
    Browser::run_at_scale(2, Engine::Chromium, scenarios::screens::each_tag_is_sharp_and_counted_once).await;
}

#[tokio::test]
async fn firefox_is_sharp_on_a_dense_screen() {
    Browser::run_at_scale(2, Engine::Firefox, scenarios::screens::each_tag_is_sharp_and_counted_once).await;
}

#[tokio::test]
async fn webkit_is_sharp_on_a_dense_screen() {
    Browser::run_at_scale(2, Engine::WebKit, scenarios::screens::each_tag_is_sharp_and_counted_once).await;
}

/// axe judges the same in each engine.
#[tokio::test]
async fn chromium_has_pages_without_findings_of_axe() {
    Browser::run(Engine::Chromium, scenarios::access::axe_finds_nothing).await;
}

/// Its driver alone can change the width and what the reader prefers.
#[tokio::test]
async fn chromium_has_pages_that_fit_into_320_pixels() {
    Browser::run(Engine::Chromium, scenarios::access::nothing_is_wider_than_a_narrow_window).await;
}

#[tokio::test]
async fn chromium_has_pages_for_the_keyboard() {
    Browser::run(Engine::Chromium, scenarios::access::the_keyboard_reaches_everything).await;
}

#[tokio::test]
async fn chromium_has_pages_whose_pictures_keep_their_name() {
    Browser::run(Engine::Chromium, scenarios::access::a_picture_keeps_its_name).await;
}

/// WebKit opens so few connections that what they take can't be told from what varies.
#[tokio::test]
async fn chromium_has_pictures_over_https_that_cost_little() {
    Browser::run(Engine::Chromium, scenarios::secure::a_picture_costs_little).await;
}

#[tokio::test]
async fn firefox_has_pictures_over_https_that_cost_little() {
    Browser::run(Engine::Firefox, scenarios::secure::a_picture_costs_little).await;
}

in_every_engine! {
    counting: every_open_page_shows_the_count, each_new_count_is_shown, a_burst_ends_with_the_right_number,
        pages_left_behind_are_no_visitors, a_script_reads_the_picture;
    leaving: a_link_away_from_the_demo_page, a_link_away_from_an_embed,
        open_pages_see_another_leave_and_return, ten_pages_clicked_in_one_tab,
        a_reload_counts_once;
    ending: the_last_picture_stays, a_frame_comes_back;
    reading: a_strip_follows_a_scrolling_reader;
    rooms: each_page_is_in_its_room;
    limits: six_pages_to_a_browser, a_tab_opened_in_the_background;
    screens: each_tag_is_sharp_and_counted_once;
    secure: fourteen_tabs_over_https, two_browsers_on_one_address;
    upgrades: a_tab_stays_over_an_upgrade, three_tabs_stay_over_an_upgrade,
        a_tab_over_https_stays_over_an_upgrade, three_tabs_over_https_stay_over_an_upgrade,
        a_tab_with_any_protocol_stays_over_an_upgrade, three_tabs_with_any_protocol_stay_over_an_upgrade,
        tabs_with_http_2_stay_over_an_upgrade;
    scripts: two_windows_see_each_other_come_and_go, a_link_away_and_back_through_the_cache, an_outage_heals,
        the_picture_where_events_are_forbidden, an_element_that_moves, an_application_of_one_page,
        the_demo_page_of_the_module, two_readers_see_each_other_come_scroll_and_go;
}

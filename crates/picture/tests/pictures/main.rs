//! Tests of finished pictures: against accepted ones, against other programs' pictures, and with added digits and fonts.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod badges;
mod chromium;
mod goldens;
mod languages;
mod layers;
mod svg;
mod themes;

use onlookers_picture::{Style, StyleBuilder, Themes};

/// The style that a query asks for, in which nothing is escaped.
fn style(query: &str) -> Style {
    let mut builder = StyleBuilder::default();
    for (name, value) in query.split('&').filter_map(|parameter| parameter.split_once('=')) {
        assert_eq!(builder.take(name, value), Ok(true), "{query}");
    }
    builder.build(&Themes::default()).unwrap()
}

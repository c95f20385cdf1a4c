//! What a change to onlookers may cost: ratios to the binary of `--against`, and of events and WebSockets to pictures.

use crate::{
    figure::{FRAME, JOIN, JOIN_ALL, JOIN_FRAMES, MEMORY, MEMORY_ALL, without_unit},
    load::{
        options::Build::{self, Against, Current},
        samples::{Sample, criteria_head, criterion, ratios, summary},
    },
    server::{
        Kind::{self, Events, Onlookers, Websocket},
        Subject,
    },
};

/// A picture may cost so much of what the other binary's does.
const PICTURES: f64 = 1.03;
/// An event may cost so much of what a picture does.
const EVENTS: f64 = 1.05;
/// A change may cost so much CPU over WebSocket of what it costs as a picture.
const WEBSOCKETS: f64 = 1.10;

const LIMITED: [&str; 5] = [FRAME, JOIN, MEMORY, MEMORY_ALL, JOIN_FRAMES];

/// Prints the criteria, then the other ratios.
pub(crate) fn print(samples: &[&Sample<Subject>]) {
    criteria_head();
    for name in LIMITED {
        let title = format!("pictures, {}: of (against)", plain(name));
        criterion(&title, PICTURES, &against(samples, Onlookers, name));
    }
    for name in [FRAME, MEMORY, MEMORY_ALL] {
        let title = format!("events, {}: of pictures", plain(name));
        criterion(&title, EVENTS, &of_pictures(samples, Events, Current, name));
    }
    let title = format!("websocket, {}: of pictures", plain(FRAME));
    criterion(&title, WEBSOCKETS, &of_pictures(samples, Websocket, Current, FRAME));
    print_others(samples);
}

fn print_others(samples: &[&Sample<Subject>]) {
    println!("\n{:84}{:>26}", "other ratios round by round", "median (least to most)");
    line("pictures", JOIN_ALL, "(against)", &against(samples, Onlookers, JOIN_ALL));
    for kind in [Events, Websocket] {
        for name in LIMITED {
            line(&kind.to_string(), name, "(against)", &against(samples, kind, name));
        }
    }
    for name in [MEMORY, MEMORY_ALL] {
        line("websocket", name, "pictures", &of_pictures(samples, Websocket, Current, name));
    }
    for kind in [Events, Websocket] {
        for name in [FRAME, MEMORY, MEMORY_ALL] {
            let values = of_pictures(samples, kind, Against, name);
            line(&format!("{kind} (against)"), name, "pictures (against)", &values);
        }
    }
}

fn line(what: &str, name: &str, base: &str, values: &[f64]) {
    println!("{:84}{:>26}", format!("{what}, {}: of {base}", plain(name)), summary(values));
}

fn against(samples: &[&Sample<Subject>], kind: Kind, name: &str) -> Vec<f64> {
    ratios(samples, name, Subject { kind, build: Current }, Subject { kind, build: Against })
}

fn of_pictures(samples: &[&Sample<Subject>], kind: Kind, build: Build, name: &str) -> Vec<f64> {
    ratios(samples, name, Subject { kind, build }, Subject { kind: Onlookers, build })
}

/// A figure's name where it stands alone, without the lines above it in the table.
fn plain(name: &str) -> &str {
    match name {
        JOIN_ALL => "CPU a join with the frames meanwhile",
        MEMORY_ALL => "memory of server and viewers",
        _ => without_unit(name),
    }
}

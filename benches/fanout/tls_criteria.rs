//! What TLS may cost, and the ratios behind it.

use crate::{
    figure::{
        FRAME, JOIN, JOIN_ALL, JOIN_FRAMES, LOAD_JOIN, MEMORY, PEACE_LEAVE, RUSH_LEAVE, RUSH_TIME,
        without_unit,
    },
    handshakes::Handshake,
    load::{
        options::Build::Current,
        samples::{Sample, criteria_head, criterion, ms, quantile, ratios, summary, values},
    },
    rush::EARLY,
    server::{
        Kind::{self, Floor, NchanTls, Onlookers, OnlookersTls},
        Subject,
    },
};

/// CPU a frame, of what others' cost.
const FRAMES: [(Kind, f64); 3] = [(Floor, 0.95), (Onlookers, 1.20), (NchanTls, 0.55)];
/// For so many viewers are the limits of memory and of time.
const MANY: usize = 10_000;
/// KiB a viewer.
const KIB: f64 = 1.0;
/// Seconds until all have joined.
const SECONDS: f64 = 8.0;
/// A feed's longest pause, in milliseconds: a change that takes longer to all its viewers is late.
const LATE: f64 = 500.0;

const TLS: Subject = Subject { kind: OnlookersTls, build: Current };

/// Prints the criteria, then the other ratios, then the joins beside rustls' handshakes alone.
pub(crate) fn print(samples: &[&Sample<Subject>], viewers: usize, handshake: &Handshake) {
    let of_tls = |name| values(samples, TLS, name);
    criteria_head();
    for (kind, limit) in FRAMES {
        criterion(&format!("over TLS, {}: of {kind}", without_unit(FRAME)), limit, &of(samples, kind, FRAME));
    }
    if viewers >= MANY {
        criterion(&format!("over TLS, {MEMORY}"), KIB, &of_tls(MEMORY));
        criterion("over TLS, seconds until all have joined at once", SECONDS, &of_tls(RUSH_TIME));
    }
    let title = format!("over TLS, ms until {EARLY} others have a change while all join");
    criterion(&title, LATE, &of_tls(RUSH_LEAVE));
    print_others(samples);
    print_joins(samples, viewers, handshake);
}

fn print_others(samples: &[&Sample<Subject>]) {
    println!("\n{:84}{:>26}", "other ratios round by round", "median (least to most)");
    for (kind, names) in [
        (Onlookers, &[JOIN, JOIN_ALL, JOIN_FRAMES, MEMORY, RUSH_TIME, RUSH_LEAVE][..]),
        (NchanTls, &[JOIN, JOIN_ALL, MEMORY]),
        (Floor, &[JOIN_FRAMES]),
    ] {
        for &name in names {
            let title = format!("over TLS, {}: of {kind}", plain(name));
            println!("{title:84}{:>26}", summary(&of(samples, kind, name)));
        }
    }
    let of_peace = values(samples, TLS, RUSH_LEAVE).into_iter().zip(values(samples, TLS, PEACE_LEAVE));
    let of_peace: Vec<_> = of_peace.map(|(rush, peace)| rush / peace).collect();
    println!("{:84}{:>26}", format!("over TLS, {}: of in peace", plain(RUSH_LEAVE)), summary(&of_peace));
}

/// Both sides of a handshake run on the same cores here.
fn print_joins(samples: &[&Sample<Subject>], viewers: usize, handshake: &Handshake) {
    let median = |name| quantile(&values(samples, TLS, name), 0.5);
    let (server, client) = (handshake.server, handshake.client);
    let all = |time: std::time::Duration| (time * viewers as u32).as_secs_f64();
    println!();
    for (kind, subject) in [Onlookers, OnlookersTls].map(|kind| (kind, Subject { kind, build: Current })) {
        if let Some(seconds) = quantile(&values(samples, subject, RUSH_TIME), 0.5) {
            println!("{kind}: {viewers} joined within {seconds:.2} s");
        }
    }
    println!(
        "rustls' handshakes alone: {:.0} µs the server's side, {:.0} µs the client's; for {viewers} {:.2} s of CPU, {:.2} s \
         with the client's",
        1e3 * ms(server),
        1e3 * ms(client),
        all(server),
        all(server + client)
    );
    if let (Some(join), Some(load)) = (median(JOIN_ALL), median(LOAD_JOIN)) {
        println!(
            "a join over TLS: {join:.0} µs of the server's CPU, {load:.0} µs of the load generator's, with frames"
        );
    }
}

fn of(samples: &[&Sample<Subject>], kind: Kind, name: &str) -> Vec<f64> {
    ratios(samples, name, TLS, Subject { kind, build: Current })
}

/// A figure's name where it stands alone, without the lines above it in the table.
fn plain(name: &str) -> &str {
    match name {
        JOIN_ALL => "CPU a join with the frames meanwhile",
        RUSH_TIME => "time until all have joined at once",
        RUSH_LEAVE => "time until others have a change while all join",
        _ => without_unit(name),
    }
}

//! The figures of all rounds as tables.

use crate::{
    args::Args,
    criteria, figure,
    handshakes::Handshake,
    load::{
        options::Build,
        samples::{Sample, ratios, row, summary, values},
    },
    server::{Kind, Subject},
    tls_criteria,
};

/// Everything, for each number of viewers.
pub(crate) fn print(samples: &[Sample<Subject>], args: &Args, handshake: Option<&Handshake>) {
    if let Some(binary) = &args.options.against {
        println!("\n(against) is {}", binary.display());
    }
    for &viewers in &args.viewers {
        let of_size: Vec<_> = samples.iter().filter(|sample| sample.viewers == viewers).collect();
        println!("\n{viewers} viewers; of {} rounds the median (least to most)", args.options.rounds);
        print_all(&of_size);
        if args.options.against.is_some() {
            criteria::print(&of_size);
        }
        if let Some(handshake) = handshake {
            tls_criteria::print(&of_size, viewers, handshake);
        }
    }
}

fn print_all(samples: &[&Sample<Subject>]) {
    let measured = |subject: &Subject| samples.iter().any(|sample| sample.subject == *subject);
    let subjects: Vec<_> = Subject::all().filter(measured).collect();
    row("", subjects.iter().map(Subject::to_string));
    for name in figure::ALL {
        row(name, subjects.iter().map(|&subject| summary(&values(samples, subject, name))));
    }
    for (name, kind) in [
        (figure::FRAME, Kind::Floor),
        (figure::FRAME, Kind::Nchan),
        (figure::FRAME, Kind::NchanTls),
        (figure::DEAF, Kind::Floor),
        (figure::FRAME, Kind::Onlookers),
        (figure::MEMORY, Kind::Onlookers),
        (figure::MEMORY_ALL, Kind::Onlookers),
        (figure::IDLE, Kind::Onlookers),
    ] {
        let base = Subject { kind, build: Build::Current };
        // Pictures are the base of the other representations.
        let wanted = kind != Kind::Onlookers
            || subjects
                .iter()
                .any(|other| matches!(other.kind, Kind::OnlookersTls | Kind::Events | Kind::Websocket));
        if wanted && subjects.contains(&base) {
            let title = format!("{}: of {base}", figure::without_unit(name));
            row(&title, subjects.iter().map(|&subject| summary(&ratios(samples, name, subject, base))));
        }
    }
}

//! The rounds: in each, all servers have their viewers at the same time and take a change each in turn.

use crate::{
    Outcome,
    args::Args,
    figure,
    load::{
        options::Build,
        samples::{Figures, Sample},
        turns::{self, Player},
    },
    nchan, rush,
    server::{Kind, Subject},
};

/// The length of a frame, until onlookers has shown how long its frames are.
pub(crate) const FRAME_BYTES: usize = 800;

/// Every second round goes the other way round, so that the order favours no server.
pub(crate) fn play(args: &Args) -> Outcome<Vec<Sample<Subject>>> {
    let (mut samples, mut subjects, mut frame_bytes) = (Vec::new(), subjects(args), FRAME_BYTES);
    for &viewers in &args.viewers {
        for number in 0..args.options.rounds {
            println!("{viewers} viewers, round {} of {}", number + 1, args.options.rounds);
            let rushes = rushes(args, &subjects, viewers)?;
            let mut of_round = round(&subjects, viewers, number, &mut frame_bytes)?;
            for (sample, figures) in of_round.iter_mut().zip(rushes) {
                sample.figures.extend(figures);
            }
            samples.append(&mut of_round);
            subjects.reverse();
        }
    }
    Ok(samples)
}

/// Both builds of onlookers stand side by side, so that they join one after the other.
fn subjects(args: &Args) -> Vec<Subject> {
    let mut kinds = args.servers.clone();
    if kinds.iter().any(|kind| kind.is_nchan()) && nchan::module().is_none() {
        println!("nchan is LEFT OUT: no nginx with Nchan here (Debian: nginx, libnginx-mod-nchan)");
        kinds.retain(|kind| !kind.is_nchan());
    }
    let builds = |kind| match kind {
        Kind::Floor | Kind::Nchan | Kind::NchanTls => vec![Build::Current],
        _ => args.options.builds(),
    };
    let subjects = |kind| builds(kind).into_iter().map(move |build| Subject { kind, build });
    kinds.into_iter().flat_map(subjects).collect()
}

/// One after the other, before there are any other viewers: nothing for a subject that has no part in it.
fn rushes(args: &Args, subjects: &[Subject], viewers: usize) -> Outcome<Vec<Figures>> {
    let rush = |&Subject { kind, build }: &Subject| {
        if !args.tls || !rush::includes(kind) {
            return Ok(Figures::new());
        }
        let role = ["rush", &kind.to_string(), build.name(), &viewers.to_string()].map(String::from);
        let mut player = Player::start(Subject { kind, build }.to_string(), &role)?;
        Ok(std::mem::take(&mut player.figures))
    };
    subjects.iter().map(rush).collect()
}

/// `frame_bytes` becomes what onlookers sends, for the servers that come after it and for later rounds.
fn round(
    subjects: &[Subject],
    viewers: usize,
    round: usize,
    frame_bytes: &mut usize,
) -> Outcome<Vec<Sample<Subject>>> {
    let mut players = Vec::new();
    for subject in subjects {
        let player = Player::start(subject.to_string(), &role(*subject, viewers, *frame_bytes))?;
        match player.figures.get(figure::BYTES) {
            Some(&bytes) if subject.kind == Kind::Onlookers => *frame_bytes = bytes as usize,
            _ => {}
        }
        players.push(player);
    }
    turns::finish(&mut players)?;
    let sample = |(&subject, player): (&Subject, &mut Player)| {
        let figures = std::mem::take(&mut player.figures);
        Sample { subject, viewers, round, figures }
    };
    Ok(subjects.iter().zip(&mut players).map(sample).collect())
}

/// The arguments of `Role::Work`.
fn role(subject: Subject, viewers: usize, frame_bytes: usize) -> Vec<String> {
    let build = subject.build.name();
    ["work", &subject.kind.to_string(), build, &viewers.to_string(), &frame_bytes.to_string()]
        .map(String::from)
        .to_vec()
}

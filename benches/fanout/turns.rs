//! Turns: one round, in which all servers have their viewers at the same time and take a change each in turn. So
//! whatever else the machine does, it does to all of them.
//!
//! Each server's viewers are held by a process of their own, for the limit of open files. It prints figures and
//! `ready` when the next turn may come, then waits for `go`; `over` is the last that it says.

use crate::{
    Outcome, figure,
    server::{self, Kind},
};
use std::{
    collections::HashMap,
    env,
    io::{self, Write},
    process::{self, Child, ChildStdin, Command, Stdio},
    sync::mpsc::{Receiver, RecvTimeoutError, channel},
    thread,
    time::Duration,
};

/// The longest turn: joining with everything that belongs to it.
const TURN: Duration = Duration::from_secs(300);

/// How long a player may be deaf to its server, which asks WebSockets whether they are there.
const MOMENT: Duration = Duration::from_secs(1);

/// What one server did in one round.
pub(crate) struct Sample {
    pub(crate) kind: Kind,
    pub(crate) viewers: usize,
    pub(crate) round: usize,
    pub(crate) figures: HashMap<String, f64>,
}

/// One round. `frame_bytes` becomes what onlookers sends, for those that come after it and for later rounds.
pub(crate) fn round(
    kinds: &[Kind],
    viewers: usize,
    round: usize,
    frame_bytes: &mut usize,
) -> Outcome<Vec<Sample>> {
    let mut players = Vec::new();
    for &kind in kinds {
        let mut player = Player::start(kind, viewers, *frame_bytes)?;
        player.listen()?;
        match player.figures.get(figure::BYTES) {
            Some(&bytes) if kind == Kind::Onlookers => *frame_bytes = bytes as usize,
            _ => {}
        }
        players.push(player);
    }
    while players.iter().any(|player| !player.over) {
        players.iter_mut().filter(|player| !player.over).try_for_each(Player::take_turn)?;
    }
    let sample = |player: &mut Player| {
        let figures = std::mem::take(&mut player.figures);
        Sample { kind: player.kind, viewers, round, figures }
    };
    Ok(players.iter_mut().map(sample).collect())
}

/// The other side: its turns, as they come.
pub(crate) struct Turns(Receiver<()>);

impl Turns {
    /// A thread listens, since the process has to end as soon as the bench has gone, whatever it is waiting for.
    pub(crate) fn listen() -> Self {
        let (sender, turns) = channel();
        thread::spawn(move || {
            for _ in io::stdin().lines().map_while(Result::ok) {
                let _ = sender.send(());
            }
            process::exit(1);
        });
        Self(turns)
    }

    /// Says that the next turn may come, and waits for it; every second there is a moment for something else.
    pub(crate) fn wait(&self, mut meanwhile: impl FnMut() -> Outcome<()>) -> Outcome<()> {
        println!("ready");
        loop {
            match self.0.recv_timeout(MOMENT) {
                Err(RecvTimeoutError::Timeout) => meanwhile()?,
                turn => return Ok(turn?),
            }
        }
    }
}

/// The process that works on one server.
struct Player {
    kind: Kind,
    process: Child,
    orders: ChildStdin,
    lines: Receiver<String>,
    figures: HashMap<String, f64>,
    over: bool,
}

impl Player {
    fn start(kind: Kind, viewers: usize, frame_bytes: usize) -> Outcome<Self> {
        let mut command = Command::new(server::own_path()?);
        command.args(env::args_os().skip(1)).arg("work");
        command.args([kind.to_string(), viewers.to_string(), frame_bytes.to_string()]);
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let (orders, output) = process.stdin.take().zip(process.stdout.take()).ok_or("no pipes")?;
        let (lines, figures) = (server::lines(output), HashMap::new());
        Ok(Self { kind, process, orders, lines, figures, over: false })
    }

    fn take_turn(&mut self) -> Outcome<()> {
        writeln!(self.orders, "go")?;
        self.listen()
    }

    fn listen(&mut self) -> Outcome<()> {
        loop {
            let line = self.lines.recv_timeout(TURN).map_err(|_| format!("{} gave up", self.kind))?;
            match line.split_once('\t') {
                Some((name, value)) => drop(self.figures.insert(name.into(), value.parse()?)),
                None => {
                    self.over = line == "over";
                    return Ok(());
                }
            }
        }
    }
}

impl Drop for Player {
    /// Its end makes its guard's input end, and that kills the server.
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

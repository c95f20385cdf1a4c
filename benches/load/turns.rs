//! Turns: one round, in which all servers have their viewers at the same time and take a change each in turn. So
//! whatever else the machine does, it does to all of them.
//!
//! Each server's viewers are held by a process of their own, for the limit of open files. It prints figures and
//! `ready` when the next turn may come, then waits for `go`; `over` is the last that it says.

use super::{Outcome, samples::Figures, server};
use std::{
    env,
    io::{self, Write},
    process::{self, Child, ChildStdin, Command, Stdio},
    sync::mpsc::{Receiver, RecvTimeoutError, channel},
    thread,
    time::Duration,
};

/// The longest turn: joining with everything that belongs to it.
const TURN: Duration = Duration::from_secs(300);

/// How long a player may leave its server unread, which asks WebSockets whether they are there.
const MOMENT: Duration = Duration::from_secs(1);

/// Gives each player its turns until all have finished.
pub(crate) fn finish(players: &mut [Player]) -> Outcome<()> {
    while players.iter().any(|player| !player.over) {
        players.iter_mut().filter(|player| !player.over).try_for_each(Player::take_turn)?;
    }
    Ok(())
}

/// From a player: one of its figures.
pub(crate) fn tell(name: &str, value: f64) {
    println!("{name}\t{value}");
}

/// From a player: its last turn has ended.
pub(crate) fn over() {
    println!("over");
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
pub(crate) struct Player {
    pub(crate) figures: Figures,
    name: String,
    process: Child,
    orders: ChildStdin,
    lines: Receiver<String>,
    over: bool,
}

impl Player {
    /// Starts this program again, with its own arguments and those of the `role`; returns when the first turn may come.
    pub(crate) fn start(name: String, role: &[String]) -> Outcome<Self> {
        let mut command = Command::new(server::own_path()?);
        command.args(env::args_os().skip(1)).args(role);
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let (orders, output) = process.stdin.take().zip(process.stdout.take()).ok_or("no pipes")?;
        let (lines, figures) = (server::lines(output), Figures::new());
        let mut player = Self { figures, name, process, orders, lines, over: false };
        player.listen()?;
        Ok(player)
    }

    fn take_turn(&mut self) -> Outcome<()> {
        writeln!(self.orders, "go")?;
        self.listen()
    }

    fn listen(&mut self) -> Outcome<()> {
        loop {
            let line = self.lines.recv_timeout(TURN).map_err(|_| format!("{} gave up", self.name))?;
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

//! The command line; starts the runtime; hands over to the server.

use std::ffi::OsString;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use clap::CommandFactory;
use clap::error::ErrorKind;
use onlookers::config::{Cli, Command, ConfigError, DoctorArgs, File, LogFormat, PictureArgs};
use onlookers::doctor;
use onlookers::health;
use onlookers::logging::{self, Layout, Log};
use onlookers::painting::Pictures;
use onlookers::server::{self, Control, Died, Server};
use onlookers::signals::Signals;
use onlookers::upgrade::{self, Keeper, Predecessor};
use onlookers_picture::Value;
use tokio::runtime::Builder;
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;
use tracing::level_filters::LevelFilter;

/// How long threads that still work may take at the end, when every stream has ended.
const LAST_WORK: Duration = Duration::from_millis(100);

/// A sentence, and the exit code that goes with it.
struct Failure {
    code: u8,
    sentence: String,
}

fn main() -> ExitCode {
    // Before anything else: until then, a signal kills the process.
    let signals = match Signals::catch() {
        Ok(signals) => signals,
        Err(error) => return failed(&error.to_string()),
    };
    let cli = match load() {
        Ok(cli) => cli,
        Err(error) => return bad_usage(error),
    };
    let layout = Layout::of_stderr(cli.config.log);
    let log = match Log::to_stderr(level(&cli), layout) {
        Ok(log) => log,
        Err(error) => return failed(&error.to_string()),
    };
    logging::log_panics();
    let done = match cli.command {
        Some(command) => run_command(&command, signals),
        None => serve(cli, layout, signals),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure { code, sentence }) => {
            log.end_with(&format!("onlookers: {sentence}"));
            ExitCode::from(code)
        }
    }
}

/// A keeper that takes the place of another one needs no configuration but for its log: that of the server may be about to change.
fn load() -> Result<Cli, ConfigError> {
    let loaded = Cli::load(std::env::args_os());
    match upgrade::is_keeper() {
        true => loaded.or_else(|_| Cli::load([OsString::from("onlookers")])),
        false => loaded,
    }
}

/// Bad usage, and a bad file, before there is a log.
fn bad_usage(error: ConfigError) -> ExitCode {
    match error {
        // Prints help and version to standard output, and exits with 0 for them.
        ConfigError::Usage(error) => error.exit(),
        error => {
            failed(&error.to_string());
            ExitCode::from(2)
        }
    }
}

/// Prints a sentence before there is a log. Standard error may be closed.
fn failed(sentence: &str) -> ExitCode {
    let line = Layout::of_stderr(LogFormat::Text).last_line(&format!("onlookers: {sentence}"));
    let _ = io::stderr().write_all(&line);
    ExitCode::FAILURE
}

/// A command takes a moment, and keeps nothing that an end in order would save.
fn run_command(command: &Command, signals: Signals) -> Result<(), Failure> {
    thread::spawn(move || {
        if signals.stop.blocking_recv().is_ok() {
            std::process::exit(1);
        }
    });
    match command {
        Command::Picture(args) => Ok(picture(args)?),
        Command::Doctor(args) => examine(args),
        Command::Check { file } => check(file),
        Command::Health { flags } => health(flags),
        Command::Upgrade { flags } => order_upgrade(flags),
    }
}

fn examine(args: &DoctorArgs) -> Result<(), Failure> {
    match doctor::run(args, io::stdout())? {
        0 => Ok(()),
        1 => Err(Failure { code: 1, sentence: "there is a fault".to_owned() }),
        faults => Err(Failure { code: 1, sentence: format!("there are {faults} faults") }),
    }
}

fn check(file: &Path) -> Result<(), Failure> {
    let settings = File::read(file)?;
    server::check(&settings.config()?).map_err(|error| settings.locate(file, error))?;
    let but = if settings.is_empty() { ", but there are no settings in it" } else { "" };
    // The exit code says so too, if standard output is closed.
    let _ = writeln!(io::stdout(), "{} is fine{but}", file.display());
    Ok(())
}

/// The settings of a server that was started with these flags.
fn of_server(flags: &[OsString]) -> Result<Cli, ConfigError> {
    Cli::load([OsString::from("onlookers")].iter().chain(flags))
}

fn order_upgrade(flags: &[OsString]) -> Result<(), Failure> {
    let Some(control) = of_server(flags)?.config.control else {
        let sentence =
            "where is the server? Add its --control PATH, or the --config FILE that has it".to_owned();
        return Err(Failure { code: 2, sentence });
    };
    let pid = upgrade::order(&control).map_err(|why| Failure { code: 1, sentence: why.to_string() })?;
    // The exit code says so too, if standard output is closed.
    let _ = writeln!(io::stdout(), "process {pid} has taken over");
    Ok(())
}

fn health(flags: &[OsString]) -> Result<(), Failure> {
    let server = of_server(flags)?;
    health::check(&server.config).map_err(|why| Failure { code: 1, sentence: why.to_string() })
}

fn level(cli: &Cli) -> LevelFilter {
    match i16::from(cli.verbose) - i16::from(cli.quiet) {
        ..=-2 => LevelFilter::ERROR,
        -1 => LevelFilter::WARN,
        0 => LevelFilter::INFO,
        1 => LevelFilter::DEBUG,
        2.. => LevelFilter::TRACE,
    }
}

fn picture(args: &PictureArgs) -> io::Result<()> {
    let style = match args.style() {
        Ok(style) => style,
        Err(error) => Cli::command().error(ErrorKind::ValueValidation, error).exit(),
    };
    std::fs::write(&args.output, Pictures::new(0).png(&style, Value::Count(args.count))).map_err(|error| {
        io::Error::new(error.kind(), format!("can't write {}: {error}", args.output.display()))
    })
}

fn serve(cli: Cli, layout: Layout, signals: Signals) -> Result<(), Failure> {
    if upgrade::is_keeper() || cli.config.keep && !upgrade::was_started_by_us() {
        return match upgrade::keep(signals, server::tell_main)? {
            0 => Ok(()),
            // The server has said why.
            code => std::process::exit(code.into()),
        };
    }
    let runtime = Builder::new_multi_thread().enable_all().build()?;
    let done = runtime.block_on(run(cli, layout, signals));
    // Nothing is lost with what is going on still: all streams have ended.
    runtime.shutdown_timeout(LAST_WORK);
    done
}

async fn run(cli: Cli, layout: Layout, signals: Signals) -> Result<(), Failure> {
    let predecessor = Predecessor::find()?;
    let keeper = match predecessor {
        None => Keeper::find()?,
        // If the process before has none.
        Some(_) => cli.config.keep.then(Keeper::own),
    };
    let is_first = predecessor.is_none() && !keeper.as_ref().is_some_and(Keeper::has_served);
    let server = Server::bind_after(&cli.config, predecessor, keeper)?;
    if let (Some(file), false) = (&cli.file, cli.has_file_settings) {
        tracing::warn!("there are no settings in {}", file.display());
    }
    // The process before this one has said it.
    if is_first {
        announce(server.places(), server.admin_place(), layout)?;
    }
    tokio::spawn(upgrade_on_signal(server.control(), signals.upgrade));
    tokio::spawn(reload_on_hangup(cli, server.control(), signals.reload));
    let mut has_died = false;
    let stop_now = async {
        // If its thread has died, there is no second signal.
        if signals.stop_now.await.is_err() {
            std::future::pending().await
        }
    };
    tokio::select! {
        biased;
        () = stop_now => return Err(Failure { code: 1, sentence: "a second signal: ended at once".to_owned() }),
        ran = server.run(async { has_died = signals.stop.await.is_err() }) => ran?,
    }
    match has_died {
        true => Err(io::Error::other("the thread that waits for signals has died").into()),
        false => Ok(()),
    }
}

/// Says where the server is: to people on standard output, otherwise in the log.
fn announce(places: Vec<String>, admin: Option<String>, layout: Layout) -> io::Result<()> {
    if layout.is_for_people() {
        // On a thread of its own: standard output may be a pipe that nobody reads.
        thread::Builder::new().name("greeting".to_owned()).spawn(move || greet(&places, admin.as_deref()))?;
    } else {
        places.iter().for_each(|place| tracing::info!("onlookers listens on {place}"));
        admin.iter().for_each(|place| tracing::info!("operators ask at {place}"));
    }
    Ok(())
}

/// Upgrades at each SIGUSR2.
async fn upgrade_on_signal(control: Control, mut signals: mpsc::Receiver<()>) {
    while signals.recv().await.is_some() {
        control.upgrade();
    }
}

/// Reads the configuration again at each SIGHUP. One that is bad leaves the one in force as it is.
async fn reload_on_hangup(mut in_force: Cli, control: Control, mut hangups: mpsc::Receiver<()>) {
    while hangups.recv().await.is_some() {
        // A file may take long to read, from a network for example.
        let read = spawn_blocking(move || (in_force.load_again(std::env::args_os()), in_force)).await;
        let Ok((again, before)) = read else { return };
        in_force = match again {
            Ok(again) => {
                // Certificates are read from files, too.
                let (control, config) = (control.clone(), again.config.clone());
                if spawn_blocking(move || control.reload(&config)).await.is_err() {
                    return;
                }
                tracing::info!("the configuration was read again");
                again
            }
            Err(error) => {
                tracing::error!("the configuration stays as it was: {error}");
                before
            }
        };
    }
}

/// Says where the server is, and what to do with that. Somebody may have closed standard output: that is no reason not
/// to serve.
fn greet(places: &[String], admin: Option<&str>) {
    let mut out = io::stdout().lock();
    for place in places {
        let _ = writeln!(out, "onlookers listens on {place}");
    }
    if let Some(place) = admin {
        let _ = writeln!(out, "Operators ask at {place}");
    }
    if let Some(url) = places.iter().find(|place| place.starts_with("http")) {
        let _ = write!(
            out,
            "\nThe tag to copy:\n    <img loading=\"lazy\" srcset=\"{url}online.png, {url}online.png?scale=2 2x\" \
             width=\"200\" height=\"30\" alt=\"Users online\">\nThe demo page, live:\n    {url}\n"
        );
    }
    let _ = out.flush();
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        Self { code: 2, sentence: error.to_string() }
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        match error.downcast::<ConfigError>() {
            Ok(error) => error.into(),
            Err(error) => Self { code: 1, sentence: error.to_string() },
        }
    }
}

impl From<Died> for Failure {
    fn from(died: Died) -> Self {
        Self { code: 1, sentence: died.to_string() }
    }
}

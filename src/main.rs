//! The command line; starts the runtime; hands over to the server.

use std::io::Write;
use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitCode;

use clap::CommandFactory;
use clap::error::ErrorKind;
use onlookers::config::{Cli, Command, Config, ConfigError, File, PictureArgs};
use onlookers::painting::Pictures;
use onlookers::server::{Control, Server};
use onlookers_picture::Value;
use tokio::signal::unix::{SignalKind, signal};
use tracing::level_filters::LevelFilter;

fn main() -> ExitCode {
    let cli = match Cli::load(std::env::args_os()) {
        Ok(cli) => cli,
        Err(error) => return bad_usage(&error),
    };
    start_log(&cli);
    let done = match &cli.command {
        Some(Command::Picture(args)) => picture(args),
        Some(Command::Check { file }) => return check(file),
        None => serve(&cli.config),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("onlookers: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Bad usage and a bad file are told in the same way, and end alike.
fn bad_usage(error: &ConfigError) -> ExitCode {
    match error {
        // Prints help and version to standard output, and exits with 0 for them.
        ConfigError::Usage(error) => error.exit(),
        _ => {
            eprintln!("onlookers: {error}");
            ExitCode::from(2)
        }
    }
}

fn check(file: &Path) -> ExitCode {
    match File::read(file) {
        Ok(_) => {
            println!("{} is fine", file.display());
            ExitCode::SUCCESS
        }
        Err(error) => bad_usage(&error),
    }
}

fn start_log(cli: &Cli) {
    let level = match i16::from(cli.verbose) - i16::from(cli.quiet) {
        ..=-2 => LevelFilter::ERROR,
        -1 => LevelFilter::WARN,
        0 => LevelFilter::INFO,
        1 => LevelFilter::DEBUG,
        2.. => LevelFilter::TRACE,
    };
    tracing_subscriber::fmt().with_max_level(level).with_writer(std::io::stderr).init();
}

fn picture(args: &PictureArgs) -> std::io::Result<()> {
    let style = match args.style() {
        Ok(style) => style,
        Err(error) => Cli::command().error(ErrorKind::ValueValidation, error).exit(),
    };
    std::fs::write(&args.output, Pictures::new(0).png(&style, Value::Count(args.count))).map_err(|error| {
        std::io::Error::new(error.kind(), format!("can't write {}: {error}", args.output.display()))
    })
}

#[tokio::main]
async fn serve(config: &Config) -> std::io::Result<()> {
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let server = Server::bind(config)?;
    greet(&server.addresses()?);
    tokio::spawn(reload_on_hangup(server.control())?);
    server
        .run(async {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
        })
        .await;
    Ok(())
}

/// Reads the configuration again at each SIGHUP. One that is bad leaves the running one in force.
fn reload_on_hangup(control: Control) -> std::io::Result<impl Future<Output = ()>> {
    let mut hangup = signal(SignalKind::hangup())?;
    Ok(async move {
        while hangup.recv().await.is_some() {
            match Cli::load(std::env::args_os()) {
                Ok(cli) => {
                    control.reload(&cli.config);
                    tracing::info!("the configuration was read again");
                }
                Err(error) => tracing::error!("the configuration stays as it was: {error}"),
            }
        }
    })
}

/// Says where the server is, and what to do with that. Somebody may have closed standard output: that is no reason not
/// to serve.
fn greet(addresses: &[SocketAddr]) {
    let mut out = std::io::stdout().lock();
    for address in addresses {
        let _ = writeln!(out, "onlookers listens on http://{address}/");
    }
    if let Some(address) = addresses.first() {
        let _ = write!(
            out,
            "\nThe tag to copy:\n    <img loading=\"lazy\" src=\"http://{address}/online.png\" width=\"200\" \
             height=\"30\" alt=\"Users online\">\nThe demo page, live:\n    http://{address}/\n"
        );
    }
    let _ = out.flush();
}

//! The processes of a session: the driver, which starts the browser, and a display where one is needed.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use thirtyfour::WebDriver;

use crate::Outcome;
use crate::engine::Engine;

/// How long a driver may take to start or to answer.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// What a session needs; it ends in this order.
pub(crate) struct Processes {
    _driver: Process,
    _display: Option<Display>,
    _log: Log,
    _profile: TempDir,
}

/// Starts the driver, and a browser with a new profile.
pub(crate) async fn start(engine: Engine, scale: u8) -> Outcome<(Processes, WebDriver)> {
    let profile = tempfile::tempdir()?;
    let display = engine.needs_display().then(Display::start).transpose()?;
    let log = Log(profile.path().join("driver.log"));
    let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let driver = spawn(engine.driver(port, profile.path(), scale), &display, &log.0)?;
    listening(port).await?;
    let capabilities = engine.capabilities(profile.path(), scale);
    let address = format!("http://127.0.0.1:{port}");
    let session = WebDriver::builder(address, capabilities).request_timeout(PATIENCE).connect().await?;
    session.set_page_load_timeout(PATIENCE / 2).await?;
    Ok((Processes { _driver: driver, _display: display, _log: log, _profile: profile }, session))
}

fn spawn(mut command: Command, display: &Option<Display>, log: &Path) -> Outcome<Process> {
    if let Some(display) = display {
        command.env("DISPLAY", &display.name);
    }
    let (out, err) = (File::create(log)?, File::options().append(true).open(log)?);
    let child = command.stdout(out).stderr(err).spawn();
    child.map(Process).map_err(|error| missing(&command, &error).into())
}

fn missing(command: &Command, error: &std::io::Error) -> String {
    format!("{:?}: {error}; tests/run installs it", command.get_program())
}

async fn listening(port: u16) -> Outcome {
    let begun = Instant::now();
    while tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_err() {
        if begun.elapsed() > PATIENCE {
            return Err("the driver does not listen".into());
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    Ok(())
}

/// What the driver and its browser say of themselves: worth reading only when a scenario failed.
struct Log(PathBuf);

impl Drop for Log {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the driver's log:\n{}", std::fs::read_to_string(&self.0).unwrap_or_default());
        }
    }
}

/// Ends with its owner.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A display that nobody sees.
struct Display {
    name: String,
    _process: Process,
}

impl Display {
    /// The X server chooses the number and prints it once it is ready.
    fn start() -> Outcome<Self> {
        let mut command = Command::new("Xvfb");
        command.args(["-displayfd", "1", "-screen", "0", "1280x1024x24", "-nolisten", "tcp"]);
        let spawned = command.stdout(Stdio::piped()).spawn();
        let mut process = spawned.map_err(|error| missing(&command, &error))?;
        let mut number = String::new();
        BufReader::new(process.stdout.take().ok_or("no standard output")?).read_line(&mut number)?;
        Ok(Self { name: format!(":{}", number.trim()), _process: Process(process) })
    }
}

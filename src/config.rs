//! Flags, environment and `onlookers.toml` become one [`Config`], parsed once. Flags beat environment beats file.

use std::collections::HashMap;
use std::ffi::OsString;
use std::fmt;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::parser::ValueSource;
use clap::{ArgAction, ArgMatches, Args, CommandFactory, FromArgMatches, Parser, Subcommand};

use ipnet::IpNet;

use crate::gate::Pattern;
use crate::picture::{Label, Style, StyleBuilder, StyleError, Themes};
use crate::room::Site;
use crate::transport::Sends;
pub use file::{Audience, File, FileError, PagePattern, SiteSettings};

mod file;

/// The command line.
#[derive(Parser, Debug)]
#[command(version, about, long_about = LONG, args_conflicts_with_subcommands = true, after_help = EXAMPLES)]
pub struct Cli {
    /// What else to do than to serve.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// How to serve.
    #[command(flatten)]
    pub config: Config,
    /// Log more: -v each refusal and each end of a connection, -vv all there is
    #[arg(short, long, action = ArgAction::Count, global = true)]
    pub verbose: u8,
    /// Log less: -q warnings, -qq errors only
    #[arg(short, long, action = ArgAction::Count, global = true)]
    pub quiet: u8,
}

const LONG: &str = "\
The live \"users online\" counter that is one plain image tag.

The response to the image stays open. Whenever somebody opens or leaves a page that shows it, a new picture goes down \
every open response, and the number on every page changes: no JavaScript, no cookies, nothing on disk. Each site that \
embeds the picture has a count of its own.";

const EXAMPLES: &str = "\
Examples:
  onlookers                                     try it: open the address it prints
  onlookers --allow example.com --allow '*.example.org'
                                                only these sites' pages show the counter
  onlookers --listen 0.0.0.0:9192 --label 'Readers'
  onlookers --config onlookers.toml             what can be set for single sites, too
  onlookers picture --count 42 -o online.png    write one picture to a file

Every flag can be given as an environment variable, where lists are separated by commas, and as a key of the file.
Flags beat environment beats file.
Exit codes: 0 after an orderly stop (SIGINT, SIGTERM), 2 for bad usage or a bad file, 1 for anything else.";

/// Everything but serving.
#[derive(Subcommand, Debug)]
pub enum Command {
    /// Write one picture to a file
    Picture(PictureArgs),
    /// Check an onlookers.toml without starting anything
    Check {
        /// The file
        file: PathBuf,
    },
}

/// How the server is to run.
#[derive(Args, Clone, Debug)]
pub struct Config {
    /// A file with any of these settings, and with those of single sites; read again on SIGHUP
    #[arg(long, value_name = "FILE", env = "ONLOOKERS_CONFIG")]
    pub config: Option<PathBuf>,
    /// What the file sets for single sites.
    #[arg(skip)]
    pub sites: HashMap<Site, SiteSettings>,
    /// Where to listen; can be given several times. Port 0 lets the system choose
    #[arg(
        long,
        value_name = "ADDR",
        env = "ONLOOKERS_LISTEN",
        value_delimiter = ',',
        default_value = "127.0.0.1:9192"
    )]
    pub listen: Vec<SocketAddr>,
    /// A site whose pages may show the counter: example.com, *.example.org, localhost:3000; can be given several times.
    /// Without any, every site may, each with a count of its own
    #[arg(long, value_name = "PATTERN", env = "ONLOOKERS_ALLOW", value_delimiter = ',')]
    pub allow: Vec<Pattern>,
    /// What stands before the number; at most 64 characters
    #[arg(long, value_name = "TEXT", env = "ONLOOKERS_LABEL", default_value = "Users online", value_parser = Label::new)]
    pub label: Label,
    /// A folder of digit themes for style=digits, each a folder with 0.png to 9.png
    #[arg(long, value_name = "DIR", env = "ONLOOKERS_THEMES")]
    pub themes: Option<PathBuf>,
    /// A font (TrueType or OpenType) that font= can name by its file's name; can be given several times
    #[arg(long, value_name = "FILE", env = "ONLOOKERS_FONT", value_delimiter = ',')]
    pub font: Vec<PathBuf>,
    /// How often each page gets the picture again when nothing changes (100ms to 1h); Firefox pages, which are noticed
    /// to have gone at the second one only, get it twice in that time. Proxies cut a stream that is silent for longer than they like
    #[arg(long, value_name = "TIME", env = "ONLOOKERS_REPAINT", default_value = "5s")]
    pub repaint: Repaint,
    /// How many pages may be open at once; one more gets 503 [default: what the limit of open files allows]
    #[arg(long, value_name = "N", env = "ONLOOKERS_MAX_VIEWERS")]
    pub max_viewers: Option<NonZeroUsize>,
    /// How many of them from one address [default: no limit; behind a proxy all come from the proxy's]
    #[arg(long, value_name = "N", env = "ONLOOKERS_MAX_PER_ADDRESS")]
    pub max_per_address: Option<NonZeroUsize>,
    /// How many sites may have a page open at once; a page of one more gets 503
    #[arg(long, value_name = "N", env = "ONLOOKERS_MAX_SITES", default_value = "100000")]
    pub max_sites: NonZeroUsize,
    /// How many different pages of one site; a page more gets 503
    #[arg(long, value_name = "N", env = "ONLOOKERS_MAX_PAGES_PER_SITE", default_value = "10000")]
    pub max_pages_per_site: NonZeroUsize,
    /// A network whose visitors see the count without being in it, as 192.0.2.0/24; can be given several times
    #[arg(long, value_name = "CIDR", env = "ONLOOKERS_IGNORE", value_delimiter = ',')]
    pub ignore: Vec<IpNet>,
    /// A network of proxies whose word on a visitor's address is taken (X-Forwarded-For, Forwarded, CF-Connecting-IP), as
    /// 10.0.0.0/8; can be given several times
    #[arg(long, value_name = "CIDR", env = "ONLOOKERS_TRUST_PROXY", value_delimiter = ',')]
    pub trust_proxy: Vec<IpNet>,
    /// Tell the pages with scripts where their readers are, and what they call themselves, if they say so
    #[arg(long, env = "ONLOOKERS_PRESENCE")]
    pub presence: bool,
    /// Pass on what pages with scripts say to each other; nothing of it is kept
    #[arg(long, env = "ONLOOKERS_MESSAGES")]
    pub messages: bool,
    /// How many threads write pictures, 1 to 64 [default: one a core]
    #[arg(long, value_name = "N", env = "ONLOOKERS_FANOUT_THREADS", value_parser = clap::value_parser!(u8).range(1..=64))]
    pub fanout_threads: Option<u8>,
    /// How long a viewer may take nothing of a part before it is let go. It has no flag: tests shorten it.
    #[doc(hidden)]
    #[arg(skip = WRITE_TIMEOUT)]
    pub write_timeout: Duration,
    /// How often a page with a WebSocket is asked whether it is there. It has no flag: tests shorten it.
    #[doc(hidden)]
    #[arg(skip = PING_EVERY)]
    pub ping_every: Duration,
    /// How they do it; for benches and tests
    #[arg(
        long,
        value_name = "WAY",
        env = "ONLOOKERS_FANOUT_SENDS",
        value_enum,
        default_value_t,
        hide = true
    )]
    pub fanout_sends: Sends,
}

const WRITE_TIMEOUT: Duration = Duration::from_secs(30);

const PING_EVERY: Duration = Duration::from_secs(20);

/// What the one picture is to show.
#[derive(Args, Debug)]
pub struct PictureArgs {
    /// The number
    #[arg(long, value_name = "N")]
    pub count: u64,
    /// What stands before it, if it isn't "Users online"
    #[arg(long, value_name = "TEXT")]
    pub label: Option<String>,
    /// plain, flat, flat-square, plastic, for-the-badge, social or digits
    #[arg(long, value_name = "NAME")]
    pub style: Option<String>,
    /// A colour's name, or hex without #
    #[arg(long, value_name = "COLOR")]
    pub color: Option<String>,
    /// The same, for the label's side
    #[arg(long, value_name = "COLOR")]
    pub label_color: Option<String>,
    /// light, dark, or a theme of digits: odometer, seven-segment, pixel
    #[arg(long, value_name = "NAME")]
    pub theme: Option<String>,
    /// 1 to 4 pixels of the file to one of the page, each way
    #[arg(long, value_name = "N")]
    pub scale: Option<String>,
    /// 1,234 or 1.2k
    #[arg(long, value_name = "FORMAT")]
    pub format: Option<String>,
    /// The file to write
    #[arg(short, long, value_name = "FILE")]
    pub output: PathBuf,
}

impl PictureArgs {
    /// The style that the arguments ask for, which are the parameters that a URL has, by the same names.
    ///
    /// # Errors
    /// [`StyleError`] if one of them can't be.
    pub fn style(&self) -> Result<Style, StyleError> {
        let mut style = StyleBuilder::default();
        for (name, value) in [
            ("label", &self.label),
            ("style", &self.style),
            ("color", &self.color),
            ("labelColor", &self.label_color),
            ("theme", &self.theme),
            ("scale", &self.scale),
            ("format", &self.format),
        ] {
            value.as_ref().map(|value| style.take(name, value)).transpose()?;
        }
        style.build(&Themes::default())
    }
}

/// How often an unchanged picture is sent again.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Repaint(pub Duration);

/// Arguments that can't be used.
#[derive(Debug)]
pub enum ConfigError {
    /// On the command line or in the environment.
    Usage(clap::Error),
    /// In the file.
    File(FileError),
}

impl Cli {
    /// Parses arguments, the first of which is the program's name, the environment, and the file that they name.
    ///
    /// # Errors
    /// [`ConfigError`], also for `--help` and `--version`, whose text is the "error".
    pub fn load(args: impl IntoIterator<Item = impl Into<OsString> + Clone>) -> Result<Self, ConfigError> {
        let matches = Self::command().try_get_matches_from(args).map_err(ConfigError::Usage)?;
        let mut cli = Self::from_arg_matches(&matches).map_err(ConfigError::Usage)?;
        if let Some(path) = &cli.config.config {
            let file = File::read(path).map_err(ConfigError::File)?;
            cli.config.fill(file, &matches);
        }
        Ok(cli)
    }
}

impl Config {
    /// Takes from the file what neither a flag nor the environment has set.
    fn fill(&mut self, mut file: File, matches: &ArgMatches) {
        let open = |id| {
            !matches!(matches.value_source(id), Some(ValueSource::CommandLine | ValueSource::EnvVariable))
        };
        set(&mut self.listen, file.listen.take(), open("listen"));
        set(&mut self.allow, file.allow.take().map(file::texts), open("allow"));
        set(&mut self.label, file.label.take().map(|label| label.0), open("label"));
        set(&mut self.repaint, file.repaint.take().map(|repaint| repaint.0), open("repaint"));
        set(&mut self.themes, file.themes.take().map(Some), open("themes"));
        set(&mut self.font, file.font.take(), open("font"));
        set(&mut self.max_viewers, file.max_viewers.take().map(Some), open("max_viewers"));
        set(&mut self.max_per_address, file.max_per_address.take().map(Some), open("max_per_address"));
        set(&mut self.max_sites, file.max_sites.take(), open("max_sites"));
        set(&mut self.max_pages_per_site, file.max_pages_per_site.take(), open("max_pages_per_site"));
        set(&mut self.ignore, file.ignore.take(), open("ignore"));
        set(&mut self.trust_proxy, file.trust_proxy.take(), open("trust_proxy"));
        set(&mut self.presence, file.presence.take(), open("presence"));
        set(&mut self.messages, file.messages.take(), open("messages"));
        set(&mut self.fanout_threads, file.fanout_threads.take().map(Some), open("fanout_threads"));
        self.sites = file.into_sites();
    }
}

fn set<T>(setting: &mut T, value: Option<T>, open: bool) {
    if let (Some(value), true) = (value, open) {
        *setting = value;
    }
}

impl FromStr for Repaint {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let every = humantime::parse_duration(text).map_err(|error| format!("{error}; write 5s or 500ms"))?;
        let bounds = Duration::from_millis(100)..=Duration::from_hours(1);
        if bounds.contains(&every) { Ok(Self(every)) } else { Err("it can be 100ms to 1h".to_owned()) }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage(error) => error.fmt(f),
            Self::File(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for ConfigError {}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    fn parse(args: &[&str]) -> Result<Cli, clap::Error> {
        Cli::try_parse_from([&["onlookers"], args].concat())
    }

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn defaults_serve_this_machine_only() {
        let config = parse(&[]).unwrap().config;
        assert_eq!(config.listen, ["127.0.0.1:9192".parse().unwrap()]);
        assert_eq!(config.repaint.0, Duration::from_secs(5));
        assert!(config.allow.is_empty());
    }

    #[test]
    fn bad_values_are_bad_usage() {
        for args in [
            ["--repaint", "5"],
            ["--repaint", "0s"],
            ["--repaint", "2h"],
            ["--allow", "https://example.com/"],
            ["--listen", "9192"],
            ["--max-viewers", "0"],
            ["--max-sites", "0"],
            ["--max-pages-per-site", "some"],
            ["--fanout-threads", "65"],
            ["--nonsense", "1"],
        ] {
            assert_eq!(parse(&args).unwrap_err().exit_code(), 2, "{args:?}");
        }
    }
}

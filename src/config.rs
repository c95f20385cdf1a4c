//! Flags, environment and `onlookers.toml` become one [`Config`], parsed once. Flags beat environment beats file.

use std::collections::HashMap;
use std::ffi::OsString;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgAction, Args, CommandFactory, FromArgMatches, Parser, Subcommand};
use onlookers_rooms::Site;

pub use crate::doctor::DoctorArgs;
pub use crate::logging::LogFormat;
pub use crate::net::listener::{Group, Listener, ListenerError, Place, SocketFile, Speaks};
pub use crate::net::sni_pass::{SniPass, SniPassError};
pub use crate::net::tls::Alpn;
#[cfg(feature = "redis")]
pub use crate::nodes::{RedisUrl, RedisUrlError};
pub use crate::settings::{
    AgentPattern, AgentPatternError, Audience, ClientHeader, ClientHeaderError, PagePattern,
    PagePatternError, Reloadable, SiteSettings,
};
use crate::settings::{Settings, values};
use crate::transport::Sends;
pub use acme::{Acme, AcmeName, AcmeNameError, DirectoryUrl, DirectoryUrlError, Email, EmailError};
pub use admin::{AdminPlace, AdminPlaceError};
pub use control::{ControlPath, ControlPathError};
pub use error::ConfigError;
pub use file::File;
pub(crate) use listed::is_reloaded;
pub use picture::PictureArgs;
pub use tls::TlsFiles;

#[cfg_attr(not(feature = "acme"), allow(dead_code, reason = "these settings are refused"))]
mod acme;
mod admin;
mod control;
mod environment;
mod error;
mod file;
mod listed;
mod listen;
mod picture;
mod times;
mod tls;

/// The command line.
#[derive(Parser, Debug)]
#[command(version, about, long_about = LONG, args_conflicts_with_subcommands = true, after_help = EXAMPLES)]
pub struct Cli {
    /// The command; none is to serve.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// A file with any of these settings, and with those of single sites; read again on SIGHUP
    #[arg(long = "config", value_name = "FILE", env = "ONLOOKERS_CONFIG")]
    pub file: Option<PathBuf>,
    /// The settings of the server.
    #[command(flatten)]
    pub config: Config,
    /// Log more: -v each refusal and each end of a connection, -vv all there is
    #[arg(short, long, action = ArgAction::Count, global = true)]
    pub verbose: u8,
    /// Log less: -q warnings, -qq errors only
    #[arg(short, long, action = ArgAction::Count, global = true)]
    pub quiet: u8,
    /// Whether the file sets anything.
    #[arg(skip)]
    pub has_file_settings: bool,
}

const LONG: &str = "\
The live \"users online\" counter that is one plain image tag.

The response to the image stays open. Whenever somebody opens or leaves a page that shows it, a new picture goes down \
every open response, and the number on every page changes: no JavaScript, no cookies, nothing on disk. Each site that \
embeds the picture has a count of its own.";

const EXAMPLES: &str = "\
Examples:
  onlookers                                     try it: open the address it prints
  onlookers --allow example.com --allow '*.example.org' --name count.example
                                                only these sites' pages show the counter
  onlookers --listen 0.0.0.0:9192 --label 'Readers'
  onlookers --config onlookers.toml             what can be set for single sites, too
  onlookers picture --count 42 -o online.png    write one picture to a file
  onlookers doctor https://count.example/       is anything in between holding it back?
  onlookers health --config onlookers.toml      is the server that runs with this file healthy?

Every flag can be given as an environment variable, where lists are separated by commas, and as a key of the file.
Flags beat environment beats file.
Exit codes: 0 after an orderly stop (SIGINT, SIGTERM), 2 for bad usage or a bad file, 1 for anything else, and\nwhen a part has died that the server can't do without.";

/// The commands that don't serve.
#[derive(Subcommand, Debug)]
pub enum Command {
    /// Write one picture to a file
    Picture(PictureArgs),
    /// Look at a counter, or a page that shows one, and say what proxies in between do to it
    Doctor(DoctorArgs),
    /// Check an onlookers.toml without starting anything
    Check {
        /// The file
        file: PathBuf,
    },
    /// Ask the running server whether it is healthy, as a container's health check does: exit 0 unless it stops or doesn't answer
    Health {
        /// The flags that the server was started with; it has the same environment
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "FLAGS")]
        flags: Vec<OsString>,
    },
    /// Have the running server start its program anew, as it is on the disk now, and give it every open page; waits until that is done
    Upgrade {
        /// The flags that the server was started with, of which --control or the file that has it are enough
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "FLAGS")]
        flags: Vec<OsString>,
    },
}

/// The settings of the server: one field is a flag, an environment variable and a key of the file.
#[derive(Args, Clone, Debug)]
pub struct Config {
    #[allow(rustdoc::broken_intra_doc_links, reason = "it is the text of --help, too")]
    /// Where to listen: 127.0.0.1:9192, localhost:9192, or :9192 for all addresses of the machine, and tls:[::]:443 for https;
    /// can be given several times. Port 0 lets the system choose. Other places: unix:/PATH (also
    /// unix:/PATH?mode=0660&group=www-data), systemd or fd:NAME for sockets that systemd has opened, and passed:/PATH for
    /// connections that another program passes
    #[arg(long, value_name = "ADDR", env = "ONLOOKERS_LISTEN", value_delimiter = ',', value_parser = values::trimmed::<Listener>)]
    #[arg(default_value = "127.0.0.1:9192")]
    pub listen: Vec<Listener>,
    /// The files of certificates.
    #[command(flatten)]
    pub tls_files: TlsFiles,
    /// The protocols that tls: listeners offer
    #[arg(long, value_enum, env = "ONLOOKERS_ALPN", default_value_t)]
    pub alpn: Alpn,
    /// Certificates that are ordered.
    #[command(flatten)]
    pub acme: Acme,
    /// Connections of tls: listeners for this name go to another server as they are: other.example=127.0.0.1:8443, or
    /// *.other.example=unix:/PATH; with proxy+ before the place, a header of the PROXY protocol comes first; can be given several times
    #[arg(long, value_name = "NAME=ADDR", env = "ONLOOKERS_SNI_PASS", value_delimiter = ',', value_parser = values::trimmed::<SniPass>)]
    pub sni_pass: Vec<SniPass>,
    /// Answer port 80 with redirections to https. Other ports: --listen redirect:ADDR
    #[arg(long, env = "ONLOOKERS_REDIRECT_HTTP")]
    pub redirect_http: bool,
    /// The settings that a reload puts into force.
    #[command(flatten)]
    pub reloadable: Reloadable,
    /// The file's settings of single sites, also reloaded.
    #[arg(skip)]
    pub sites: HashMap<Site, SiteSettings>,
    /// Whether a reload may deny clients that are in, so that it has to be known who they are.
    #[arg(skip)]
    pub knows_clients: bool,
    /// All settings as text, by their keys and without passwords; nothing before they are loaded.
    #[arg(skip)]
    pub listed: Vec<(String, String)>,
    /// A folder of digit themes for style=digits, each a folder with 0 to 9 as .png, .gif or .webp
    #[arg(long, value_name = "DIR", env = "ONLOOKERS_THEMES")]
    pub themes: Option<PathBuf>,
    /// A font (TrueType or OpenType) that font= can name by its file's name; can be given several times
    #[arg(long, value_name = "FILE", env = "ONLOOKERS_FONT", value_delimiter = ',')]
    pub font: Vec<PathBuf>,
    /// How often each page gets the picture again when nothing changes (100ms to 1h). Firefox pages, which are noticed to
    /// have gone at the second one only, get it twice in that time; those of Chromium and WebKit without a proxy in between
    /// once in five times that. Proxies cut a stream that is silent for longer than they like
    #[arg(long, value_name = "TIME", env = "ONLOOKERS_REPAINT", default_value = "5s", value_parser = times::repaint)]
    pub repaint: Duration,
    /// How many pages may be open at once; one more gets 503 [default: what the limits of open files and memory allow]
    #[arg(long, value_name = "N", env = "ONLOOKERS_MAX_VIEWERS")]
    pub max_viewers: Option<NonZeroUsize>,
    /// How many of them from one IPv4 address or one IPv6 /64 [default: no limit; behind a proxy all come from the proxy's]
    #[arg(long, value_name = "N", env = "ONLOOKERS_MAX_PER_ADDRESS")]
    pub max_per_address: Option<NonZeroUsize>,
    /// How many sites may have a page open at once; a page of one more gets 503
    #[arg(long, value_name = "N", env = "ONLOOKERS_MAX_SITES", default_value = "100000")]
    pub max_sites: NonZeroUsize,
    /// How many different pages of one site; a page more gets 503
    #[arg(long, value_name = "N", env = "ONLOOKERS_MAX_PAGES_PER_SITE", default_value = "10000")]
    pub max_pages_per_site: NonZeroUsize,
    /// Redis or Valkey, through which several servers count together: redis://cache.example:6379, or unix:///run/redis.sock. A
    /// password is better kept in the file or the environment
    #[cfg(feature = "redis")]
    #[arg(long, value_name = "URL", env = "ONLOOKERS_REDIS", hide_env_values = true, value_parser = values::trimmed::<RedisUrl>)]
    pub redis: Option<RedisUrl>,
    /// Certificates of authorities, in PEM, to trust for Redis in place of those of the system
    #[cfg(feature = "redis")]
    #[arg(long, value_name = "FILE", env = "ONLOOKERS_REDIS_CA")]
    pub redis_ca: Option<PathBuf>,
    /// Where operators may ask for /metrics, /livez, /readyz, /healthz and /status, apart from the pictures: 127.0.0.1:9193, or unix:/PATH.
    /// It shows the addresses of visitors, so only operators should reach it [default: nowhere]
    #[arg(long, value_name = "ADDR", env = "ONLOOKERS_ADMIN", value_parser = values::trimmed::<AdminPlace>)]
    pub admin: Option<AdminPlace>,
    /// The format of the log
    #[arg(long, value_enum, value_name = "FORMAT", env = "ONLOOKERS_LOG", default_value_t)]
    pub log: LogFormat,
    /// How many threads write pictures, 1 to 63 [default: one a core]
    #[arg(long, value_name = "N", env = "ONLOOKERS_FANOUT_THREADS", value_parser = clap::value_parser!(u8).range(1..=63))]
    pub fanout_threads: Option<u8>,
    /// How long the open streams may take to end on SIGTERM or SIGINT (0s to 60s). Last pictures are painted for half of that
    /// time; the remaining streams end with the picture that they show
    #[arg(long, value_name = "TIME", env = "ONLOOKERS_DRAIN", default_value = "3s", value_parser = times::drain)]
    pub drain: Duration,
    /// Where `onlookers upgrade` finds this server: the path of a Unix socket that is made for it, /run/onlookers/control.sock. Only the
    /// same user and root may use it [default: nowhere; SIGUSR2 upgrades, too]
    #[arg(long, value_name = "PATH", env = "ONLOOKERS_CONTROL", value_parser = values::trimmed::<ControlPath>)]
    pub control: Option<ControlPath>,
    /// How long the old process may stay after an upgrade for connections that can't move: those of HTTP/2 and TLS 1.2 (0s to 7d)
    #[arg(long, value_name = "TIME", env = "ONLOOKERS_LINGER", default_value = "1h", value_parser = times::linger)]
    pub linger: Duration,
    /// Have a small process, the keeper, start the server anew when it dies, so that open pages go on
    #[arg(long, env = "ONLOOKERS_KEEP")]
    pub keep: bool,
    /// How long a write may make no progress before the viewer is disconnected. It has no flag: tests shorten it.
    #[doc(hidden)]
    #[arg(skip = Duration::from_secs(30))]
    pub write_timeout: Duration,
    /// How often a WebSocket is sent a ping. It has no flag: tests shorten it.
    #[doc(hidden)]
    #[arg(skip = Duration::from_secs(20))]
    pub ping_every: Duration,
    /// How the threads write; for benches and tests
    #[arg(long, value_enum, env = "ONLOOKERS_FANOUT_SENDS", default_value_t, hide = true)]
    pub fanout_sends: Sends,
}

impl Cli {
    /// Parses the arguments, of which the first is the program's name, the environment, and the file that they name.
    ///
    /// # Errors
    /// [`ConfigError`], also for `--help` and `--version`.
    pub fn load(args: impl IntoIterator<Item = impl Into<OsString>>) -> Result<Self, ConfigError> {
        let args: Vec<OsString> = args.into_iter().map(Into::into).collect();
        let command = environment::without_empty(Self::command());
        let matches = command.clone().try_get_matches_from(&args);
        // Not before `--help`, and not for a subcommand, which doesn't use them.
        let serves =
            matches.as_ref().map_or_else(clap::Error::use_stderr, |matches| matches.subcommand().is_none());
        if serves {
            environment::refuse_quotes(&command).map_err(ConfigError::Usage)?;
        }
        let matches = matches.map_err(ConfigError::Usage)?;
        let mut cli = Self::from_arg_matches(&matches).map_err(ConfigError::Usage)?;
        let Some(path) = &cli.file else {
            cli.config.listed = listed::listed(&cli.config, &matches);
            return Ok(cli);
        };
        let file = File::read(path)?;
        let command = file.set_defaults(command, &matches);
        let matches = command.try_get_matches_from(&args).map_err(ConfigError::Usage)?;
        let mut cli = Self::from_arg_matches(&matches).map_err(ConfigError::Usage)?;
        cli.has_file_settings = !file.is_empty();
        cli.config.sites = file.into_sites();
        cli.config.knows_clients = true;
        cli.config.listed = listed::listed(&cli.config, &matches);
        Ok(cli)
    }

    /// [`load`](Self::load) once more, to replace `self`. A file that has lost all its settings is refused: perhaps somebody
    /// is about to write it, or the disk was full; and without `allow`, every site may embed the counter.
    ///
    /// # Errors
    /// [`ConfigError`].
    pub fn load_again(
        &self,
        args: impl IntoIterator<Item = impl Into<OsString>>,
    ) -> Result<Self, ConfigError> {
        let again = Self::load(args)?;
        match &again.file {
            Some(file) if self.has_file_settings && !again.has_file_settings => {
                Err(ConfigError::Emptied(file.clone()))
            }
            _ => Ok(again),
        }
    }
}

impl Config {
    /// The settings that may change while the server runs.
    pub(crate) fn settings(&self) -> Settings {
        Settings::new(self.reloadable.clone(), self.sites.clone(), self.listed.clone())
    }
}

#[cfg(test)]
mod tests;

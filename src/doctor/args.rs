//! Arguments of `onlookers doctor`.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use onlookers_rooms::Site;

use super::proxy::Proxy;
use super::url::Url;

/// The longest time to watch.
const MAX_WATCH: Duration = Duration::from_hours(1);

/// What to look at, and for how long.
#[derive(Args, Clone, Debug)]
pub struct DoctorArgs {
    #[allow(rustdoc::bare_urls, reason = "it is the text of --help, too")]
    /// The counter's address, as https://count.example/, or that of a page that shows the counter
    #[arg(value_parser = Url::parse)]
    pub url: Url,
    /// How long the streams stay open (0s to 1h). 35s finds proxies that cut a silent connection, 2m most of those that
    /// limit a connection's whole time
    #[arg(long, value_name = "TIME", default_value = "3s", value_parser = watch)]
    pub watch: Duration,
    /// The site as whose page to ask, if the counter's own name isn't one of its sites and no --name: example.com
    #[arg(long, value_name = "SITE", value_parser = site)]
    pub site: Option<Site>,
    /// The proxy that is in front, if it doesn't say so itself
    #[arg(long, value_name = "NAME", value_enum)]
    pub proxy: Option<Proxy>,
    /// Connect to this IP address, whatever address the name has
    #[arg(long, value_name = "ADDR")]
    pub connect: Option<IpAddr>,
    /// A file with certificates (PEM) that are trusted besides the system's; can be given several times
    #[arg(long, value_name = "FILE")]
    pub ca: Vec<PathBuf>,
}

fn watch(text: &str) -> Result<Duration, String> {
    let time = humantime::parse_duration(text).map_err(|error| format!("{error}; write 35s or 2m"))?;
    if time <= MAX_WATCH { Ok(time) } else { Err("it can be 0s to 1h".to_owned()) }
}

fn site(text: &str) -> Result<Site, String> {
    let site: Site = text.parse().map_err(|_| "write it as example.com".to_owned())?;
    if site.as_str().is_empty() { Err("write it as example.com".to_owned()) } else { Ok(site) }
}

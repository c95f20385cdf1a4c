//! `onlookers doctor URL`: looks at a counter, or at a page that shows one, from where its readers are, and says what the
//! proxies in between do to it.
//!
//! In order: where the address leads (`place`), whether a page lets browsers load the counter (`page`), how requests arrive
//! (`arrival`), and how the streams flow (`live`).
//! Every read is bounded in bytes and time; whatever comes back is text for a `Report`, and nothing more.

use std::io::{self, Write};

pub use args::DoctorArgs;

use ask::Asker;
use fetch::Network;
use place::Place;
use report::Report;

mod args;
mod arrival;
mod ask;
mod csp;
mod events;
mod fetch;
mod finding;
mod heads;
mod live;
mod page;
mod picture;
mod place;
mod proxy;
mod report;
mod tags;
mod trust;
mod url;
mod watch;
mod websocket;

/// How many counters of one page are looked at.
const MAX_COUNTERS: usize = 3;

/// Looks, and writes lines to `out`. Returns how many faults there are.
///
/// # Errors
/// The system's, if it can't begin.
pub fn run(args: &DoctorArgs, out: impl Write) -> io::Result<usize> {
    let network = Network { tls: trust::connector(&args.ca)?, connect: args.connect };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut report = Report::new(out, args.proxy);
    runtime.block_on(visit(args, network, &mut report));
    // A name may still be being resolved.
    runtime.shutdown_background();
    Ok(report.faults())
}

async fn visit<W: Write>(args: &DoctorArgs, network: Network, report: &mut Report<W>) {
    let site = args.site.clone().map(|site| (site.clone(), format!("https://{site}")));
    match place::find(&network, &args.url, report).await {
        Some(Place::Counter(base)) => counter(args, Asker::new(network, base, site), report).await,
        Some(Place::Page(url, headers, text)) => {
            let counters = page::check(&url, &headers, &text, report);
            let site = args.site.clone().map_or_else(
                || (url.site().clone(), url.origin()),
                |site| (site.clone(), format!("https://{site}")),
            );
            for base in counters.into_iter().take(MAX_COUNTERS) {
                report.note(&format!("the counter is {base}"));
                counter(args, Asker::new(network.clone(), base, Some(site.clone())), report).await;
            }
        }
        None => {}
    }
    if report.faults() == 0 {
        report.ok("nothing is wrong");
    }
}

/// A counter, as the page of one site sees it.
async fn counter<W: Write>(args: &DoctorArgs, asker: Asker, report: &mut Report<W>) {
    if let Some(asker) = arrival::check(asker, report).await {
        live::check(&asker, args.watch, report).await;
    }
}

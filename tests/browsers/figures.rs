//! What was measured, for people who want to quote it.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;
use std::time::Duration;

use crate::Outcome;
use crate::browser::Browser;

/// Prints the median and the worst of some latencies, and keeps them in a file that `tests/run` prints at the end.
/// What is painted is known only after a look at the page, which the driver needs some 50 to 100 ms for.
pub(crate) fn print(browser: &Browser, what: &str, mut latencies: Vec<Duration>) -> Outcome {
    latencies.sort();
    let (Some(median), Some(worst)) = (latencies.get(latencies.len() / 2), latencies.last()) else {
        return Err(format!("nothing was measured of: {what}").into());
    };
    let (median, worst, times) = (median.as_millis(), worst.as_millis(), latencies.len());
    print_one(browser, what, &format!("median {median} ms, worst {worst} ms, {times} times"))
}

/// Prints and keeps a figure of another kind.
pub(crate) fn print_one(browser: &Browser, what: &str, figure: &str) -> Outcome {
    let line = format!("{what}: {}: {figure}", browser.name());
    println!("figure: {line}");
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join("figures.txt");
    writeln!(OpenOptions::new().create(true).append(true).open(file)?, "{line}")?;
    Ok(())
}

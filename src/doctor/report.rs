//! The lines for people.

use std::io::{self, Write};
use std::time::Duration;

use hyper::HeaderMap;

use super::finding::Fault;
use super::proxy::Proxy;

/// The longest line, in characters: parts of answers are in some.
const MAX_LINE: usize = 400;

/// What has been found. Lines go out as they are written.
pub(super) struct Report<W> {
    out: W,
    proxies: Vec<Proxy>,
    faults: usize,
    /// What is written only once.
    said: Vec<String>,
}

impl<W: Write> Report<W> {
    pub(super) fn new(out: W, proxy: Option<Proxy>) -> Self {
        Self { out, proxies: proxy.into_iter().collect(), faults: 0, said: Vec::new() }
    }

    /// How many faults there are.
    pub(super) fn faults(&self) -> usize {
        self.faults
    }

    /// Remembers the proxies that an answer names.
    pub(super) fn recognise(&mut self, headers: &HeaderMap) {
        for proxy in Proxy::named_in(headers) {
            if !self.proxies.contains(&proxy) {
                self.proxies.push(proxy);
            }
        }
    }

    /// Whether an answer or the caller named a proxy.
    pub(super) fn knows_proxy(&self) -> bool {
        !self.proxies.is_empty()
    }

    pub(super) fn ok(&mut self, text: &str) {
        self.line("ok     ", text);
    }

    pub(super) fn note(&mut self, text: &str) {
        if self.is_new(text) {
            self.line("note   ", text);
        }
    }

    /// A fault, with what helps.
    pub(super) fn fault(&mut self, fault: Fault, text: &str) {
        if !self.is_new(text) {
            return;
        }
        self.faults += 1;
        self.line("fault  ", text);
        let known: Vec<_> = self
            .proxies
            .iter()
            .filter(|_| fault.is_of_proxy())
            .filter_map(|proxy| proxy.fix(fault).map(|fix| format!("in {}: {fix}", proxy.name())))
            .collect();
        for fix in &known {
            self.line("       ", fix);
        }
        if known.is_empty() && !fault.general_fix().is_empty() {
            self.line("       ", fault.general_fix());
        }
    }

    /// A fault of a page, with what helps.
    pub(super) fn page_fault(&mut self, text: &str, fix: &str) {
        let before = self.faults;
        self.fault(Fault::Page, text);
        if self.faults > before {
            self.line("       ", fix);
        }
    }

    fn is_new(&mut self, text: &str) -> bool {
        let is_new = !self.said.iter().any(|said| said == text);
        if is_new {
            self.said.push(text.to_owned());
        }
        is_new
    }

    /// Somebody may have closed standard output; the exit code says the most important thing, too.
    fn line(&mut self, before: &str, text: &str) {
        let text: String =
            text.chars().take(MAX_LINE).map(|c| if c.is_control() { ' ' } else { c }).collect();
        let _: io::Result<()> = writeln!(self.out, "{before}{text}").and_then(|()| self.out.flush());
    }
}

/// A time for people: `0.04 s`.
pub(super) fn seconds(time: Duration) -> String {
    match time.as_secs_f64() {
        short @ ..10.0 => format!("{short:.2} s"),
        long => format!("{long:.0} s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_has_the_line_of_the_known_proxy_below_it() {
        let mut out = Vec::new();
        let mut report = Report::new(&mut out, Some(Proxy::Nginx));
        report.ok("fine");
        report.fault(Fault::Host, "the Host is\x1b[31m wrong");
        report.fault(Fault::Host, "the Host is\x1b[31m wrong");
        report.fault(Fault::Untrusted, "unknown");
        assert_eq!(report.faults(), 2);
        let text = String::from_utf8(out).unwrap();
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines[0], "ok     fine");
        assert_eq!(lines[1], "fault  the Host is [31m wrong");
        assert_eq!(lines[2], "       in nginx: proxy_set_header Host $http_host;");
        assert!(lines[4].contains("--trust-proxy") && lines.len() == 5, "{text}");
        assert_eq!(seconds(Duration::from_millis(42)), "0.04 s");
        assert_eq!(seconds(Duration::from_millis(12_700)), "13 s");
    }
}

//! Where a configuration has the server listen.

use super::{Config, Listener, Speaks};

/// The port of URLs with http.
const HTTP: u16 = 80;

impl Config {
    /// Where to listen, and for what: with `redirect_http`, listeners on port 80 redirect, and there is one.
    pub(crate) fn listeners(&self) -> Vec<Listener> {
        let mut listeners = self.listen.clone();
        if !self.redirect_http {
            return listeners;
        }
        let plain = listeners.iter_mut().filter(|listener| listener.is_plain_at(HTTP));
        let plain = plain.map(|listener| listener.speaks = Speaks::Redirect).count();
        if plain == 0 {
            listeners.push(Listener::redirecting(HTTP));
        }
        listeners
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::config::Cli;

    #[test]
    fn port_80_redirects_if_it_is_to() {
        let places = |args: &[&str]| {
            let listeners = Cli::try_parse_from([&["onlookers", "--redirect-http"], args].concat())
                .unwrap()
                .config
                .listeners();
            listeners.iter().map(|it| (it.place.to_string(), it.speaks)).collect::<Vec<_>>()
        };
        let of = |place: &str, speaks| (place.to_owned(), speaks);
        let added = [of("127.0.0.1:9192", Speaks::Http), of("[::]:80", Speaks::Redirect)];
        assert_eq!(places(&[]), added);
        let changed = [of("0.0.0.0:80", Speaks::Redirect), of("[::]:8080", Speaks::Http)];
        assert_eq!(places(&["--listen", "0.0.0.0:80", "--listen", ":8080"]), changed);
    }
}

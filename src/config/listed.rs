//! The settings as text, for operators, without passwords.

use clap::{ArgMatches, Args, Command};

use super::{Config, TlsFiles};
use crate::settings::Reloadable;

/// Keys of the file, each with its value; nothing for one that isn't set and has no default.
pub(super) fn listed(config: &Config, matches: &ArgMatches) -> Vec<(String, String)> {
    let mut listed = Vec::new();
    for argument in Config::augment_args(Command::new("listed")).get_arguments() {
        let key = argument.get_id().as_str();
        if argument.is_hide_set() {
            continue;
        }
        let values = matches.try_get_raw(key).ok().flatten().into_iter().flatten();
        let values: Vec<_> = values.map(|value| value.to_string_lossy().into_owned()).collect();
        listed.push((key.to_owned(), without_password(config, key, values.join(", "))));
    }
    let sites: Vec<_> = config.sites.keys().map(|site| site.as_str()).collect();
    listed.push(("sites".to_owned(), sites.join(", ")));
    listed
}

/// Whether a reload puts the value of that key into force.
pub(crate) fn is_reloaded(key: &str) -> bool {
    let command = TlsFiles::augment_args(Reloadable::augment_args(Command::new("reloaded")));
    key == "sites" || command.get_arguments().any(|argument| argument.get_id() == key)
}

/// The only setting that may have a password in it is the URL of Redis, which shows itself without.
fn without_password(config: &Config, key: &str, value: String) -> String {
    #[cfg(feature = "redis")]
    if key == "redis" {
        return config.redis.as_ref().map(ToString::to_string).unwrap_or_default();
    }
    let _ = (config, key);
    value
}

#[cfg(test)]
mod tests {
    use super::super::Cli;
    use super::*;

    #[test]
    fn every_key_is_listed_and_no_password() {
        let args = [
            "onlookers",
            "--allow",
            "a.example",
            "--allow",
            "b.example",
            "--redis",
            "redis://me:secret@127.0.0.1/1",
        ];
        let args = if cfg!(feature = "redis") { &args[..] } else { &args[..5] };
        let listed = Cli::load(args).unwrap().config.listed;
        let value =
            |key: &str| listed.iter().find(|(known, _)| known == key).map(|(_, value)| value.as_str());
        assert_eq!(value("allow"), Some("a.example, b.example"));
        assert_eq!(
            (value("repaint"), value("presence"), value("max_viewers")),
            (Some("5s"), Some("false"), Some(""))
        );
        assert!(listed.iter().all(|(_, value)| !value.contains("secret")), "{listed:?}");
        if cfg!(feature = "redis") {
            assert_eq!(value("redis"), Some("redis://127.0.0.1:6379/1"));
        }
        assert!(is_reloaded("allow") && is_reloaded("tls_cert") && !is_reloaded("listen"));
    }
}

//! `onlookers.toml`: every flag as a key, and settings of single sites.
//!
//! The keys are the fields of [`Config`], and each value is checked by its flag's parser: a new field is a new key.

use std::collections::{BTreeMap, HashMap};
use std::error::Error;
use std::path::Path;

use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches};
use onlookers_rooms::{Site, SiteError};
use serde::Deserialize;
use toml::{Spanned, Value};

use super::{Config, ConfigError};
use crate::files;
use crate::settings::SiteSettings;

type AnyError = Box<dyn Error + Send + Sync>;

/// The longest file, in bytes: settings of ten thousand sites.
const MAX_BYTES: usize = 1024 * 1024;

/// The settings of a file, all of them valid.
#[derive(Debug)]
pub struct File {
    /// By the argument's id, as a flag would get them.
    values: HashMap<String, Vec<String>>,
    /// The line of each.
    lines: HashMap<String, usize>,
    sites: HashMap<Site, SiteSettings>,
}

#[derive(Deserialize)]
struct Sites {
    #[serde(default)]
    sites: BTreeMap<Spanned<String>, SiteSettings>,
}

impl File {
    /// Reads and parses the file at `path`.
    ///
    /// # Errors
    /// [`ConfigError::File`], if it can't be read or something in it is wrong.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let file = read_text(path).and_then(|text| Self::parse(&text));
        file.map_err(|source| ConfigError::File(path.to_owned(), source))
    }

    fn parse(text: &str) -> Result<Self, AnyError> {
        let Sites { sites } = toml::from_str(text)?;
        let mut table: BTreeMap<Spanned<String>, Value> = toml::from_str(text)?;
        table.remove("sites");
        let command = Config::augment_args(Command::new("file"));
        let (mut values, mut lines) = (HashMap::new(), HashMap::new());
        for (key, value) in table {
            let line = line_of(&key, text);
            let texts = parse_value(&command, key.get_ref(), value)
                .map_err(|error| format!("line {line}: {}: {}", key.get_ref(), sentence(&*error)))?;
            lines.insert(key.get_ref().clone(), line);
            values.insert(key.into_inner(), texts);
        }
        Ok(Self { values, lines, sites: parse_sites(sites, text)? })
    }

    /// The settings of this file alone, whatever the environment says.
    ///
    /// # Errors
    /// None that [`File::read`] wouldn't have found.
    pub fn config(&self) -> Result<Config, ConfigError> {
        let command = Config::augment_args(Command::new("file")).mut_args(|arg| arg.env(None::<&str>));
        let command = command.mut_args(|arg| self.set_default(arg));
        let matches = command.try_get_matches_from([""; 0]).map_err(ConfigError::Usage)?;
        Config::from_arg_matches(&matches).map_err(ConfigError::Usage)
    }

    /// `error` with the line of the setting that it is about; `path` is this file's.
    pub fn locate(&self, path: &Path, error: ConfigError) -> ConfigError {
        let line = |key| self.lines.get(key).map_or_else(String::new, |line| format!("line {line}: "));
        match error {
            ConfigError::Setting(key, source) => {
                ConfigError::File(path.to_owned(), format!("{}{key}: {source}", line(key)).into())
            }
            error => error,
        }
    }

    /// Whether it sets nothing: everything in it is a comment, say.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty() && self.sites.is_empty()
    }

    /// The settings of single sites.
    pub fn into_sites(self) -> HashMap<Site, SiteSettings> {
        self.sites
    }

    /// Makes the file's values the defaults of those arguments that neither the command line nor the environment sets.
    pub(super) fn set_defaults(&self, command: Command, matches: &ArgMatches) -> Command {
        let set = [Some(ValueSource::CommandLine), Some(ValueSource::EnvVariable)];
        command.mut_args(|arg| {
            let is_set = set.contains(&matches.value_source(arg.get_id().as_str()));
            if is_set { arg } else { self.set_default(arg) }
        })
    }

    fn set_default(&self, arg: Arg) -> Arg {
        match self.values.get(arg.get_id().as_str()) {
            Some(values) => default(arg, values),
            None => arg,
        }
    }
}

/// The line of a key in `text`, from 1 on.
fn line_of(key: &Spanned<String>, text: &str) -> usize {
    1 + text[..key.span().start].matches('\n').count()
}

/// The settings of each site. A site that is there twice, in other letters for example, would have those of either.
fn parse_sites(
    sites: BTreeMap<Spanned<String>, SiteSettings>,
    text: &str,
) -> Result<HashMap<Site, SiteSettings>, AnyError> {
    let mut parsed = HashMap::new();
    let mut sites: Vec<_> = sites.into_iter().collect();
    sites.sort_by_key(|(name, _)| name.span().start);
    for (name, settings) in sites {
        let refuse =
            |why: String| format!("line {}: sites.{:?}: {why}", line_of(&name, text), name.get_ref());
        let site: Site = name.get_ref().parse().map_err(|error: SiteError| refuse(error.to_string()))?;
        if parsed.contains_key(&site) {
            return Err(refuse(format!("there is a table for {} already", site.as_str())).into());
        }
        parsed.insert(site, settings);
    }
    check_aliases(&parsed)?;
    Ok(parsed)
}

/// A site has one name: an alias of two sites, or with a table of its own, would be in doubt.
fn check_aliases(sites: &HashMap<Site, SiteSettings>) -> Result<(), AnyError> {
    let mut seen = HashMap::new();
    for (site, settings) in sites {
        for alias in settings.aliases() {
            let other = if sites.contains_key(alias) { Some(alias) } else { seen.insert(alias, site) };
            if let Some(other) = other {
                return Err(format!("{alias} is an alias of {site}, and belongs to {other} too").into());
            }
        }
    }
    Ok(())
}

fn read_text(path: &Path) -> Result<String, AnyError> {
    let bytes = files::read(path, MAX_BYTES)?;
    if bytes.len() > MAX_BYTES {
        return Err("it has more than 1 MiB".into());
    }
    String::from_utf8(bytes)
        .map_err(|error| format!("it is not UTF-8 from byte {} on", error.utf8_error().valid_up_to()).into())
}

/// The texts that the flag of `key` would get. Its parser accepts them.
fn parse_value(command: &Command, key: &str, value: Value) -> Result<Vec<String>, AnyError> {
    let args = || command.get_arguments().filter(|arg| !arg.is_hide_set());
    let Some(arg) = args().find(|arg| *arg.get_id() == *key) else {
        let known: String = args().map(|arg| format!("{}, ", arg.get_id())).collect();
        return Err(format!("unknown key, expected one of {known}sites").into());
    };
    let texts: Vec<String> = match arg.get_action() {
        ArgAction::Append => value.try_into()?,
        ArgAction::SetTrue => vec![value.try_into::<bool>()?.to_string()],
        // The help calls numbers N.
        _ if arg.get_value_names().is_some_and(|names| names == ["N"]) => {
            vec![value.try_into::<i64>()?.to_string()]
        }
        _ => vec![value.try_into()?],
    };
    // With nothing in it, a list that has a default would be without both.
    if texts.is_empty() && !arg.get_default_values().is_empty() {
        return Err("it is empty; leave it out for the default".into());
    }
    Command::new("file").arg(default(arg.clone().env(None::<&str>), &texts)).try_get_matches_from([""; 0])?;
    Ok(texts)
}

/// A comma separates values in the environment, and is part of a value in the file.
fn default(arg: Arg, values: &[String]) -> Arg {
    arg.value_delimiter(None).default_values(values)
}

/// The first line of an error, without the words that clap puts before it.
fn sentence(error: &dyn Error) -> String {
    error.to_string().trim_start_matches("error: ").lines().next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_names_line_and_key() {
        for (text, line, word) in [
            ("listen = [\"127.0.0.1:0\"]\nlable = \"x\"", "line 2", "lable"),
            ("allow = [\n\"a.example\",\n\"https://example.com/\",\n]", "line 1", "write example.com"),
            ("repaint = \"5\"", "line 1", "repaint"),
            ("max_sites = \"5\"", "line 1", "max_sites"),
            ("label = 5", "line 1", "label"),
            ("label = [\"x\"]", "line 1", "label"),
            ("themes = \"\"", "line 1", "themes"),
            ("fanout_threads = 65", "line 1", "not in 1..=63"),
            ("presence = \"yes\"", "line 1", "presence"),
            ("[sites.\"example.com\"]\nranking = \"some\"", "line 2", "ranking"),
            ("[sites.\"exa mple\"]", "line 1", "exa mple"),
            ("\nlisten = []", "line 2", "listen: it is empty"),
            ("fanout_threads = 0", "line 1", "not in 1..=63"),
            ("fanout_threads = 200", "line 1", "not in 1..=63"),
            (
                "[sites]\n\"a.example\" = {}\n\"A.EXAMPLE\" = {}",
                "line 3",
                "there is a table for a.example already",
            ),
            ("[sites.\"ü.example\"]\n[sites.\"xn--tda.example\"]", "line 2", "already"),
            ("[sites.\"a.example\"]\n[sites.\"a.example.\"]", "line 2", "sites.\"a.example.\""),
            (
                "[sites.\"a.example\"]\npages = [\"https://a.example/x\"]",
                "line 2",
                "write /posts/1 or /posts/*",
            ),
            ("label = ", "line 1", "label"),
            (
                "[sites.\"a.example\"]\naliases = [\"b.example\"]\n[sites.\"b.example\"]",
                "b.example is an alias of a.example",
                "too",
            ),
            ("[sites.\"a.example\"]\nindex = [\"/index.html\"]", "line 2", "write the name of a file"),
            ("[sites.\"a.example\"]\npage_keys = [\"id=1\"]", "line 2", "write the name of a parameter"),
            ("[sites.\"a.example\"]\npage_keys = [\"\"]", "line 2", "write the name of a parameter"),
            ("[sites.\"a.example\"]\naliases = [\"a.example\"]", "an alias of a.example", "too"),
            (
                "[sites.\"a.example\"]\naliases = [\"c.example\"]\n[sites.\"b.example\"]\naliases = [\"C.example\"]",
                "c.example is an alias of",
                "too",
            ),
        ] {
            let error = File::parse(text).unwrap_err().to_string();
            assert!(error.contains(line) && error.contains(word), "{text}: {error}");
        }
    }
}

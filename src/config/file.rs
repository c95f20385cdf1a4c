//! `onlookers.toml`: every flag as a key, and settings of single sites.
//!
//! The keys are the fields of [`Config`], and each value is checked by its flag's parser: a new field is a new key.

use std::collections::{BTreeMap, HashMap};
use std::error::Error;
use std::path::Path;

use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Args, Command};
use onlookers_rooms::Site;
use serde::Deserialize;
use toml::{Spanned, Value};

use super::{Config, ConfigError};
use crate::files;
use crate::settings::{SiteSettings, Text};

type AnyError = Box<dyn Error + Send + Sync>;

/// The longest file, in bytes: settings of ten thousand sites.
const MAX_BYTES: usize = 1024 * 1024;

/// The settings of a file, all of them valid.
#[derive(Debug)]
pub struct File {
    /// By the argument's id, as a flag would get them.
    values: HashMap<String, Vec<String>>,
    sites: HashMap<Site, SiteSettings>,
}

#[derive(Deserialize)]
struct Sites {
    #[serde(default)]
    sites: HashMap<Text<Site>, SiteSettings>,
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
        let mut values = HashMap::new();
        for (key, value) in table {
            let line = 1 + text[..key.span().start].matches('\n').count();
            let texts = parse_value(&command, key.get_ref(), value)
                .map_err(|error| format!("line {line}: {key}: {}", sentence(&*error)))?;
            values.insert(key.into_inner(), texts);
        }
        let sites = sites.into_iter().map(|(Text(site), settings)| (site, settings)).collect();
        Ok(Self { values, sites })
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
        command.mut_args(|arg| match self.values.get(arg.get_id().as_str()) {
            Some(values) if !set.contains(&matches.value_source(arg.get_id().as_str())) => {
                default(arg, values)
            }
            _ => arg,
        })
    }
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
    let texts = match arg.get_action() {
        ArgAction::Append => value.try_into()?,
        ArgAction::SetTrue => vec![value.try_into::<bool>()?.to_string()],
        // The help calls numbers N.
        _ if arg.get_value_names().is_some_and(|names| names == ["N"]) => {
            vec![value.try_into::<i64>()?.to_string()]
        }
        _ => vec![value.try_into()?],
    };
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
            ("fanout_threads = 65", "line 1", "not in 1..=64"),
            ("presence = \"yes\"", "line 1", "presence"),
            ("[sites.\"example.com\"]\nranking = \"some\"", "line 2", "ranking"),
            ("[sites.\"exa mple\"]", "line 1", "exa mple"),
            ("label = ", "line 1", "label"),
        ] {
            let error = File::parse(text).unwrap_err().to_string();
            assert!(error.contains(line) && error.contains(word), "{text}: {error}");
        }
    }
}

//! What the server's owner adds to the looks: folders of digits, and fonts.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::digits::{Folder, Theme};
use super::font::Typeface;
use super::shared::Shared;

/// Digit themes and fonts that were added, read once at start.
#[derive(Clone, Debug, Default)]
pub struct Themes {
    folders: BTreeMap<String, Shared<Folder>>,
    fonts: BTreeMap<String, Shared<Typeface>>,
}

/// Why something can't be added. Displayed as one sentence that names the file or folder.
#[derive(Debug)]
pub struct ThemeError {
    path: PathBuf,
    problem: String,
}

/// Themes that are taken from a folder.
const MOST_THEMES: usize = 32;
const MOST_FONTS: usize = 8;
/// Bytes of the largest font: those of one script are far smaller, and all glyphs are parsed at start.
const MOST_BYTES: u64 = 8 << 20;
/// Bytes of the longest name.
pub(super) const MOST_NAME: usize = 32;

impl Themes {
    /// Reads each folder in `dir` as a theme of the digits, named as the folder is: `NAME/0.png` to `NAME/9.png`, each
    /// of at most 64 KiB and 64×64 pixels, all of one height. Without a `dir` there are only the program's own themes.
    ///
    /// # Errors
    /// When a folder or file can't be read, is too large, or is not what it should be.
    pub fn load(dir: Option<&Path>) -> Result<Self, ThemeError> {
        let mut themes = Self::default();
        let Some(dir) = dir else {
            return Ok(themes);
        };
        for path in folders(dir).map_err(|error| ThemeError::new(dir, error))? {
            themes.add_folder(&path)?;
        }
        Ok(themes)
    }

    fn add_folder(&mut self, path: &Path) -> Result<(), ThemeError> {
        let name = name(path.file_name(), path)?;
        if name == "light" || name == "dark" || Theme::NAMES.iter().any(|own| own.0 == name) {
            return Err(ThemeError::new(path, "a theme of the program's own has this name"));
        }
        if self.folders.len() == MOST_THEMES {
            return Err(ThemeError::new(path, format_args!("there are more than {MOST_THEMES} themes")));
        }
        let folder = Folder::read(path)
            .map_err(|(digit, error)| ThemeError::new(&path.join(format!("{digit}.png")), error))?;
        self.folders.insert(name, Shared::new(folder));
        Ok(())
    }

    /// Reads a font (TrueType or OpenType, at most 8 MiB), which `font=` names as the file is named, without its
    /// extension. At most 8 can be added.
    ///
    /// # Errors
    /// When the file can't be read, is too large or no font, or the name is taken.
    pub fn add_font(&mut self, file: &Path) -> Result<(), ThemeError> {
        let name = name(file.file_stem(), file)?;
        let bytes = read_bounded(file, MOST_BYTES).map_err(|error| ThemeError::new(file, error))?;
        let typeface = Typeface::parse(bytes.into()).map_err(|error| ThemeError::new(file, error))?;
        if self.fonts.len() == MOST_FONTS {
            return Err(ThemeError::new(file, format_args!("there are more than {MOST_FONTS} fonts")));
        }
        match self.fonts.insert(name, Shared::new(typeface)) {
            None => Ok(()),
            Some(_) => Err(ThemeError::new(file, "another font has this name")),
        }
    }

    pub(super) fn digits(&self, name: &str) -> Option<Theme> {
        let own = Theme::NAMES.into_iter().find(|own| own.0 == name).map(|own| own.1);
        own.or_else(|| self.folders.get(name).cloned().map(Theme::Folder))
    }

    pub(super) fn font(&self, name: &str) -> Option<Shared<Typeface>> {
        self.fonts.get(name).cloned()
    }

    /// The names that `theme=` takes.
    #[must_use]
    pub fn theme_names(&self) -> Vec<&str> {
        let own = Theme::NAMES.iter().map(|own| own.0);
        ["light", "dark"].into_iter().chain(own).chain(self.folders.keys().map(String::as_str)).collect()
    }

    /// The names that `font=` takes.
    #[must_use]
    pub fn font_names(&self) -> Vec<&str> {
        self.fonts.keys().map(String::as_str).collect()
    }
}

/// The folders in `dir`, sorted, without those that hide behind a dot.
fn folders(dir: &Path) -> io::Result<Vec<PathBuf>> {
    let mut folders = Vec::new();
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        let hidden = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        if !hidden && path.is_dir() {
            folders.push(path);
        }
    }
    folders.sort();
    Ok(folders)
}

/// A name that can stand in a URL as it is.
fn name(name: Option<&std::ffi::OsStr>, path: &Path) -> Result<String, ThemeError> {
    let fine = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let name = name.and_then(|name| name.to_str()).map(str::to_ascii_lowercase);
    let name = name.filter(|name| (1..=MOST_NAME).contains(&name.len()) && name.chars().all(fine));
    let rule = format_args!("its name can have at most {MOST_NAME} letters, digits and hyphens").to_string();
    name.ok_or_else(|| ThemeError::new(path, rule))
}

/// The bytes of a file that has at most `most` of them.
pub(super) fn read_bounded(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    // Opening a pipe would wait for somebody to write.
    if !path.metadata()?.is_file() {
        return Err(io::Error::other("it is not a file"));
    }
    let mut bytes = Vec::new();
    File::open(path)?.take(most + 1).read_to_end(&mut bytes)?;
    match bytes.len() as u64 > most {
        true => Err(io::Error::other(format!("it has more than {} KiB", most >> 10))),
        false => Ok(bytes),
    }
}

impl ThemeError {
    fn new(path: &Path, problem: impl fmt::Display) -> Self {
        Self { path: path.to_owned(), problem: problem.to_string() }
    }
}

impl fmt::Display for ThemeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "can't take {}: {}", self.path.display(), self.problem)
    }
}

impl std::error::Error for ThemeError {}

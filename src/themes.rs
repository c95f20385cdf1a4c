//! Reads the themes of digits and the fonts that a server's owner adds, once at start.

use std::error::Error;
use std::ffi::OsStr;
use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use onlookers_picture::{DigitFiles, ThemeError, Themes};

use crate::config::ConfigError;
use crate::files;

/// A file or folder that can't be taken, and why.
#[derive(Debug)]
pub(crate) struct LoadError {
    path: PathBuf,
    cause: Box<dyn Error + Send + Sync>,
}

/// The digits in the folders of `dir`, as in `NAME/0.png` to `NAME/9.png`, and the fonts, named as their files without the
/// extension.
pub(crate) fn load(dir: Option<&Path>, fonts: &[PathBuf]) -> Result<Themes, ConfigError> {
    let mut themes = Themes::default();
    dir.map_or(Ok(()), |dir| add_all_digits(&mut themes, dir)).map_err(of("themes"))?;
    fonts.iter().try_for_each(|file| add_font(&mut themes, file)).map_err(of("font"))?;
    Ok(themes)
}

fn of(key: &'static str) -> impl FnOnce(LoadError) -> ConfigError {
    move |error| ConfigError::Setting(key, error.into())
}

fn add_all_digits(themes: &mut Themes, dir: &Path) -> Result<(), LoadError> {
    folders(dir).map_err(at(dir))?.iter().try_for_each(|folder| add_digits(themes, folder))
}

fn add_font(themes: &mut Themes, file: &Path) -> Result<(), LoadError> {
    let bytes = read(file, Themes::MAX_FONT_BYTES)?;
    themes.add_font(text(file.file_stem()), bytes).map_err(at(file))
}

/// The folders in `dir`, sorted, without the hidden ones.
fn folders(dir: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = fs::read_dir(dir)?.map(|entry| entry.map(|entry| entry.path()));
    let mut folders = entries.collect::<io::Result<Vec<_>>>()?;
    let hidden = |path: &Path| path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
    folders.retain(|path| !hidden(path) && path.is_dir());
    folders.sort();
    Ok(folders)
}

fn add_digits(themes: &mut Themes, folder: &Path) -> Result<(), LoadError> {
    let mut files = DigitFiles::default();
    for (name, file) in DigitFiles::DIGITS.into_iter().zip(&mut files.digits) {
        let missing = || at(folder)(format!("it has no {name}.png, {name}.gif or {name}.webp"));
        *file = read_digit(folder, name)?.ok_or_else(missing)?;
    }
    files.start = read_digit(folder, DigitFiles::START)?;
    files.end = read_digit(folder, DigitFiles::END)?;
    themes.add_digits(text(folder.file_name()), &files).map_err(|error| match error {
        ThemeError::Digit(name, error) => at(&digit_path(folder, name).unwrap_or(folder.into()))(error),
        error => at(folder)(error),
    })
}

/// The file of that name with the first extension that exists.
fn digit_path(folder: &Path, name: &str) -> Option<PathBuf> {
    let paths = ["png", "gif", "webp"].map(|extension| folder.join(format!("{name}.{extension}")));
    paths.into_iter().find(|path| path.symlink_metadata().is_ok())
}

fn read_digit(folder: &Path, name: &str) -> Result<Option<Vec<u8>>, LoadError> {
    digit_path(folder, name).map(|path| read(&path, Themes::MAX_DIGIT_BYTES)).transpose()
}

fn read(path: &Path, max: usize) -> Result<Vec<u8>, LoadError> {
    files::read(path, max).map_err(at(path))
}

/// A file's name; one that is not UTF-8 is empty, and so no name for a theme.
fn text(name: Option<&OsStr>) -> &str {
    name.and_then(OsStr::to_str).unwrap_or_default()
}

fn at<E: Into<Box<dyn Error + Send + Sync>>>(path: &Path) -> impl FnOnce(E) -> LoadError {
    move |cause| LoadError { path: path.to_owned(), cause: cause.into() }
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "can't take {}: {}", self.path.display(), self.cause)
    }
}

impl Error for LoadError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&*self.cause)
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::os::unix::fs::symlink;

    use tempfile::{TempDir, tempdir};

    use super::*;

    #[test]
    fn folders_of_digits_and_fonts_are_named_by_their_files() {
        let dir = theme("Mine");
        fs::create_dir(dir.path().join(".hidden")).unwrap();
        let themes = load(Some(dir.path()), &[FONT.into()]).unwrap();
        assert_eq!(themes.theme_names().last(), Some(&"mine"));
        assert_eq!(themes.font_names(), ["dejavusans-bold-subset"]);
    }

    #[test]
    fn digits_may_be_png_gif_or_webp_files() {
        // The content counts: a picture saved under another extension is what browsers show, too.
        let dir = theme("mine");
        for extension in ["gif", "webp"] {
            let digit = |digit| dir.path().join(format!("mine/{digit}.png"));
            let other = digit(if extension == "gif" { 3 } else { 4 });
            fs::rename(&other, other.with_extension(extension)).unwrap();
        }
        assert_eq!(load(Some(dir.path()), &[]).unwrap().theme_names().last(), Some(&"mine"));
    }

    #[test]
    fn a_folder_that_cannot_be_taken_is_refused_by_name() {
        let refusal = |name: &str, spoil: &dyn Fn(&Path)| {
            let dir = theme(name);
            spoil(&dir.path().join(name));
            load(Some(dir.path()), &[]).unwrap_err().to_string()
        };
        let missing = refusal("mine", &|dir| fs::remove_file(dir.join("7.png")).unwrap());
        assert!(missing.ends_with("mine: it has no 7.png, 7.gif or 7.webp"), "{missing}");
        let start = refusal("mine", &|dir| fs::write(dir.join("_start.webp"), "no picture").unwrap());
        assert!(start.contains("mine/_start.webp: it is no PNG, GIF or WebP file"), "{start}");
        let text = refusal("mine", &|dir| fs::write(dir.join("3.png"), "no picture").unwrap());
        assert!(text.contains("mine/3.png: it is no PNG, GIF or WebP file"), "{text}");
        let long = refusal("mine", &|dir| fs::write(dir.join("2.png"), vec![0; 5 << 20]).unwrap());
        assert!(long.contains("2.png: it has more than 4096 KiB"), "{long}");
        let device = refusal("mine", &|dir| {
            fs::remove_file(dir.join("2.png")).unwrap();
            symlink("/dev/zero", dir.join("2.png")).unwrap();
        });
        assert!(device.contains("2.png: it is not a file"), "{device}");
        let taken = refusal("pixel", &|_| ());
        assert!(taken.ends_with("pixel: a theme of the program's own has this name"), "{taken}");
        let nowhere = load(Some(Path::new("/nonexistent")), &[]).unwrap_err();
        assert!(
            nowhere.to_string().starts_with("themes: can't take /nonexistent: No such file"),
            "{nowhere}"
        );
        let cause = nowhere.source().and_then(Error::source);
        assert!(cause.is_some_and(|cause| cause.is::<io::Error>()));
    }

    #[test]
    fn a_font_that_cannot_be_taken_is_refused_by_name() {
        let twice = load(None, &[FONT.into(), FONT.into()]).unwrap_err().to_string();
        assert!(twice.contains("another font has this name"), "{twice}");
        let dir = tempdir().unwrap();
        let (text, large) = (dir.path().join("text.ttf"), dir.path().join("large.ttf"));
        fs::write(&text, "no font").unwrap();
        let refusal = load(None, &[text]).unwrap_err().to_string();
        assert!(refusal.starts_with("font: can't take ") && refusal.contains("text.ttf: "), "{refusal}");
        File::create(&large).unwrap().set_len(33 << 20).unwrap();
        assert!(load(None, &[large]).unwrap_err().to_string().contains("it has more than 32768 KiB"));
    }

    /// A link, which is a file in the package: what lies in other packages isn't there.
    const FONT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fonts/DejaVuSans-Bold-subset.ttf");

    /// A folder that holds one theme. Any small picture is a digit.
    fn theme(name: &str) -> TempDir {
        let dir = tempdir().unwrap();
        fs::create_dir(dir.path().join(name)).unwrap();
        for digit in 0..10 {
            fs::write(dir.path().join(format!("{name}/{digit}.png")), onlookers_picture::clear_pixel())
                .unwrap();
        }
        dir
    }
}

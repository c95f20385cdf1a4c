//! What the server's owner adds to the looks: folders of digits, and fonts.

use std::fmt;
use std::path::Path;

/// Digit themes and fonts that were added, read once at start.
#[derive(Clone, Debug, Default)]
pub struct Themes {}

/// Why something can't be added. Displayed as one sentence that names the file.
#[derive(Debug)]
pub struct ThemeError(String);

impl Themes {
    /// Reads each folder in `dir` as a theme of the digits, named as the folder is: `NAME/0.png` to `NAME/9.png`.
    /// Without a `dir` there are only the themes of the program's own.
    ///
    /// # Errors
    /// When a folder or file can't be read, is too large, or is not what it should be.
    pub fn load(_dir: Option<&Path>) -> Result<Self, ThemeError> {
        Ok(Self::default())
    }

    /// Reads a font (TrueType or OpenType), which `font=` names as the file is named, without its extension.
    ///
    /// # Errors
    /// When the file can't be read, is too large or no font, or the name is taken.
    pub fn add_font(&mut self, _file: &Path) -> Result<(), ThemeError> {
        Ok(())
    }
}

impl fmt::Display for ThemeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for ThemeError {}

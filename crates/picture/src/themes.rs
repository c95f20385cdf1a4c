//! Fonts and digits that are added to the built-in ones.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt;

use crate::digits::{CustomDigits, DigitError, DigitFiles, Theme};
use crate::shaping::Pieces;
use crate::shared::Shared;
use crate::typeface::Typeface;

/// The themes of digits and the fonts that a style can name: the built-in themes, and what was added.
#[derive(Clone, Debug, Default)]
pub struct Themes {
    digits: BTreeMap<String, Shared<CustomDigits>>,
    fonts: BTreeMap<String, Shared<Typeface>>,
    fallback: Fallback,
}

/// The added fonts, if there are any.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub(crate) struct Fallback(Option<Shared<AddedFonts>>);

/// Fonts, and the texts that were shaped with them.
pub(crate) struct AddedFonts {
    /// In the order in which they are tried for a glyph that a style's own font lacks.
    pub(crate) fonts: Vec<Shared<Typeface>>,
    pub(crate) shaped: Pieces,
}

impl Fallback {
    pub(crate) fn added(&self) -> Option<&AddedFonts> {
        self.0.as_deref()
    }
}

/// Why digits or a font can't be added.
#[derive(Debug)]
#[non_exhaustive]
pub enum ThemeError {
    /// The name is not 1 to 32 ASCII letters, digits and hyphens, so it couldn't stand in a URL as it is.
    Name,
    /// A built-in theme has this name.
    BuiltIn,
    /// [`Themes::MAX_DIGITS`] themes of digits were added already.
    TooManyDigits,
    /// All digits together have more than [`Themes::MAX_DIGIT_PIXELS`].
    DigitPixels,
    /// [`Themes::MAX_FONTS`] fonts were added already.
    TooManyFonts,
    /// Another font has this name.
    FontName,
    /// The font has more than [`Themes::MAX_FONT_BYTES`].
    FontSize,
    /// The font can't be parsed; the parser's reason.
    Font(&'static str),
    /// The file of this name, of those in [`DigitFiles`], can't be taken.
    Digit(&'static str, DigitError),
}

/// Bytes of the longest name.
pub(crate) const MAX_NAME: usize = 32;

impl Themes {
    /// How many themes of digits can be added.
    pub const MAX_DIGITS: usize = 64;
    /// Pixels of all the digits that are added. Each takes a byte of memory.
    pub const MAX_DIGIT_PIXELS: usize = 16 << 20;
    /// How many fonts can be added.
    pub const MAX_FONTS: usize = 8;
    /// Bytes of the largest file of a digit: an animation may have many frames, of which the first is taken.
    pub const MAX_DIGIT_BYTES: usize = 4 << 20;
    /// Bytes of the largest font: a collection for all of East Asia has 20 MB. They stay in memory.
    pub const MAX_FONT_BYTES: usize = 32 << 20;

    /// Adds digits, which `theme=NAME` asks for. Their colours are reduced to 64. Replaces digits of the same name, which is
    /// taken in lower case.
    ///
    /// # Errors
    /// When the name is bad or a built-in theme's, a file can't be a digit, or there are too many themes.
    pub fn add_digits(&mut self, name: &str, files: &DigitFiles) -> Result<(), ThemeError> {
        let name = checked(name)?;
        if self.theme_names().contains(&&*name) && !self.digits.contains_key(&name) {
            return Err(ThemeError::BuiltIn);
        }
        if self.digits.len() == Self::MAX_DIGITS {
            return Err(ThemeError::TooManyDigits);
        }
        let digits = CustomDigits::decode(files).map_err(|(name, error)| ThemeError::Digit(name, error))?;
        let pixels = self.digits.values().map(|digits| digits.pixels()).sum::<usize>();
        if pixels + digits.pixels() > Self::MAX_DIGIT_PIXELS {
            return Err(ThemeError::DigitPixels);
        }
        self.digits.insert(name, Shared::new(digits));
        Ok(())
    }

    /// Adds a font (TrueType or OpenType, or a collection, of which the first font is taken; at most 32 MiB), which
    /// `font=NAME` asks for. All pictures take from it the glyphs that their own font lacks, unless a font that was added
    /// earlier has them. The name is taken in lower case.
    ///
    /// # Errors
    /// When the name is bad or taken, the file is too large or no font, or there are too many fonts.
    pub fn add_font(&mut self, name: &str, file: Vec<u8>) -> Result<(), ThemeError> {
        let name = checked(name)?;
        if file.len() > Self::MAX_FONT_BYTES {
            return Err(ThemeError::FontSize);
        }
        let typeface = Typeface::added(file).map_err(ThemeError::Font)?;
        if self.fonts.len() == Self::MAX_FONTS {
            return Err(ThemeError::TooManyFonts);
        }
        let typeface = Shared::new(typeface);
        if self.fonts.insert(name, typeface.clone()).is_some() {
            return Err(ThemeError::FontName);
        }
        let before = self.fallback.added().map_or(&[][..], |added| &added.fonts);
        let fonts = before.iter().cloned().chain([typeface]).collect();
        self.fallback = Fallback(Some(Shared::new(AddedFonts { fonts, shaped: Pieces::default() })));
        Ok(())
    }

    pub(crate) fn digits(&self, name: &str) -> Option<Theme> {
        let built_in = Theme::NAMES.into_iter().find(|theme| theme.0 == name).map(|theme| theme.1);
        built_in.or_else(|| self.digits.get(name).cloned().map(Theme::Custom))
    }

    pub(crate) fn font(&self, name: &str) -> Option<Shared<Typeface>> {
        self.fonts.get(name).cloned()
    }

    pub(crate) fn fallback(&self) -> Fallback {
        self.fallback.clone()
    }

    /// The name by which these digits were added.
    pub(crate) fn name_of_digits(&self, digits: &Shared<CustomDigits>) -> Option<&str> {
        self.digits.iter().find(|(_, added)| *added == digits).map(|(name, _)| name.as_str())
    }

    /// The name by which this font was added.
    pub(crate) fn name_of_font(&self, font: &Shared<Typeface>) -> Option<&str> {
        self.fonts.iter().find(|(_, added)| *added == font).map(|(name, _)| name.as_str())
    }

    /// The names that `theme=` takes.
    pub fn theme_names(&self) -> Vec<&str> {
        let built_in = Theme::NAMES.iter().map(|theme| theme.0);
        ["light", "dark"].into_iter().chain(built_in).chain(self.digits.keys().map(String::as_str)).collect()
    }

    /// The names that `font=` takes.
    pub fn font_names(&self) -> Vec<&str> {
        self.fonts.keys().map(String::as_str).collect()
    }
}

/// A name that can stand in a URL as it is, in lower case.
fn checked(name: &str) -> Result<String, ThemeError> {
    let fine = |c: char| c.is_ascii_alphanumeric() || c == '-';
    let fits = (1..=MAX_NAME).contains(&name.len());
    if fits && name.chars().all(fine) { Ok(name.to_ascii_lowercase()) } else { Err(ThemeError::Name) }
}

impl fmt::Display for ThemeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name => write!(f, "its name can have at most {MAX_NAME} letters, digits and hyphens"),
            Self::BuiltIn => f.write_str("a theme of the program's own has this name"),
            Self::TooManyDigits => write!(f, "there are more than {} themes", Themes::MAX_DIGITS),
            Self::DigitPixels => {
                write!(
                    f,
                    "all themes together have more than {} million pixels",
                    Themes::MAX_DIGIT_PIXELS >> 20
                )
            }
            Self::TooManyFonts => write!(f, "there are more than {} fonts", Themes::MAX_FONTS),
            Self::FontName => f.write_str("another font has this name"),
            Self::FontSize => write!(f, "it has more than {} KiB", Themes::MAX_FONT_BYTES >> 10),
            Self::Font(reason) => f.write_str(reason),
            Self::Digit(name, error) => write!(f, "{name}: {error}"),
        }
    }
}

impl Error for ThemeError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        if let Self::Digit(_, error) = self { Some(error) } else { None }
    }
}

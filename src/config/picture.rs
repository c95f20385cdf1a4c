//! Arguments of `onlookers picture`.

use std::path::PathBuf;

use clap::Args;

use onlookers_picture::{Style, StyleBuilder, StyleError, Themes};

/// The number and the style of the picture.
#[derive(Args, Debug)]
pub struct PictureArgs {
    /// The number
    #[arg(long, value_name = "N")]
    pub count: u64,
    /// The text before it, if it isn't "Users online"
    #[arg(long, value_name = "TEXT")]
    pub label: Option<String>,
    /// plain, flat, flat-square, plastic, for-the-badge, social or digits
    #[arg(long, value_name = "NAME")]
    pub style: Option<String>,
    /// A colour's name, or hex without #
    #[arg(long, value_name = "COLOR")]
    pub color: Option<String>,
    /// The same, for the label's side
    #[arg(long, value_name = "COLOR")]
    pub label_color: Option<String>,
    /// light, dark, or a theme of digits: odometer, seven-segment, pixel
    #[arg(long, value_name = "NAME")]
    pub theme: Option<String>,
    /// 1 to 4 pixels of the file to one of the page, each way
    #[arg(long, value_name = "N")]
    pub scale: Option<String>,
    /// 1,234 or 1.2k
    #[arg(long, value_name = "FORMAT")]
    pub format: Option<String>,
    /// The file to write
    #[arg(short, long, value_name = "FILE")]
    pub output: PathBuf,
}

impl PictureArgs {
    /// The style of the picture. The arguments are a URL's parameters of the same names.
    ///
    /// # Errors
    /// [`StyleError`] if one of them has an unusable value.
    pub fn style(&self) -> Result<Style, StyleError> {
        let mut style = StyleBuilder::default();
        for (name, value) in [
            ("label", &self.label),
            ("style", &self.style),
            ("color", &self.color),
            ("labelColor", &self.label_color),
            ("theme", &self.theme),
            ("scale", &self.scale),
            ("format", &self.format),
        ] {
            value.as_ref().map(|value| style.take(name, value)).transpose()?;
        }
        style.build(&Themes::default())
    }
}

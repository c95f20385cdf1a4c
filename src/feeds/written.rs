//! Views, as they are written down for another process.

use onlookers_picture::{Appearance, Parameter, RankingStyle, Strip, StyleBuilder, Themes};
use onlookers_rooms::Counting;
use serde::{Deserialize, Serialize};

use super::View;

/// A view, with its look as parameters.
#[derive(Serialize, Deserialize, Debug)]
pub(crate) struct ViewRecord {
    shows: Shows,
    /// Parameters of its look, with their values.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    look: Vec<(String, String)>,
    /// Whether scripts of its page may read the picture.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    readable: bool,
}

#[derive(Serialize, Deserialize, Clone, Copy, Debug)]
#[serde(rename_all = "snake_case")]
enum Shows {
    Count(Counting),
    Top { rows: u8, width: u16 },
    Reading { width: u16, height: u16 },
    Events,
}

impl View {
    /// `themes` are those that it was made with.
    pub(crate) fn record(&self, themes: &Themes) -> ViewRecord {
        let (shows, look) = match self {
            Self::Count { counting, style } => (Shows::Count(*counting), style.parameters(themes)),
            Self::Top(style) => {
                (Shows::Top { rows: style.rows() as u8, width: style.width() }, style.parameters())
            }
            Self::Reading(strip) => {
                (Shows::Reading { width: strip.width(), height: strip.height() }, strip.parameters())
            }
            Self::Events => (Shows::Events, Vec::new()),
            Self::Readable(view) => return ViewRecord { readable: true, ..view.record(themes) },
        };
        let owned = |(name, value): Parameter| (name.to_owned(), value);
        ViewRecord { shows, look: look.into_iter().map(owned).collect(), readable: false }
    }
}

impl ViewRecord {
    /// The view. Of a look that there isn't any more, as one with a theme of before, what there is: its viewers stay.
    pub(crate) fn view(&self, themes: &Themes) -> Option<View> {
        let view = match self.shows {
            Shows::Count(counting) => {
                let build = |known: fn(&str) -> bool| {
                    let mut style = StyleBuilder::default();
                    for (name, value) in self.look.iter().filter(|(name, _)| known(name)) {
                        let _ = style.take(name, value);
                    }
                    style.build(themes)
                };
                let style = build(|_| true).or_else(|_| build(|name| name != "theme" && name != "font"));
                View::Count { counting, style: style.unwrap_or_default() }
            }
            Shows::Top { rows, width } => {
                View::Top(RankingStyle::new(rows, Some(width), self.appearance(), themes).ok()?)
            }
            Shows::Reading { width, height } => {
                View::Reading(Strip::new(width, height).ok()?.with(self.appearance()))
            }
            Shows::Events => View::Events,
        };
        Some(if self.readable { View::Readable(Box::new(view)) } else { view })
    }

    fn appearance(&self) -> Appearance {
        let mut appearance = Appearance::default();
        for (name, value) in &self.look {
            let _ = appearance.take(name, value);
        }
        appearance
    }
}

#[cfg(test)]
mod tests {
    use onlookers_picture::Style;

    use super::*;

    fn again(view: &View) -> View {
        let record = serde_json::to_string(&view.record(&Themes::default())).unwrap();
        serde_json::from_str::<ViewRecord>(&record).unwrap().view(&Themes::default()).unwrap()
    }

    #[test]
    fn a_view_that_is_read_again_is_the_same() {
        let mut style = StyleBuilder::default();
        style.take("style", "plastic").unwrap();
        style.take("label", "Readers").unwrap();
        let themes = Themes::default();
        let top = RankingStyle::new(7, Some(250), Appearance::default(), &themes).unwrap();
        for view in [
            View::Count { counting: Counting::Visitors, style: style.build(&themes).unwrap() },
            View::Readable(Box::new(View::Count { counting: Counting::Tabs, style: Style::default() })),
            View::Top(top),
            View::Reading(Strip::new(8, 300).unwrap()),
            View::Events,
        ] {
            assert_eq!(again(&view), view);
        }
    }

    #[test]
    fn a_theme_that_is_gone_leaves_the_number() {
        let text = r#"{"shows":{"count":"tabs"},"look":[["theme","gone"],["label","Readers"]]}"#;
        let view = serde_json::from_str::<ViewRecord>(text).unwrap().view(&Themes::default());
        let Some(View::Count { style, .. }) = view else { panic!("{view:?}") };
        assert_eq!(style.label().as_str(), "Readers");
    }
}

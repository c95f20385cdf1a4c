//! Names, as they are written down for another process: read again, each is exactly the same.

use std::borrow::Cow;

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Page, RoomName, Site};

impl Serialize for Site {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Site {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<str>::deserialize(deserializer)?;
        site(&text).ok_or_else(|| D::Error::custom("no site"))
    }
}

impl Serialize for Page {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Page {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<str>::deserialize(deserializer)?;
        Self::named(&text).ok_or_else(|| D::Error::custom("no page"))
    }
}

impl Serialize for RoomName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for RoomName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<str>::deserialize(deserializer)?;
        room(&text).ok_or_else(|| D::Error::custom("no room"))
    }
}

fn site(text: &str) -> Option<Site> {
    if text.is_empty() {
        Some(Site::unnamed())
    } else {
        text.parse().ok().filter(|site: &Site| site.as_str() == text)
    }
}

fn room(text: &str) -> Option<RoomName> {
    let Some((before, _)) = text.split_once('/') else { return site(text).map(RoomName::site) };
    Some(RoomName::page(site(before)?, Page::named(&text[before.len()..])?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::PageQuery;

    #[test]
    fn a_name_that_is_read_again_is_the_same() {
        let page = |path: &str| Page::new(path, PageQuery::Keep).unwrap();
        for name in [
            RoomName::site(Site::unnamed()),
            RoomName::page(Site::unnamed(), page("/a")),
            RoomName::site("localhost:3000".parse().unwrap()),
            RoomName::page("example.com".parse().unwrap(), page("/search?q=1&%C3%A9=2%3F&a=?")),
            RoomName::page("example.com".parse().unwrap(), page("/%25/a%20b/\u{e9}")),
        ] {
            let text = serde_json::to_string(&name).unwrap();
            assert_eq!(serde_json::from_str::<RoomName>(&text).unwrap(), name, "{text}");
        }
        for text in ["EXAMPLE.com", "a b", "example.com/a b", "example.com/\u{e9}"] {
            assert!(room(text).is_none(), "{text}");
        }
    }
}

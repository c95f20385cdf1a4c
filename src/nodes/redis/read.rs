//! What nodes count in rooms, as it was written.

use std::collections::BTreeMap;

use onlookers_rooms::{Page, PageQuery, Presence, PresentId, Site};

use super::link::Link;
use super::{MOST_COMMANDS, keys, present, text};
use crate::nodes::store::{Found, NodeId, PageTabs, Partition, RoomCounts, StoreError, Stored, Wanted};

/// The most hashes that the answers to one pipeline should have: about 1.5 MB.
const MOST_HASHES: u64 = 100_000;

/// How many a node tells of in a room.
const MOST_PRESENT: usize = 256;

/// Of how many rooms it is read at once who is present there: 256 of each node at most, with some hundred bytes each.
const ROOMS_AT_ONCE: usize = 32;

/// Of how many sites all pages are read at once: each may have ten thousand.
const SITES_AT_ONCE: usize = 32;

pub(super) async fn read(link: &Link, wanted: &[&Wanted]) -> Result<Vec<Found>, StoreError> {
    let mut found = Vec::with_capacity(wanted.len());
    for wanted in wanted.chunks(MOST_COMMANDS) {
        let first = found.len();
        let counts = read_counts(link, wanted).await?;
        let stored = |counts| Stored { counts, ..Stored::default() };
        found.extend(counts.into_iter().map(|counts| counts.map(stored)));
        read_visitors(link, wanted, &mut found[first..]).await?;
        read_present(link, wanted, &mut found[first..]).await?;
    }
    Ok(found)
}

/// The sites of which a node has written something in some partitions of a server.
pub(super) async fn sites(
    link: &Link,
    node: NodeId,
    partitions: &[Partition],
) -> Result<Vec<Site>, StoreError> {
    let mut commands = redis::pipe();
    for partition in partitions {
        commands.cmd("SMEMBERS").arg(keys::sites(*partition, node));
    }
    let sites: Vec<Vec<Vec<u8>>> = link.ask(&commands).await?;
    let parse = |site: Vec<u8>| std::str::from_utf8(&site).ok()?.parse().ok();
    Ok(sites.into_iter().flatten().filter_map(parse).collect())
}

/// How many tabs each node has open on each page of each site.
pub(super) async fn pages(link: &Link, wanted: &[&(NodeId, Site)]) -> Result<Vec<PageTabs>, StoreError> {
    let mut pages = Vec::with_capacity(wanted.len());
    for wanted in wanted.chunks(SITES_AT_ONCE) {
        let mut commands = redis::pipe();
        for (node, site) in wanted {
            commands.cmd("HGETALL").arg(keys::counts(*node, site));
        }
        let sites: Vec<Vec<(Vec<u8>, Vec<u8>)>> = link.ask(&commands).await?;
        let of_site = |counts: Vec<_>| counts.iter().filter_map(page).collect();
        pages.extend(sites.into_iter().map(of_site));
    }
    Ok(pages)
}

/// A page and its tabs; none of the whole site, whose field is empty.
fn page((field, counts): &(Vec<u8>, Vec<u8>)) -> Option<(Page, u64)> {
    let page = Page::new(field, PageQuery::Keep).ok().filter(|page| page.as_str().as_bytes() == field)?;
    Some((page, parse(counts)?.tabs))
}

/// The counts of each, with one command for all rooms of a node's site.
async fn read_counts(link: &Link, wanted: &[&Wanted]) -> Result<Vec<Option<RoomCounts>>, StoreError> {
    let mut sites: BTreeMap<_, Vec<usize>> = BTreeMap::new();
    for (place, Wanted { node, room, .. }) in wanted.iter().enumerate() {
        sites.entry((*node, room.of_site())).or_default().push(place);
    }
    let mut commands = redis::pipe();
    for ((node, site), places) in &sites {
        commands.cmd("HMGET").arg(keys::counts(*node, site));
        commands.arg(places.iter().map(|place| keys::field(&wanted[*place].room)).collect::<Vec<_>>());
    }
    let texts: Vec<Vec<Option<Vec<u8>>>> = link.ask(&commands).await?;
    let mut counts = vec![None; wanted.len()];
    for (places, texts) in sites.values().zip(texts) {
        for (place, text) in places.iter().zip(texts) {
            counts[*place] = text.as_deref().and_then(parse);
        }
    }
    Ok(counts)
}

fn parse(text: &[u8]) -> Option<RoomCounts> {
    let counts = std::str::from_utf8(text).ok().and_then(|text| text::counts(&mut text.split(' ')));
    if counts.is_none() {
        tracing::debug!("counts that aren't understood: {}", text.escape_ascii());
    }
    counts
}

/// Adds the visitors of the rooms where there are some, in as many pipelines as they need.
async fn read_visitors(link: &Link, wanted: &[&Wanted], found: &mut [Found]) -> Result<(), StoreError> {
    let mut rooms = unknown(wanted, found).filter_map(|(wanted, Stored { counts, visitors, .. })| {
        (counts.tabs > counts.anonymous).then_some((wanted, counts, visitors))
    });
    loop {
        let (mut commands, mut read, mut expected) = (redis::pipe(), Vec::new(), 0);
        for (Wanted { node, room, .. }, counts, hashes) in rooms.by_ref() {
            commands.cmd("SMEMBERS").arg(keys::visitors(*node, room));
            read.push(hashes);
            expected += (counts.tabs - counts.anonymous) >> counts.level.min(63);
            if expected >= MOST_HASHES {
                break;
            }
        }
        if read.is_empty() {
            return Ok(());
        }
        let members: Vec<Vec<Vec<u8>>> = link.ask(&commands).await?;
        for (hashes, members) in read.into_iter().zip(members) {
            hashes
                .extend(members.into_iter().filter_map(|hash| hash.try_into().ok()).map(u64::from_be_bytes));
        }
    }
}

/// Adds those who are present in the rooms where somebody is.
async fn read_present(link: &Link, wanted: &[&Wanted], found: &mut [Found]) -> Result<(), StoreError> {
    let mut rooms: Vec<_> = unknown(wanted, found).filter(|(_, found)| found.counts.present > 0).collect();
    for rooms in rooms.chunks_mut(ROOMS_AT_ONCE) {
        let mut commands = redis::pipe();
        for (Wanted { node, room, .. }, _) in rooms.iter() {
            commands.cmd("HGETALL").arg(keys::present(*node, room));
        }
        let all: Vec<Vec<(Vec<u8>, Vec<u8>)>> = link.ask(&commands).await?;
        for ((_, found), all) in rooms.iter_mut().zip(all) {
            found.present = all.iter().filter_map(parse_present).take(MOST_PRESENT).collect();
        }
    }
    Ok(())
}

/// What was found, without what is known already.
fn unknown<'a>(
    wanted: &'a [&Wanted],
    found: &'a mut [Found],
) -> impl Iterator<Item = (&'a Wanted, &'a mut Stored)> {
    let all = wanted.iter().zip(found);
    let some = all.filter_map(|(wanted, found)| Some((*wanted, found.as_mut()?)));
    some.filter(|(wanted, found)| wanted.known == 0 || found.counts.version != wanted.known)
}

fn parse_present((id, text): &(Vec<u8>, Vec<u8>)) -> Option<(PresentId, Presence)> {
    let (id, text) = (std::str::from_utf8(id).ok()?, std::str::from_utf8(text).ok()?);
    Some((present::id(id)?, present::presence(text)?))
}

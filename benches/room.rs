//! What joining and publishing cost with 10, 1,000 and 100,000 viewers in a room, without sockets.
//!
//! Both should be flat: a join changes one number and wakes the feed, a publish paints once for everyone. What grows with
//! the viewers is writing to their sockets, and `cargo bench --bench fanout` measures that.

use std::hint::black_box;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use onlookers::config::FanoutSends;
use onlookers::delivery::{Fanout, FanoutOptions};
use onlookers::feed::{Feeds, View};
use onlookers::picture::{Label, Pictures, Style};
use onlookers::room::{Counting, Keys, Limits, Page, PageQuery, Presence, RoomName, Rooms, Site, Visitor};

const VIEWERS: [usize; 3] = [10, 1_000, 100_000];

fn room_name() -> RoomName {
    RoomName::site(Site::of_url("https://example.com/").expect("a site's URL"))
}

fn crowd(rooms: &Rooms, viewers: usize) -> Vec<Presence> {
    (0..viewers).map(|_| rooms.join(&room_name(), None).expect("room for one more")).collect()
}

fn joining(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("join and leave a room of");
    for viewers in VIEWERS {
        let rooms = Rooms::new(Limits::default());
        let _crowd = crowd(&rooms, viewers);
        let name = room_name();
        group.bench_function(BenchmarkId::from_parameter(viewers), |bencher| {
            bencher.iter(|| black_box(rooms.join(&name, None)));
        });
    }
}

fn publishing(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    let _guard = runtime.enter();
    let fanout = Fanout::start(FanoutOptions {
        threads: 1,
        repaint: Duration::from_secs(5),
        write_timeout: Duration::from_secs(30),
        sends: FanoutSends::default(),
    })
    .expect("a fan-out thread");
    let feeds = Feeds::new(Arc::new(Pictures::new(1 << 20)), Arc::clone(&fanout));
    let mut group = criterion.benchmark_group("publish a change to a room of");
    for viewers in VIEWERS {
        let rooms = Rooms::new(Limits::default());
        let crowd = crowd(&rooms, viewers);
        let feed = feeds.open(
            crowd[0].room(),
            View::Count { counting: Counting::Pages, style: Style::plain(Label::default()) },
        );
        group.bench_function(BenchmarkId::from_parameter(viewers), |bencher| {
            bencher.iter(|| {
                let newcomer = rooms.join(&room_name(), None).expect("room for one more");
                black_box(feed.publish());
                newcomer
            });
        });
    }
    group.finish();
    fanout.end(Duration::ZERO);
}

/// A million viewers, each alone on its page: a hundred sites of ten thousand pages.
fn counting(criterion: &mut Criterion) {
    let (rooms, keys) = (Rooms::new(Limits::default()), Keys::new().expect("randomness"));
    let mut group = criterion.benchmark_group("count a page and a visitor among viewers in as many rooms:");
    let mut pages = Vec::new();
    let mut crowd = Vec::new();
    for viewers in [1_000, 1_000_000] {
        while crowd.len() < viewers {
            let page = page(&keys, crowd.len() as u32);
            crowd.push(join(&rooms, &page));
            pages.push(page);
        }
        let mut next = 0_u32;
        group.bench_function(BenchmarkId::from_parameter(viewers), |bencher| {
            bencher.iter(|| {
                // Another page each time, far from the last: its room isn't in the processor's cache.
                next = next.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                black_box(join(&rooms, &pages[next as usize % viewers]))
            });
        });
    }
}

/// A page, and its visitor: what a request is parsed into before the counting begins.
fn page(keys: &Keys, number: u32) -> (RoomName, Visitor) {
    let site: Site = format!("site-{}.example", number % 100).parse().expect("a site's name");
    let page = Page::new(&format!("/posts/{}", number / 100), PageQuery::Drop).expect("a page's name");
    let visitor = keys.visitor(&site, IpAddr::V4(number.into()), b"Mozilla/5.0");
    (RoomName::page(site, page), visitor)
}

fn join(rooms: &Rooms, (name, visitor): &(RoomName, Visitor)) -> Presence {
    rooms.join(name, Some(visitor)).expect("room for one more")
}

criterion_group!(benches, joining, publishing, counting);
criterion_main!(benches);

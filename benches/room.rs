//! What joining and publishing cost with 10, 1,000 and 100,000 viewers in a room, without sockets.
//!
//! Both should be flat: a join changes one number and wakes the feed, a publish paints once for everyone. What grows with
//! the viewers is writing to their sockets, and `cargo bench --bench fanout` measures that.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use onlookers::delivery::Fanout;
use onlookers::feed::Feeds;
use onlookers::picture::{Label, Pictures, Style};
use onlookers::room::{Counting, Limits, Presence, RoomName, Rooms, Site};

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
    let fanout = Fanout::start(1, Duration::from_secs(5)).expect("a fan-out thread");
    let feeds = Feeds::new(Arc::new(Pictures::new(1 << 20)), Arc::clone(&fanout));
    let mut group = criterion.benchmark_group("publish a change to a room of");
    for viewers in VIEWERS {
        let rooms = Rooms::new(Limits::default());
        let crowd = crowd(&rooms, viewers);
        let feed = feeds.open(crowd[0].room(), Counting::Pages, Style::plain(Label::default()));
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

criterion_group!(benches, joining, publishing);
criterion_main!(benches);

//! What joining and publishing cost with 10, 1,000 and 100,000 viewers in a room, without sockets.
//!
//! Both should be flat: a join changes one number and wakes the feed, a publish paints once for everyone. What grows with
//! the viewers is writing to their sockets, and `cargo bench --bench fanout` measures that.

use std::hint::black_box;
use std::sync::Arc;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use look::Walk;
use onlookers::feeds::{Feeds, View};
use onlookers::painting::{Painter, Payer, Pictures};
use onlookers_picture::{Label, Style};
use onlookers_rooms::{CountGuard, Counting, Limits, RoomName, Rooms, Site};
use tokio::runtime::{Builder, Runtime};
use town::{Moment, Pages, Town};

#[path = "room/look.rs"]
mod look;
#[path = "room/memory.rs"]
mod memory;
#[path = "room/town.rs"]
mod town;

const VIEWERS: [usize; 3] = [10, 1_000, 100_000];

fn room_name() -> RoomName {
    RoomName::site(Site::of_url("https://example.com/").expect("a site's URL"))
}

fn crowd(rooms: &Rooms, viewers: usize) -> Vec<CountGuard> {
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

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_time().build().expect("a runtime")
}

/// Not criterion's, but asked for as if it were: by `memory`, or by nothing in particular.
fn remembering(_: &mut Criterion) {
    if std::env::args().skip(1).any(|filter| !filter.starts_with('-') && filter != "memory") {
        return;
    }
    runtime().block_on(memory::print());
    memory::print_served();
}

fn publishing(criterion: &mut Criterion) {
    let runtime = runtime();
    let _guard = runtime.enter();
    let painter = Arc::new(Painter::start(0).expect("no thread is needed"));
    let feeds = Feeds::new(painter, Arc::new(Pictures::new(1 << 20)), Arc::new(()));
    let opener = Payer::client([192, 0, 2, 1].into());
    let view = View::Count { counting: Counting::Tabs, style: Style::plain(Label::default()) };
    let mut group = criterion.benchmark_group("publish a change to a room of");
    for viewers in VIEWERS {
        let rooms = Rooms::new(Limits::default());
        let _crowd = crowd(&rooms, viewers);
        let (feed, _) = feeds.open(&rooms.open(&room_name()), view.clone(), &view, &opener);
        group.bench_function(BenchmarkId::from_parameter(viewers), |bencher| {
            bencher.iter(|| {
                let newcomer = rooms.join(&room_name(), None).expect("room for one more");
                feed.publish();
                newcomer
            });
        });
    }
    group.finish();
}

/// What one viewer's coming and going costs among a million others, each alone on a page.
fn counting(criterion: &mut Criterion) {
    let mut town = Town::new();
    for viewers in [1_000, 1_000_000, 4_000_000] {
        town.grow_to(viewers);
        let mut group = criterion.benchmark_group(format!("count among {viewers} viewers in as many rooms:"));
        let mut walk = Walk::new();
        group.bench_function("(for comparison: look at memory that is in no cache)", |bencher| {
            bencher.iter_custom(|looks| walk.time(looks));
        });
        drop(walk);
        for (name, pages, moment) in [
            ("join a page", Pages::Open, Moment::Join),
            ("leave a page", Pages::Open, Moment::Leave),
            ("join a page that nobody has open", Pages::New, Moment::Join),
            ("leave a page that nobody else has open", Pages::New, Moment::Leave),
        ] {
            town.welcome_guests(pages);
            group
                .bench_function(name, |bencher| bencher.iter_custom(|times| town.time(times, pages, moment)));
        }
    }
}

criterion_group!(benches, remembering, joining, publishing, counting);
criterion_main!(benches);

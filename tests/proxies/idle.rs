//! The timeout of a proxy for a silent server doesn't end a stream on which nothing changes.

use std::time::{Duration, Instant};

use crate::common::parts::png_of;
use crate::common::viewer::Viewer;
use crate::files::{Kind, Proxy, server};
use crate::link::Page;
use crate::network::VISITORS;

/// Ten times the timeout, which is lowered to 6 s.
const TEN_TIMEOUTS: Duration = Duration::from_secs(60);

for_each_proxy!(an_idle_stream_outlives_ten_timeouts);

fn an_idle_stream_outlives_ten_timeouts(kind: Kind) {
    // The timeout is in force: with nothing sent, the streams end. None of Apache's ends a tunnel.
    let silent = server(&["--repaint", "1h"]);
    let proxy = Proxy::impatient(kind);
    if kind != Kind::Apache {
        streams(kind).iter_mut().for_each(Page::wait_until_end);
    }
    drop(silent);

    let server = server(&[]);
    let mut pages = streams(kind);
    let begun = Instant::now();
    while begun.elapsed() < TEN_TIMEOUTS {
        for page in &mut pages {
            assert!(page.read(), "cut after {:?}: {}", begun.elapsed(), page.text());
        }
    }
    let _other = Viewer::join(server.address);
    let [picture, events] = &mut pages;
    picture.wait_for(&png_of(3));
    events.wait_for(b"\"count\":3,");
    drop(proxy);
}

/// A stream of pictures and one of events.
fn streams(kind: Kind) -> [Page; 2] {
    let door = kind.doors()[0];
    let mut pages =
        ["/online.png?u=1", "/events/example.com"].map(|path| Page::open(VISITORS[0], door, path));
    pages[0].wait_for(&png_of(2));
    pages[1].wait_for(b"\"count\":2,");
    pages
}

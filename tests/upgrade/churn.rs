//! Upgrades of a server with a crowd, while pages come and go.

use std::time::{Duration, Instant};

use crate::common::tls;
use crate::crowd::{Crowd, Others, Places};
use crate::processes::Processes;
use crate::truth::Truth;

/// How many viewers there are, if not as many as the environment variable says.
const VIEWERS: usize = 1000;
const VARIABLE: &str = "ONLOOKERS_UPGRADE_VIEWERS";

/// How many pages come and go beside them.
const OTHERS: u32 = 10;

/// How many more there are after every other upgrade: whatever the others do, the number isn't that of before.
const STEP: u32 = 15;

/// How soon each viewer has a frame of the new process.
const SOON: Duration = Duration::from_secs(2);

/// A server of both kinds.
pub(crate) fn server() -> (Processes, Places) {
    let processes = Processes::start(&[&["--listen", "127.0.0.1:0"], &tls::listen(tls::pair())[..]].concat());
    let places = Places { plain: processes.address, tls: tls_of(&processes) };
    (processes, places)
}

fn tls_of(processes: &Processes) -> std::net::SocketAddr {
    let address = |line: &String| line.split_once("https://")?.1.strip_suffix('/')?.parse().ok();
    processes.greeting().iter().find_map(address).expect("an address with TLS")
}

#[test]
fn ten_upgrades_in_a_row_under_churn() {
    let viewers = std::env::var(VARIABLE).map_or(VIEWERS, |number| number.parse().unwrap());
    let (mut processes, places) = server();
    let crowd = Crowd::new(places, viewers, Truth::between(viewers as u64, viewers as u64));
    crowd.fill(viewers, false);
    let churn = crowd.churn(OTHERS, false);
    let (mut took, mut frames, mut more) = (Vec::new(), Vec::new(), None);
    for turn in 1..=10 {
        let started = Instant::now();
        assert_eq!(processes.upgrade(), turn);
        took.push(started.elapsed());
        // From now on only the new process has any of them.
        let upgraded = Instant::now();
        more = match more.take() {
            None => Some(crowd.more(STEP)),
            Some(others) => {
                Others::stop(others);
                None
            }
        };
        frames.push(crowd.wait_for_frames(upgraded, SOON));
        crowd.seen().assert_faultless();
    }
    churn.stop();
    assert!(more.is_none(), "there are as many as at the beginning");
    crowd.wait_until_all_show(viewers as u64);
    crowd.seen().assert_faultless();
    assert_eq!(crowd.seen().open_viewers(), viewers as u64, "nobody has gone");
    println!("{viewers} viewers: upgrades took {took:?}");
    println!(
        "all had a frame of the new process after {frames:?}; nobody waited longer than {:?}",
        crowd.seen().longest()
    );
    for process in 0..10 {
        processes.wait_for_end(process);
    }
}

//! How the streams flow: a reader comes and goes, and each change has to arrive at once.

use std::io::Write;
use std::iter;
use std::time::{Duration, Instant};

use hyper::StatusCode;

use super::ask::{Asker, asking};
use super::finding::Fault;
use super::heads;
use super::place::PATIENCE;
use super::report::{Report, seconds};
use super::watch::{End, Kind, Seen, Watched, stays_open, wait_all};
use crate::wire::diagnosis::{HEADER, Received};

/// What comes later than this is held back.
const AT_ONCE: Duration = Duration::from_secs(1);

/// How long to wait for what doesn't come at once: the next picture, which pushes it out, comes after 5 s.
const LATE: Duration = Duration::from_secs(7);

/// How long a reader who has gone may stay counted, and how long to wait for one who stays longer.
const GONE: (Duration, Duration) = (Duration::from_secs(3), Duration::from_secs(12));

/// For how long no number may have changed before a reader comes, and how long to wait for that.
const SETTLED: (Duration, Duration) = (Duration::from_millis(300), Duration::from_secs(2));

/// The longest number that is read, in bytes.
const MAX_NUMBER: usize = 100;

/// A longer watch than this one finds most proxies that cut silent connections.
const LONG_WATCH: Duration = Duration::from_secs(30);

/// Opens a picture, a stream of events and a WebSocket, and watches them.
pub(super) async fn check<W: Write>(asker: &Asker, watch: Duration, report: &mut Report<W>) {
    let begun = Instant::now();
    let picture = Watched::open(asker, Kind::Picture);
    // The picture alone is counted. The others begin with its number, or its coming would look like that of another reader.
    picture.wait(begun + AT_ONCE, |seen| seen.first.is_some()).await;
    let others = [Kind::Events, Kind::WebSocket].map(|kind| Watched::open(asker, kind));
    let streams: Vec<&Watched> = iter::once(&picture).chain(&others).collect();
    wait_all(&streams, Instant::now() + LATE, |seen| seen.first.is_some()).await;
    for stream in &streams {
        check_opening(stream, asker, report);
    }
    let live: Vec<&Watched> = streams.iter().copied().filter(|it| is_live(&it.seen())).collect();
    if !live.is_empty() {
        check_changes(asker, &live, report).await;
    }
    check_answer(&live, report).await;
    stays_open(&live, watch.saturating_sub(begun.elapsed())).await;
    for stream in &live {
        check_end(stream, report);
    }
    if watch < LONG_WATCH {
        report.note(&format!(
            "the streams were watched for {}: --watch 35s finds what cuts silent connections, 2m what limits long ones",
            seconds(begun.elapsed())
        ));
    }
}

fn is_live(seen: &Seen) -> bool {
    seen.first.is_some() && seen.end.is_none()
}

fn check_opening<W: Write>(stream: &Watched, asker: &Asker, report: &mut Report<W>) {
    let (seen, name) = (stream.seen(), stream.kind.name());
    if let Some(headers) = &seen.headers {
        report.recognise(headers);
    }
    if let Some(encoding) = &seen.encoding {
        report.fault(
            Fault::Compresses,
            &format!("{name} is compressed ({encoding}), so numbers are held back"),
        );
    }
    if let Some((at, end)) = &seen.end {
        return not_open(stream.kind, &seen, *at, end, report);
    }
    if let Some(headers) = &seen.headers {
        heads::check(stream.kind, headers, asker.origin(), report);
    }
    let took = seen.sent.zip(seen.first).map(|(sent, first)| first.duration_since(sent));
    match took {
        Some(took) if took <= AT_ONCE => {
            report.ok(&format!("{name}: the first number came after {}", seconds(took)))
        }
        Some(took) => report.fault(
            Fault::Buffers,
            &format!(
                "{name}: the first number came only after {}: it is held back until more comes",
                seconds(took)
            ),
        ),
        None => report.fault(
            Fault::Buffers,
            &format!("{name}: no number came within {}: what the server sends is held back", seconds(LATE)),
        ),
    }
}

/// Reports a stream that was over before it was of use.
fn not_open<W: Write>(kind: Kind, seen: &Seen, at: Instant, end: &End, report: &mut Report<W>) {
    let name = kind.name();
    match end {
        End::Refused(StatusCode::UPGRADE_REQUIRED, _) => {
            report.fault(
                Fault::NoUpgrade,
                &format!("{name} can't be opened: Upgrade and Connection don't arrive"),
            );
        }
        End::Refused(status, why) => {
            let is_upgrade =
                kind == Kind::WebSocket && matches!(status.as_u16(), 200 | 400 | 404 | 405 | 501 | 502);
            let fault = if is_upgrade { Fault::NoUpgrade } else { Fault::Refused };
            report.fault(fault, format!("{name} can't be opened: the answer is {status} {why}").trim_end());
        }
        End::NotAStream(found) => {
            report.fault(Fault::Strips, &format!("{name} can't be opened: what comes is {found:?}"));
        }
        End::Failed(why) => {
            let fault = if kind == Kind::WebSocket { Fault::NoUpgrade } else { Fault::Unreachable };
            report.fault(fault, &format!("{name} can't be opened: {why}"));
        }
        End::Cut | End::Stopped => {
            let after = seen.sent.map(|sent| at.duration_since(sent)).unwrap_or_default();
            report.fault(Fault::Cuts, &format!("{name} was cut after {}", seconds(after)));
        }
    }
}

/// Another reader comes, and goes.
async fn check_changes<W: Write>(asker: &Asker, live: &[&Watched], report: &mut Report<W>) {
    let number = number(asker, report).await;
    settle(live).await;
    let before: Vec<_> = live.iter().map(|stream| stream.seen().newest.map(|(value, _)| value)).collect();
    let reader = Watched::open(asker, Kind::Picture);
    let sent = reader.wait(Instant::now() + PATIENCE, |seen| seen.sent.is_some()).await.sent;
    let Some(joined) = sent else { return };
    let changed =
        |seen: &Seen, before: &Option<u64>| seen.newest.is_some_and(|(value, _)| Some(value) != *before);
    for (stream, before) in live.iter().zip(&before) {
        stream.wait(joined + LATE, |seen| changed(seen, before)).await;
    }
    let times: Vec<_> = live
        .iter()
        .zip(&before)
        .map(|(stream, before)| {
            let seen = stream.seen();
            let newest = seen.newest.filter(|_| changed(&seen, before));
            newest.map(|(_, at)| at.saturating_duration_since(joined))
        })
        .collect();
    let after = self::number(asker, report).await;
    let counted = number.zip(after).map(|(before, after)| before != after);
    if times.iter().all(Option::is_none) && counted == Some(false) {
        let text = "another reader isn't counted: a cache answers in the server's place, or your address is one of --ignore";
        report.fault(Fault::Caches, text);
        return;
    }
    if times.iter().any(Option::is_some) && counted == Some(false) {
        report.fault(Fault::Caches, &format!("{} stays the same when a reader comes", asker.number()));
    }
    for (stream, took) in live.iter().zip(&times) {
        report_change(stream, *took, report);
    }
    let best = times.iter().enumerate().filter_map(|(at, time)| time.map(|time| (time, at))).min();
    if let Some((_, at)) = best.filter(|(time, _)| *time <= AT_ONCE) {
        check_leaving(asker, reader, live[at], before[at], report).await;
    }
}

/// Waits until no number has changed for a while: others may come and go.
async fn settle(live: &[&Watched]) {
    let latest = Instant::now() + SETTLED.1;
    loop {
        let newest = live.iter().filter_map(|stream| stream.seen().newest).map(|(_, at)| at).max();
        let Some(until) = newest.map(|at| at + SETTLED.0).filter(|until| *until > Instant::now()) else {
            return;
        };
        if until > latest {
            return;
        }
        tokio::time::sleep_until(until.into()).await;
    }
}

fn report_change<W: Write>(stream: &Watched, took: Option<Duration>, report: &mut Report<W>) {
    let name = stream.kind.name();
    match took {
        Some(took) if took <= AT_ONCE => {
            report.ok(&format!("{name} is live: a change took {}", seconds(took)));
        }
        Some(took) => report.fault(
            Fault::Buffers,
            &format!("{name} is late: a change took {}, as it is held back until more comes", seconds(took)),
        ),
        None if stream.seen().end.is_some() => {}
        None => report.fault(
            Fault::Buffers,
            &format!("{name} is stuck: a change didn't come within {}", seconds(LATE)),
        ),
    }
}

/// The reader's page is closed; the server has to learn of that.
async fn check_leaving<W: Write>(
    asker: &Asker,
    reader: Watched,
    stream: &Watched,
    before: Option<u64>,
    report: &mut Report<W>,
) {
    let now = stream.seen().newest.map(|(value, _)| value);
    // In a room of its own the number is again what it was; elsewhere others come and go.
    let is_back = |seen: &Seen| {
        let newest = seen.newest.map(|(value, _)| value);
        if asker.has_page() { newest == before } else { newest != now }
    };
    let left = Instant::now();
    drop(reader);
    let seen = stream.wait(left + GONE.1, is_back).await;
    let took = seen.newest.filter(|_| is_back(&seen)).map(|(_, at)| at.saturating_duration_since(left));
    match took {
        Some(took) if took <= GONE.0 => {
            report.ok(&format!("a reader who has gone is uncounted after {}", seconds(took)));
        }
        Some(took) => report
            .fault(Fault::Lingers, &format!("a reader who has gone stays counted for {}", seconds(took))),
        None if seen.end.is_some() => {}
        None => report.fault(
            Fault::Lingers,
            &format!("a reader who has gone stays counted for more than {}", seconds(GONE.1)),
        ),
    }
}

/// The number of the room, if the server tells it. Its request has an Origin, and says how that arrived.
async fn number<W: Write>(asker: &Asker, report: &mut Report<W>) -> Option<String> {
    let url = asker.number();
    let answer = asker.network.get(&url, asking(asker.events_headers()), PATIENCE).await.ok()?;
    report.recognise(answer.headers());
    heads::check_cache("a number", answer.headers(), report);
    if let Some(received) = answer.headers().get(HEADER).map(|it| Received::of_header(it.as_bytes()))
        && received.origin != asker.origin()
    {
        let found = received.origin;
        report.fault(
            Fault::Referer,
            &format!("the server gets the Origin {found:?} instead of {:?}", asker.origin()),
        );
    }
    if answer.status() != StatusCode::OK {
        return None;
    }
    if !answer.header("content-encoding").is_empty() {
        return None;
    }
    Some(answer.text(MAX_NUMBER, PATIENCE).await)
}

/// What a page sends on a WebSocket has to arrive, too.
async fn check_answer<W: Write>(live: &[&Watched], report: &mut Report<W>) {
    let Some(stream) = live.iter().find(|stream| stream.kind == Kind::WebSocket) else { return };
    let seen = stream.wait(Instant::now() + AT_ONCE, |seen| seen.answered.is_some()).await;
    if seen.answered.is_none() && seen.end.is_none() {
        report.fault(Fault::Buffers, "the WebSocket: what a page sends doesn't arrive");
    }
}

fn check_end<W: Write>(stream: &Watched, report: &mut Report<W>) {
    let (seen, name) = (stream.seen(), stream.kind.name());
    let Some(sent) = seen.sent else { return };
    match &seen.end {
        None => report.ok(&format!("{name} stayed open for {}", seconds(sent.elapsed()))),
        Some((_, End::Stopped)) => {
            report.note(&format!("{name} was ended by the server itself, which stops"))
        }
        Some((at, end)) => {
            let silent = seen.last.map(|last| at.saturating_duration_since(last)).unwrap_or_default();
            let why = if let End::Failed(why) = end { format!(" ({why})") } else { String::new() };
            report.fault(
                Fault::Cuts,
                &format!(
                    "{name} was cut after {}, when nothing had come for {}{why}",
                    seconds(at.saturating_duration_since(sent)),
                    seconds(silent)
                ),
            );
        }
    }
}

use tokio::io::DuplexStream;
use tokio::task::JoinHandle;

use super::super::{Options, Sends};
use super::*;
use crate::net::capacity::{Capacity, CapacityLimits};
use crate::net::connections::{ConnectionLimits, Connections};

type Client = h2::client::SendRequest<Bytes>;
type Driver = h2::client::Connection<DuplexStream>;

fn connections(total: usize) -> Arc<Connections> {
    let capacity = CapacityLimits { total: 10, places_per_client: None, pages_per_client: 10 };
    Connections::new(Capacity::new(capacity), ConnectionLimits { total, others: 1, per_client: 10 })
}

/// A connection whose requests get `answer`.
async fn connect(connections: &Arc<Connections>, answer: fn() -> Answer) -> (Client, Driver, JoinHandle<()>) {
    let hour = Duration::from_secs(3600);
    let options = Options { loops: 1, resend: hour, write_timeout: hour, ping: hour, sends: Sends::Write };
    let bodies = Arc::new(Bodies::new(&options));
    let (near, far) = tokio::io::duplex(64 * 1024);
    let permit = connections.open(None);
    let served = tokio::spawn(async move {
        serve(Bytes::new(), far, permit, (|_, _: &_| answer(), |_| ()), &bodies).await;
    });
    let (client, driver) = h2::client::handshake(near).await.unwrap();
    (client, driver, served)
}

/// A request whose answer is never ready.
fn ask(client: &mut Client) -> h2::client::ResponseFuture {
    client.send_request(Request::new(()), true).unwrap().0
}

fn never() -> Answer {
    Answer::Later(Box::pin(std::future::pending()))
}

#[tokio::test(start_paused = true)]
async fn a_connection_without_a_stream_gets_a_goaway_after_10_s() {
    let started = Instant::now();
    let (_client, driver, served) = connect(&connections(10), never).await;
    assert!(driver.await.is_ok(), "an end without an error");
    served.await.unwrap();
    let took = started.elapsed();
    assert!((IDLE_TIMEOUT..IDLE_TIMEOUT + CLOSE_TIMEOUT).contains(&took), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn a_connection_with_a_stream_stays_and_is_idle_after_it() {
    let started = Instant::now();
    let (mut client, driver, served) = connect(&connections(10), never).await;
    let driver = tokio::spawn(driver);
    let response = ask(&mut client);
    tokio::time::sleep(3 * IDLE_TIMEOUT).await;
    assert!(!served.is_finished());
    drop(response);
    driver.await.unwrap().unwrap();
    served.await.unwrap();
    let took = started.elapsed();
    assert!((4 * IDLE_TIMEOUT..4 * IDLE_TIMEOUT + CLOSE_TIMEOUT).contains(&took), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn a_response_that_never_comes_is_reset_in_the_end() {
    let (mut client, driver, _served) = connect(&connections(10), never).await;
    tokio::spawn(driver);
    let started = Instant::now();
    assert!(ask(&mut client).await.is_err());
    // The connection is looked at whenever it is sent a PING.
    assert!(started.elapsed() < Duration::from_secs(60) + PING + PING_TIMEOUT);
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_answers_no_ping_has_vanished() {
    let started = Instant::now();
    let (mut client, mut driver, served) = connect(&connections(10), never).await;
    let response = ask(&mut client);
    // Sends the request, and is never heard of again.
    poll_fn(|cx| Poll::Ready(Pin::new(&mut driver).poll(cx).is_pending())).await;
    served.await.unwrap();
    assert!(started.elapsed() < PING + PING_TIMEOUT + IDLE_TIMEOUT + 2 * CLOSE_TIMEOUT);
    drop((response, driver));
}

#[tokio::test(start_paused = true)]
async fn an_idle_connection_makes_room_for_another() {
    let connections = connections(2);
    let (_client, driver, served) = connect(&connections, never).await;
    let driver = tokio::spawn(driver);
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(!served.is_finished());
    let _another = connections.open(None);
    served.await.unwrap();
    let _ = driver.await;
}

#[test]
fn the_preface_is_known_by_its_first_line_and_no_request_is() {
    assert!(begins(PREFACE) && begins(&PREFACE[..FIRST_LINE]));
    assert!(begins(&[PREFACE, b"\0\0\0\x04"].concat()));
    for bytes in
        [&b""[..], &PREFACE[..FIRST_LINE - 1], b"GET / HTTP/1.1\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n"]
    {
        assert!(!begins(bytes), "{:?}", String::from_utf8_lossy(bytes));
    }
}

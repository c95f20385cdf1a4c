use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::Arc;

use onlookers_picture::{Label, Style, StyleBuilder, Themes, Value};
use onlookers_rooms::{Counting, RoomName};
use socket2::SockRef;

use super::*;
use crate::app::tests::app;
use crate::feeds::{FeedRef, Published, View};
use crate::net::address::ClientNetwork;
use crate::painting::Payer;
use crate::transport::socket::Socket;
use crate::transport::tls::tests::shaken_hands_of_each;
use crate::transport::{Repaint, Sends, StreamGrant};
use crate::wire::{Opening, multipart};

const NOW: Duration = Duration::ZERO;

/// A loop that is turned by hand.
pub(super) fn event_loop(number: u32) -> EventLoop {
    let hour = Duration::from_secs(3600);
    let options = Options { loops: 1, resend: hour, write_timeout: hour, ping: hour, sends: Sends::Write };
    EventLoop::new(number, options).unwrap().0
}

/// Both ends of a connection that holds little.
pub(super) fn connection() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (server, _) = listener.accept().unwrap();
    server.set_nonblocking(true).unwrap();
    SockRef::from(&server).set_send_buffer_size(4 * 1024).unwrap();
    (client, server)
}

pub(super) fn room() -> RoomName {
    "example.com".parse().unwrap()
}

fn style() -> Style {
    let mut style = StyleBuilder::new(Label::default());
    style.take("style", "plastic").unwrap();
    style.take("scale", "4").unwrap();
    style.build(&Themes::default()).unwrap()
}

/// Has the loop send a stream to `server`.
fn admit(event_loop: &mut EventLoop, app: &App, server: TcpStream) -> FeedRef {
    admit_socket(event_loop, app, Socket::plain(server))
}

fn admit_socket(event_loop: &mut EventLoop, app: &App, socket: Socket) -> FeedRef {
    let view = View::Count { counting: Counting::Tabs, style: style() };
    let guard = Some(app.rooms.join(&room(), None).unwrap());
    let opener = Payer::client(Ipv4Addr::LOCALHOST.into());
    let (feed, _) = app.feeds.open(&app.rooms.open(&room()), view.clone(), &view, &opener);
    let permit = app.capacity.acquire(ClientNetwork::of(Ipv4Addr::LOCALHOST.into()), None).unwrap();
    let (opening, repaint) = (Opening::Pictures, Repaint::Once);
    let grant = StreamGrant { opening, feed: Arc::clone(&feed), guard, permit, repaint };
    let taken = Taken { socket, grant: Grant::Stream(grant), unread: Box::default() };
    event_loop.admit(taken);
    feed
}

pub(super) fn only_id(event_loop: &EventLoop) -> ConnectionId {
    let ids: Vec<_> = event_loop.connections.iter().map(|(index, _)| ConnectionId::new(index)).collect();
    assert_eq!(ids.len(), 1);
    ids[0]
}

#[tokio::test]
async fn an_ended_connection_is_over_despite_a_duplicate() {
    let (app, mut event_loop) = (app(), event_loop(0));
    let (mut client, server) = connection();
    // Another process would hold it like this.
    let duplicate = server.try_clone().unwrap();
    admit(&mut event_loop, &app, server);
    let id = only_id(&event_loop);
    event_loop.over.push((id, End::Gone));
    event_loop.remove_over();
    assert_eq!(app.rooms.totals().tabs, 0);

    // The client has the end, and what it still sends wakes no loop.
    client.read_to_end(&mut Vec::new()).unwrap();
    let _ = client.write_all(b"x");
    let mut events = Events::with_capacity(8);
    event_loop.poll.poll(&mut events, Some(NOW)).unwrap();
    assert!(events.is_empty());
    drop(duplicate);
}

#[tokio::test]
async fn a_frame_that_never_goes_out_is_not_counted() {
    let (app, mut event_loop) = (app(), event_loop(0));
    let (client, server) = connection();
    let feed = admit(&mut event_loop, &app, server);
    let bytes = event_loop.metrics.bytes.value();
    // A reset, as there is something that it hasn't read.
    drop(client);
    let _another = app.rooms.join(&room(), None).unwrap();
    feed.publish();
    event_loop.send_update(feed.channel().id());
    assert_eq!(event_loop.over.len(), 1, "it has gone");
    assert_eq!(event_loop.metrics.frames.of(Sent::Update).value(), 0);
    assert_eq!(event_loop.metrics.bytes.value(), bytes);
}

#[tokio::test]
async fn a_stalled_stream_goes_on_in_another_loop() {
    let (app, mut from, mut to) = (app(), event_loop(0), event_loop(1));
    let (mut client, server) = connection();
    let feed = admit(&mut from, &app, server);
    let id = only_id(&from);
    let mut viewers = Vec::new();
    while !from.connections[id.index()].is_stalled() {
        viewers.push(app.rooms.join(&room(), None).unwrap());
        feed.publish();
        from.send_update(feed.channel().id());
    }

    let transfer = from.give_away(id).unwrap().unwrap();
    assert!(from.connections.is_empty() && from.subscriptions.get(feed.channel().id()).is_none());
    let tabs = app.rooms.totals().tabs;
    assert_eq!(tabs, viewers.len() as u64 + 1);
    to.adopt(transfer);

    let newest = app.pictures.png(&style(), Value::Count(tabs));
    let received = read_through(&mut client, &newest, || {
        let mut events = Events::with_capacity(8);
        to.poll.poll(&mut events, Some(NOW)).unwrap();
        let id = only_id(&to);
        to.resume(id).unwrap();
    });
    let mut frames = received;
    for count in 1..=tabs {
        let frame = multipart::frame(&app.pictures.png(&style(), Value::Count(count)));
        // Some were skipped, but none was cut.
        if let Some(at) = frames.windows(frame.len()).position(|part| part == frame) {
            frames.drain(at..at + frame.len());
        }
    }
    let opening = frames.len();
    assert!(opening < 1200, "{opening} bytes are no whole frame");
    assert!(app.rooms.totals().tabs == tabs && !to.connections[only_id(&to).index()].is_stalled());
}

/// Its keys may seal few more records. It gets its last picture, and nothing comes after the end.
#[tokio::test]
async fn a_worn_out_connection_ends_in_order() {
    for (mut peer, connection_end) in shaken_hands_of_each() {
        let (app, mut event_loop) = (app(), event_loop(0));
        let (mut client, server) = connection();
        SockRef::from(&server).set_send_buffer_size(1 << 20).unwrap();
        let mut socket = Socket::tls(server, (connection_end, None), Vec::new(), &mut Vec::new()).unwrap();
        socket.wear_out();
        let feed = admit_socket(&mut event_loop, &app, socket);
        let id = only_id(&event_loop);
        event_loop.now += Duration::from_secs(3600);
        event_loop.send_again();
        let _another = app.rooms.join(&room(), None).unwrap();
        feed.publish();
        event_loop.send_update(feed.channel().id());
        event_loop.now += Duration::from_secs(3600);
        event_loop.send_again();
        assert!(event_loop.over.is_empty() && event_loop.closing.next().is_some());
        let (mut records, mut text) = (Vec::new(), Vec::new());
        client.read_to_end(&mut records).unwrap();
        let mut records = &records[..];
        while !records.is_empty() {
            peer.read_tls(&mut records).unwrap();
            let state = peer.process_new_packets().unwrap();
            assert!(!state.peer_has_closed() || records.is_empty(), "something comes after the end");
            let _ = peer.reader().read_to_end(&mut text);
        }
        assert!(text.ends_with(b"\r\n--frame--\r\n"));
        let reason = event_loop.closing.remove(id).unwrap();
        event_loop.closing.add(id, Instant::now(), reason);
        event_loop.remove_over();
        assert!(event_loop.connections.get(id.index()).is_none() && event_loop.closing.next().is_none());
    }
}

/// Reads until `last` and the next part's head have come; `turn` makes the server go on.
fn read_through(client: &mut TcpStream, last: &[u8], mut turn: impl FnMut()) -> Vec<u8> {
    client.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let wanted = multipart::frame(last);
    let mut received = Vec::new();
    while !received.ends_with(&wanted) {
        let mut buffer = [0; 4096];
        let bytes = client.read(&mut buffer).unwrap();
        assert!(bytes > 0, "the stream ended");
        received.extend_from_slice(&buffer[..bytes]);
        turn();
    }
    received
}

/// Ten thousand of them are to cost little more than their sockets.
#[test]
fn a_connection_is_small() {
    let sizes = [size_of::<Connection>(), size_of::<crate::transport::websocket::WebSocket>()];
    assert!(sizes[0] <= 112 && sizes[1] <= 240, "{sizes:?}");
}

//! The floor: the least that a server on epoll can do. One thread, one `write(2)` a viewer and frame, and
//! nothing else: no parsing, no pacing, no repaint, no care for who reads slowly. Every join and leave is
//! sent to all, once for each batch of events.

use crate::{
    Outcome,
    load::pictures::{self, NEXT_PART},
};
use mio::{Events, Interest, Poll, Token, event::Event, net::TcpListener, net::TcpStream};
use slab::Slab;
use socket2::{Domain, Socket, Type};
use std::{
    io::{self, ErrorKind, Read, Write},
    net::{Ipv4Addr, SocketAddr},
};

const LISTENER: Token = Token(usize::MAX);
const BACKLOG: i32 = 4096;

const HEAD: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=frame\r\n\
    Cache-Control: no-store\r\nConnection: close\r\n\r\n--frame\r\nContent-Type: image/png\r\n\r\n";

struct Viewer {
    socket: TcpStream,
    joined: bool,
}

struct Floor {
    poll: Poll,
    listener: TcpListener,
    viewers: Slab<Viewer>,
    frame_bytes: usize,
    count: usize,
    changed: bool,
}

/// Serves until it is killed; each frame has `frame_bytes` on the wire.
pub(crate) fn serve(frame_bytes: usize) -> Outcome<()> {
    let (poll, mut listener) = (Poll::new()?, listen()?);
    poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
    println!("http://{}/", listener.local_addr()?);
    let viewers = Slab::new();
    let mut floor = Floor { poll, listener, viewers, frame_bytes, count: 0, changed: false };
    let mut events = Events::with_capacity(1024);
    loop {
        floor.turn(&mut events)?;
    }
}

/// mio's own `bind` gives a backlog that the first burst of joins overruns.
fn listen() -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into())?;
    socket.listen(BACKLOG)?;
    Ok(TcpListener::from_std(socket.into()))
}

impl Floor {
    fn turn(&mut self, events: &mut Events) -> Outcome<()> {
        match self.poll.poll(events, None) {
            Err(error) if error.kind() == ErrorKind::Interrupted => return Ok(()),
            polled => polled?,
        }
        for event in events.iter() {
            self.react(event)?;
        }
        if std::mem::take(&mut self.changed) {
            self.publish();
        }
        Ok(())
    }

    fn react(&mut self, event: &Event) -> io::Result<()> {
        match event.token() {
            LISTENER => self.accept(),
            Token(key) => {
                self.read(key);
                Ok(())
            }
        }
    }

    fn accept(&mut self) -> io::Result<()> {
        loop {
            let mut socket = match self.listener.accept() {
                Ok((socket, _)) => socket,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            };
            socket.set_nodelay(true)?;
            let entry = self.viewers.vacant_entry();
            self.poll.registry().register(&mut socket, Token(entry.key()), Interest::READABLE)?;
            entry.insert(Viewer { socket, joined: false });
        }
    }

    /// Any bytes are a whole request here: its only client sends it in one write.
    fn read(&mut self, key: usize) {
        let Some(viewer) = self.viewers.get_mut(key) else { return };
        match viewer.socket.read(&mut [0; 4096]) {
            Ok(0) => self.remove(key),
            Ok(_) if viewer.joined => {}
            Ok(_) => self.join(key),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(_) => self.remove(key),
        }
    }

    /// The first picture comes with the publishing that the join causes.
    fn join(&mut self, key: usize) {
        let viewer = &mut self.viewers[key];
        viewer.joined = viewer.socket.write(HEAD).is_ok_and(|sent| sent == HEAD.len());
        self.count += usize::from(viewer.joined);
        self.changed = true;
    }

    fn remove(&mut self, key: usize) {
        let viewer = self.viewers.remove(key);
        self.count -= usize::from(viewer.joined);
        self.changed |= viewer.joined;
    }

    fn publish(&mut self) {
        let mut frame = pictures::made_up(self.count, self.frame_bytes - NEXT_PART.len());
        frame.extend_from_slice(NEXT_PART);
        for (_, viewer) in &mut self.viewers {
            if viewer.joined {
                // A viewer whose buffer is full misses it: the reader of this bench keeps up, or its check fails.
                let _ = viewer.socket.write(&frame);
            }
        }
    }
}

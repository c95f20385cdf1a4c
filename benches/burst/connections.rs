//! The connections of a burst.

use crate::{
    Outcome,
    load::attack::{be_attackers, connect, connect_narrow, request},
};
use clap::ValueEnum;
use std::{
    fmt::{self, Display, Formatter},
    io::{self, Write},
    net::{SocketAddr, TcpStream},
    thread,
    time::Duration,
};

/// How long all of them stay.
const STAY: Duration = Duration::from_millis(500);

/// The length of a head that doesn't end, in bytes.
const HEAD: usize = 2 * 1024;

/// What a connection sends.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum Sends {
    Nothing,
    Byte,
    /// A head of 2 KiB without its end.
    Head,
    /// A POST whose body never comes.
    Body,
    /// A whole request. Its answer isn't read.
    Request,
}

impl Display for Sends {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Nothing => "nothing",
            Self::Byte => "byte",
            Self::Head => "head",
            Self::Body => "body",
            Self::Request => "request",
        })
    }
}

/// Has `connections` come and leave, again and again, until the bench ends it. Prints each time how many have come.
pub(crate) fn run(address: SocketAddr, what: Sends, connections: usize) -> Outcome<()> {
    be_attackers(|| ())?;
    let mut serials = 0..;
    loop {
        // A connection that fails is one fewer.
        let open = serials.by_ref().take(connections).flat_map(|serial| open(address, what, serial));
        let all: Vec<_> = open.collect();
        println!("{}", all.len());
        thread::sleep(STAY);
        drop(all);
    }
}

fn open(address: SocketAddr, what: Sends, serial: u32) -> io::Result<TcpStream> {
    let attacker = serial >> 16;
    let mut socket = match what {
        Sends::Request => connect_narrow(address, attacker, serial)?,
        _ => connect(address, attacker, serial)?,
    };
    socket.write_all(&what.bytes())?;
    Ok(socket)
}

impl Sends {
    fn bytes(self) -> Vec<u8> {
        match self {
            Self::Nothing => Vec::new(),
            Self::Byte => b"G".to_vec(),
            Self::Head => format!("{:x<HEAD$}", "GET / HTTP/1.1\r\nX-Long: ").into(),
            Self::Body => {
                b"POST / HTTP/1.1\r\nHost: counter.example\r\nContent-Length: 1000\r\n\r\n".to_vec()
            }
            // The longest answer that isn't a stream.
            Self::Request => request("/", "example.org").into(),
        }
    }
}

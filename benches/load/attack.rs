//! Attackers: a process of their own, at nice 19, and connections from addresses that change all the time.

use super::{Outcome, server};
use rustix::process::setpriority_process;
use socket2::{Domain, Socket, Type};
use std::{
    env,
    io::{self, Read},
    net::{Ipv4Addr, SocketAddr, TcpStream},
    process::{Child, Command, Stdio, exit},
    sync::mpsc::Receiver,
    thread,
    time::Duration,
};

/// The attackers share the server's cores, which real ones would not.
const NICE: i32 = 19;

/// The longest that they wait for the server.
pub(crate) const PATIENCE: Duration = Duration::from_secs(2);

/// The process of the attackers; dropping it ends them.
pub(crate) struct Attackers {
    process: Child,
    /// What they print.
    lines: Receiver<String>,
}

impl Attackers {
    /// Starts this program again, with its own arguments and those of the `role`.
    pub(crate) fn start(role: &[String]) -> Outcome<Self> {
        let mut command = Command::new(server::own_path()?);
        command.args(env::args_os().skip(1)).args(role);
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let lines = server::lines(process.stdout.take().ok_or("no pipe")?);
        Ok(Self { process, lines })
    }

    /// What they have printed since the last call.
    pub(crate) fn lines(&self) -> impl Iterator<Item = String> {
        self.lines.try_iter()
    }

    /// Has them end, and returns what they have printed.
    pub(crate) fn end(mut self) -> Outcome<Vec<String>> {
        drop(self.process.stdin.take());
        self.process.wait()?;
        Ok(self.lines.iter().collect())
    }
}

impl Drop for Attackers {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        let _ = self.process.wait();
    }
}

/// Makes this process one of attackers, which calls `at_end` and ends when its standard input does.
pub(crate) fn be_attackers(at_end: impl FnOnce() + Send + 'static) -> Outcome<()> {
    setpriority_process(None, NICE)?;
    thread::spawn(|| {
        let _ = io::stdin().read_to_end(&mut Vec::new());
        at_end();
        exit(0);
    });
    Ok(())
}

/// A connection, from another address for each `serial` of an attacker.
pub(crate) fn connect(address: SocketAddr, attacker: u32, serial: u32) -> io::Result<TcpStream> {
    connected(socket(attacker, serial)?, address)
}

/// The same with the smallest receive buffer and segments, which make the server's own buffer for it small, too.
pub(crate) fn connect_narrow(address: SocketAddr, attacker: u32, serial: u32) -> io::Result<TcpStream> {
    let socket = socket(attacker, serial)?;
    socket.set_recv_buffer_size(1)?;
    socket.set_tcp_mss(88)?;
    connected(socket, address)
}

fn socket(attacker: u32, serial: u32) -> io::Result<Socket> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    // The ordinary viewers have 127.0.0.0/16.
    let source = Ipv4Addr::from(0x7f00_0000 | (attacker % 255 + 1) << 16 | serial & 0xffff);
    socket.bind(&SocketAddr::from((source, 0)).into())?;
    Ok(socket)
}

fn connected(socket: Socket, address: SocketAddr) -> io::Result<TcpStream> {
    socket.connect_timeout(&address.into(), PATIENCE)?;
    let socket = TcpStream::from(socket);
    socket.set_read_timeout(Some(PATIENCE))?;
    socket.set_write_timeout(Some(PATIENCE))?;
    Ok(socket)
}

pub(crate) fn request(path: &str, site: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: counter.example\r\nReferer: https://{site}/\r\n\r\n")
}

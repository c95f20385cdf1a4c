//! One attacker: a thread with its connections.

use crate::load::attack::{connect, connect_narrow};
use std::{
    collections::VecDeque,
    io::{self, ErrorKind, Read, Write},
    net::{SocketAddr, TcpStream},
};

pub(super) struct Attacker {
    pub(super) address: SocketAddr,
    pub(super) number: u32,
    serial: u32,
    /// The connections that it holds open, oldest first.
    pub(super) held: VecDeque<TcpStream>,
    random: u64,
}

impl Attacker {
    pub(super) fn new(address: SocketAddr, number: u32) -> Self {
        Self {
            address,
            number,
            serial: 0,
            held: VecDeque::new(),
            random: 0x9e37_79b9_7f4a_7c15 + u64::from(number),
        }
    }

    /// Another number each time.
    pub(super) fn serial(&mut self) -> u32 {
        self.serial = self.serial.wrapping_add(1);
        self.serial
    }

    /// From another address each time.
    pub(super) fn connect(&mut self) -> io::Result<TcpStream> {
        let serial = self.serial();
        connect(self.address, self.number, serial)
    }

    /// The same with a small receive buffer.
    pub(super) fn connect_narrow(&mut self) -> io::Result<TcpStream> {
        let serial = self.serial();
        connect_narrow(self.address, self.number, serial)
    }

    /// Connects and sends `bytes`.
    pub(super) fn send(&mut self, bytes: &[u8]) -> io::Result<TcpStream> {
        let mut socket = self.connect()?;
        socket.write_all(bytes)?;
        Ok(socket)
    }

    /// Holds a connection, and lets the oldest go if there are more than `most`.
    pub(super) fn hold(&mut self, socket: TcpStream, most: usize) -> io::Result<()> {
        socket.set_nonblocking(true)?;
        self.held.push_back(socket);
        if self.held.len() > most {
            self.held.pop_front();
        }
        Ok(())
    }

    /// Reads what has come, and lets those go whom the server has put out.
    pub(super) fn drain(&mut self) {
        self.held.retain_mut(is_open);
    }

    /// Xorshift (Marsaglia, 2003): the same sequence in every run.
    pub(super) fn random(&mut self, below: u64) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random % below
    }

    pub(super) fn random_bytes(&mut self, most: u64) -> Vec<u8> {
        (0..=self.random(most)).map(|_| self.random(256) as u8).collect()
    }
}

/// Reads what has come; false at the end.
fn is_open(socket: &mut TcpStream) -> bool {
    let mut buffer = [0; 16 * 1024];
    loop {
        match socket.read(&mut buffer) {
            Ok(0) => return false,
            Ok(_) => {}
            Err(error) => return error.kind() == ErrorKind::WouldBlock,
        }
    }
}

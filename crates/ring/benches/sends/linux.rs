//! The bench, where there is a ring.

use std::error::Error;
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::os::fd::AsFd;
use std::process::{self, Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};
use std::{env, fs, io, thread};

use mio::{Events, Interest, Poll, Token};
use onlookers_ring::Ring;
use socket2::{Domain, Socket, Type};

const FRAME: [u8; 800] = [b'x'; 800];

/// The reader goes to sleep in between, as it does when frames come a few times a second.
const PAUSE: Duration = Duration::from_millis(60);

type Outcome<T> = Result<T, Box<dyn Error>>;

pub(crate) fn main() -> Outcome<()> {
    let args: Vec<_> = env::args().skip(1).filter(|arg| arg != "--bench").collect();
    if let [role, address, sockets] = &args[..]
        && role == "read"
    {
        return read(address.parse()?, sockets.parse()?);
    }
    let sockets = args.first().map_or(Ok(10_000), |arg| arg.parse())?;
    let rounds = args.get(1).map_or(Ok(40_u32), |arg| arg.parse())?;
    let (mut bench, mut ring) = (Bench::start(sockets)?, Ring::new()?);
    let mut costs = [Vec::new(), Vec::new()];
    // The first round warms up.
    for round in 0..=rounds {
        for way in if round % 2 == 0 { [0, 1] } else { [1, 0] } {
            let cost = bench.cost(|sockets| match way {
                0 => send_by_write(sockets),
                _ => send_by_ring(sockets, &mut ring),
            })?;
            costs[way].extend((round > 0).then_some(cost));
        }
    }
    print("a write each", &costs[0], &costs[0]);
    print("the ring", &costs[1], &costs[0]);
    Ok(())
}

fn send_by_write(sockets: &mut [TcpStream]) -> io::Result<()> {
    sockets.iter_mut().try_for_each(|socket| whole(socket.write(&FRAME)))
}

fn send_by_ring(sockets: &mut [TcpStream], ring: &mut Ring) -> io::Result<()> {
    let (sends, mut sent) = (sockets.iter().map(|socket| (socket.as_fd(), &FRAME[..])), Ok(()));
    ring.send_all(sends, |_, taken| {
        if let Err(error) = whole(taken) {
            sent = Err(error);
        }
    })?;
    sent
}

/// The reader has read everything before the next round begins: there is room.
fn whole(taken: io::Result<usize>) -> io::Result<()> {
    if taken? == FRAME.len() { Ok(()) } else { Err(ErrorKind::WriteZero.into()) }
}

struct Bench {
    sockets: Vec<TcpStream>,
    reader: Child,
    said: BufReader<ChildStdout>,
    ksoftirqds: Vec<u32>,
}

/// CPU of the sender, the reader, and ksoftirqd, in nanoseconds since each began.
type Account = [u64; 3];

/// What a round took for each frame, in nanoseconds: CPU of the sender, the reader, and ksoftirqd; then the time until
/// all was read.
type Cost = [u64; 4];

impl Bench {
    fn start(sockets: usize) -> Outcome<Self> {
        let listener = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        listener.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into())?;
        listener.listen(4096)?;
        let address = listener.local_addr()?.as_socket().ok_or("no address")?;
        let args = ["read".into(), address.to_string(), sockets.to_string()];
        let mut reader = Command::new(env::current_exe()?).args(args).stdout(Stdio::piped()).spawn()?;
        let said = BufReader::new(reader.stdout.take().ok_or("the reader has no output")?);
        let accept = |_| {
            let socket: TcpStream = listener.accept()?.0.into();
            socket.set_nonblocking(true)?;
            socket.set_nodelay(true).map(|()| socket)
        };
        let sockets = (0..sockets).map(accept).collect::<io::Result<_>>()?;
        let mut bench = Self { sockets, reader, said, ksoftirqds: ksoftirqds()? };
        bench.hear()?;
        Ok(bench)
    }

    fn cost(&mut self, send: impl FnOnce(&mut [TcpStream]) -> io::Result<()>) -> Outcome<Cost> {
        thread::sleep(PAUSE);
        let (before, start) = (self.account()?, Instant::now());
        send(&mut self.sockets)?;
        self.hear()?;
        let (time, after) = (start.elapsed().as_nanos() as u64, self.account()?);
        let [sender, reader, ksoftirqd] = [0, 1, 2].map(|part| after[part] - before[part]);
        Ok([sender, reader, ksoftirqd, time].map(|sum| sum / self.sockets.len() as u64))
    }

    /// Waits until the reader has read all.
    fn hear(&mut self) -> Outcome<()> {
        match self.said.read_line(&mut String::new())? {
            0 => Err("the reader has ended: are so many open files allowed (ulimit -n)?".into()),
            _ => Ok(()),
        }
    }

    fn account(&self) -> Outcome<Account> {
        let ksoftirqd = self.ksoftirqds.iter().map(|pid| cpu(*pid)).sum::<io::Result<_>>()?;
        Ok([cpu(process::id())?, cpu(self.reader.id())?, ksoftirqd])
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        let _ = self.reader.kill();
        let _ = self.reader.wait();
    }
}

/// Time on a CPU of all threads of a process, in nanoseconds.
fn cpu(pid: u32) -> io::Result<u64> {
    let mut sum = 0;
    for task in fs::read_dir(format!("/proc/{pid}/task"))? {
        let account = fs::read_to_string(task?.path().join("schedstat"))?;
        let time = account.split(' ').next().and_then(|time| time.parse::<u64>().ok());
        sum += time.ok_or(ErrorKind::InvalidData)?;
    }
    Ok(sum)
}

fn ksoftirqds() -> io::Result<Vec<u32>> {
    let pids = fs::read_dir("/proc")?.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    let is_one = |pid: &u32| {
        fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|name| name.starts_with("ksoftirqd/"))
    };
    Ok(pids.filter(is_one).collect())
}

/// Reads what comes, and says when everybody has a frame more.
fn read(address: SocketAddr, sockets: usize) -> Outcome<()> {
    let (mut poll, mut events) = (Poll::new()?, Events::with_capacity(1024));
    let mut streams = Vec::new();
    for key in 0..sockets {
        let stream = TcpStream::connect(address)?;
        stream.set_nonblocking(true)?;
        let mut stream = mio::net::TcpStream::from_std(stream);
        poll.registry().register(&mut stream, Token(key), Interest::READABLE)?;
        streams.push(stream);
    }
    println!("ready");
    let (mut got, mut scratch) = (0, [0; 4096]);
    loop {
        poll.poll(&mut events, None)?;
        for event in &events {
            while let Ok(bytes) = streams[event.token().0].read(&mut scratch) {
                if bytes == 0 {
                    return Ok(());
                }
                got += bytes;
            }
        }
        if got == sockets * FRAME.len() {
            got = 0;
            println!("read");
        }
    }
}

fn print(way: &str, costs: &[Cost], beside: &[Cost]) {
    let ratio = |value: fn(&Cost) -> u64| {
        median(costs.iter().zip(beside).map(|(cost, other)| value(cost) as f64 / value(other) as f64))
    };
    let [sender, reader, ksoftirqd, time] =
        [0, 1, 2, 3].map(|part| median(costs.iter().map(|cost| cost[part] as f64 / 1e3)));
    let (alone, with_kernel) = (ratio(|cost| cost[0]), ratio(|cost| cost[0] + cost[2]));
    let (all, last) = (ratio(|cost| cost[0] + cost[1] + cost[2]), ratio(|cost| cost[3]));
    println!(
        "{way:12}: {sender:.2} µs a frame ({alone:.2} of a write each); ksoftirqd {ksoftirqd:.2} ({with_kernel:.2} with \
         it); reader {reader:.2} ({all:.2} with it too); all read after {time:.2} ({last:.2})"
    );
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<_> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

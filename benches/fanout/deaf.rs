//! One viewer never reads: what do the others pay for it?

use crate::{
    Outcome, figure,
    load::{asker::Asker, pictures::END},
    server::Kind,
    work::{Price, Work},
};
use memchr::memmem;
use std::{
    io::{ErrorKind, Read},
    net::TcpStream,
    time::Duration,
};

/// Changes after which nothing more fits into the buffers for the viewer (`Asker::deaf`): they hold 13 kB, which is 34
/// frames of 400 bytes.
const FILL: usize = 45;
/// As fast as a feed is published.
const FAST: Duration = Duration::from_millis(110);

/// Beside such a viewer on a new onlookers, a fifth of the changes. It comes before the others, as few viewers are
/// sent many frames sooner than many: onlookers lets a viewer go that acknowledges nothing for 20 s. The floor goes along to
/// compare with; it would forget what doesn't fit, and Nchan would queue it.
pub(crate) fn compare(mut work: Work, viewers: usize) -> Outcome<()> {
    let times = work.args.options.changes.div_ceil(5);
    match work.server.kind {
        Kind::OnlookersTls | Kind::Nchan | Kind::NchanTls | Kind::Events | Kind::Websocket => Ok(()),
        Kind::Floor => {
            tell(&work.changes_in_turn(times)?);
            Ok(())
        }
        Kind::Onlookers => {
            let Work { launch, args, turns, .. } = work;
            drop(work);
            beside(Work::start(launch, Kind::Onlookers, args, turns)?, viewers, times)
        }
    }
}

fn beside(mut work: Work, viewers: usize, times: usize) -> Outcome<()> {
    let socket = work.join_apart(Asker::deaf)?;
    for _ in 0..FILL {
        work.change(FAST)?;
        work.crowd.rest()?;
    }
    let changes = work.join(viewers).and_then(|_| work.changes_in_turn(times));
    // When it goes while somebody joins, the count stays, and the new picture that is waited for never comes.
    match (stayed(socket, FILL + times)?, changes) {
        (true, changes) => tell(&changes?),
        (false, _) => {
            eprintln!("the viewer that never reads was let go before it was seen what it costs")
        }
    }
    Ok(())
}

fn tell(price: &Price) {
    price.tell(figure::DEAF, figure::DEAF_DELAY);
}

/// Whether the server still held the viewer at the end. Fails if there was room for all that was published, for
/// then nothing was in anybody's way.
fn stayed(mut socket: TcpStream, published: usize) -> Outcome<bool> {
    socket.set_read_timeout(Some(Duration::from_millis(100)))?;
    let (mut got, mut buffer) = (Vec::new(), [0; 4096]);
    while memmem::find_iter(&got, END).count() < published {
        match socket.read(&mut buffer) {
            Ok(0) => return Ok(false),
            Ok(bytes) => got.extend_from_slice(&buffer[..bytes]),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                return Ok(true);
            }
            Err(error) if error.kind() == ErrorKind::ConnectionReset => return Ok(false),
            Err(error) => return Err(error.into()),
        }
    }
    Err(format!("the viewer that never reads was sent all {published} frames").into())
}

//! Many frames into as many sockets: by io_uring where the kernel allows, by a write each where it doesn't.

use std::io;
use std::os::fd::AsFd;

use bytes::Bytes;
use mio::{Registry, Token};
use onlookers_ring::Ring;
use slab::Slab;

use super::viewer::{Key, Viewer};
use crate::config::FanoutSends;

/// So many viewers are gone through at a time; what is noted about them stays in the processor's cache.
const BATCH: usize = 256;

/// A submission costs a tenth more than a write does: it pays from four sends on (docs/io_uring.md).
const FEWEST: usize = 4;

/// A frame for the viewer with a key.
type Delivery<'f> = (usize, &'f Bytes);

/// What a thread sends its frames with.
#[derive(Debug)]
pub(super) struct Sender {
    ring: Option<Ring>,
    /// How many sends it takes to use the ring.
    fewest: usize,
}

impl Sender {
    /// The way that was asked for, or the better one that there is.
    ///
    /// # Errors
    /// The system's, if it has to be io_uring and there is none to be had.
    pub(super) fn new(way: FanoutSends) -> io::Result<Self> {
        let (ring, fewest) = match way {
            FanoutSends::Write => (None, 0),
            FanoutSends::Ring => (Some(Ring::new()?), 1),
            FanoutSends::Auto => (Ring::new().inspect_err(log_absence).ok(), FEWEST),
        };
        Ok(Self { ring, fewest })
    }

    /// Sends the viewers at `keys` their frames, and returns the keys of those who have to go.
    pub(super) fn send<'f>(
        &mut self,
        keys: &[Key],
        viewers: &mut Slab<Viewer>,
        registry: &Registry,
        frame_of: impl Fn(&Viewer) -> &'f Bytes,
    ) -> Vec<usize> {
        let mut gone = Vec::new();
        for keys in keys.chunks(BATCH) {
            let deliveries = ready(keys, viewers, &frame_of);
            let (sent, partly) = self.by_ring(&deliveries, viewers);
            for (number, wrote) in partly {
                let (key, frame) = deliveries[number];
                if viewers[key].took(frame, wrote, registry, Token(key)).is_err() {
                    gone.push(key);
                }
            }
            for &(key, frame) in &deliveries[sent..] {
                if viewers[key].send(frame, registry, Token(key)).is_err() {
                    gone.push(key);
                }
            }
        }
        gone
    }

    /// How many of `deliveries` were carried out, and the result of each of those that were not taken whole.
    fn by_ring(
        &mut self,
        deliveries: &[Delivery<'_>],
        viewers: &Slab<Viewer>,
    ) -> (usize, Vec<(usize, io::Result<usize>)>) {
        let (mut sent, mut partly) = (0, Vec::new());
        let Some(ring) = self.ring.as_mut().filter(|_| deliveries.len() >= self.fewest) else {
            return (sent, partly);
        };
        let sends = deliveries.iter().map(|&(key, frame)| (viewers[key].as_fd(), &frame[..]));
        let finished = ring.send_all(sends, |number, wrote| {
            sent = number + 1;
            if !matches!(wrote, Ok(bytes) if bytes == deliveries[number].1.len()) {
                partly.push((number, wrote));
            }
        });
        if let Err(error) = finished {
            tracing::warn!(%error, "io_uring has failed: each viewer gets a write of its own from now on");
            self.ring = None;
        }
        (sent, partly)
    }
}

fn log_absence(error: &io::Error) {
    tracing::debug!(%error, "no io_uring here: each viewer gets a write of its own");
}

/// Those of the viewers at `keys` who can be sent their frame at once.
fn ready<'f>(
    keys: &[Key],
    viewers: &mut Slab<Viewer>,
    frame_of: impl Fn(&Viewer) -> &'f Bytes,
) -> Vec<Delivery<'f>> {
    let mut ready = |&key: &Key| {
        let key = key as usize;
        let viewer = &mut viewers[key];
        viewer.is_ready().then(|| (key, frame_of(viewer)))
    };
    keys.iter().filter_map(&mut ready).collect()
}

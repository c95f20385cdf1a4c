//! rustls' handshakes alone, in memory: what joins over TLS can't be cheaper than.

use crate::{
    Outcome,
    load::{certificate, tls},
};
use rcgen::CertifiedKey;
use rustix::time::{ClockId, Timespec, clock_gettime};
use rustls::{
    ClientConfig, ClientConnection, ConnectionCommon, HandshakeKind, ServerConfig, ServerConnection,
    crypto::ring::Ticketer,
    pki_types::{PrivatePkcs8KeyDer, ServerName},
    server::NoServerSessionStorage,
    version::TLS13,
};
use std::{ops::DerefMut, sync::Arc, time::Duration};

/// Handshakes that aren't measured: the code is in the caches of a server that has many.
const WARM_UP: usize = 100;

/// Of one handshake with ECDSA P-256 and X25519, and of the session tickets after it.
#[derive(Default)]
pub(crate) struct Handshake {
    pub(crate) server: Duration,
    /// The client is the one of the load generator, which shares the server's cores and checks no certificate.
    pub(crate) client: Duration,
}

/// The mean of so many.
pub(crate) fn measure(times: usize, resume: bool) -> Outcome<Handshake> {
    let (server, client) = (server()?, tls::client(resume)?);
    let mut total = Handshake::default();
    for number in 0..WARM_UP + times {
        let (one, kind) = shake(&server, &client)?;
        if number >= WARM_UP {
            if (kind == HandshakeKind::Resumed) != resume {
                return Err(format!("a handshake in memory was {kind:?}").into());
            }
            total.server += one.server;
            total.client += one.client;
        }
    }
    let mean = |time: Duration| time / times as u32;
    Ok(Handshake { server: mean(total.server), client: mean(total.client) })
}

/// As onlookers has it.
fn server() -> Outcome<Arc<ServerConfig>> {
    let CertifiedKey { cert, signing_key } = certificate::new()?;
    let key = PrivatePkcs8KeyDer::from(signing_key.serialize_der());
    let builder = ServerConfig::builder_with_provider(tls::provider()).with_protocol_versions(&[&TLS13])?;
    let mut config = builder.with_no_client_auth().with_single_cert(vec![cert.der().clone()], key.into())?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    config.ticketer = Ticketer::new()?;
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 1;
    Ok(config.into())
}

fn shake(server: &Arc<ServerConfig>, client: &Arc<ClientConfig>) -> Outcome<(Handshake, HandshakeKind)> {
    let (mut spent, mut wire) = (Handshake::default(), Vec::new());
    let mut client = timed(&mut spent.client, || -> Outcome<_> {
        let mut client = ClientConnection::new(client.clone(), ServerName::try_from(tls::NAME)?)?;
        client.write_tls(&mut wire)?;
        Ok(client)
    })?;
    let mut server = timed(&mut spent.server, || ServerConnection::new(server.clone()))?;
    while !wire.is_empty() {
        timed(&mut spent.server, || turn(&mut server, &mut wire))?;
        timed(&mut spent.client, || turn(&mut client, &mut wire))?;
    }
    let kind = server.handshake_kind().ok_or("a handshake in memory isn't complete")?;
    timed(&mut spent.server, || drop(server));
    timed(&mut spent.client, || drop(client));
    Ok((spent, kind))
}

/// In the thread's own CPU time, which others on the machine don't make longer.
fn timed<T>(total: &mut Duration, work: impl FnOnce() -> T) -> T {
    let start = cpu();
    let done = work();
    *total += cpu() - start;
    done
}

fn cpu() -> Duration {
    let Timespec { tv_sec, tv_nsec } = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(tv_sec as u64, tv_nsec as u32)
}

/// Reads all that is on the wire, and leaves there what it answers.
fn turn<D>(side: &mut impl DerefMut<Target = ConnectionCommon<D>>, wire: &mut Vec<u8>) -> Outcome<()> {
    let mut bytes = wire.as_slice();
    while !bytes.is_empty() {
        side.read_tls(&mut bytes)?;
        side.process_new_packets()?;
    }
    wire.clear();
    while side.wants_write() {
        side.write_tls(wire)?;
    }
    Ok(())
}

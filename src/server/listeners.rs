//! From the listeners of a configuration to sockets, and what their connections speak.

use std::io;
use std::sync::Arc;

use super::accept::{Listening, Protocol};
use crate::config::{Config, Listener, Place, Speaks};
use crate::net::listen::{self, ListenSocket};
use crate::net::tls::Acceptor;

/// Listens at each of the places.
///
/// # Errors
/// The system's, if one can't be had.
pub(super) fn bind(config: &Config) -> io::Result<Vec<(Listener, ListenSocket)>> {
    let mut bound = Vec::new();
    for listener in &config.listen {
        warn_of(listener, config);
        let place = &listener.place;
        let sockets = listen::bind(place)
            .map_err(|error| io::Error::new(error.kind(), format!("can't listen on {place}: {error}")))?;
        bound.extend(sockets.into_iter().map(|socket| (listener.clone(), socket)));
    }
    Ok(bound)
}

/// Says if nobody can use a listener.
fn warn_of(listener: &Listener, config: &Config) {
    let is_for_named = listener.proxy && matches!(listener.place, Place::Tcp(_));
    if is_for_named && config.reloadable.trust_proxy.is_empty() {
        tracing::warn!(
            "all connections to proxy+{} are closed: --trust-proxy names no proxy",
            listener.place
        );
    }
}

/// What the connections of each socket speak.
pub(super) fn speak(sockets: Vec<(Listener, ListenSocket)>, tls: Option<Arc<Acceptor>>) -> Vec<Listening> {
    let listening = |(listener, socket): (Listener, ListenSocket)| {
        let protocol = match (listener.speaks, &tls) {
            (Speaks::Tls, Some(tls)) => Protocol::Tls(Arc::clone(tls)),
            _ => Protocol::Http,
        };
        Listening { socket, proxy: listener.proxy, protocol }
    };
    sockets.into_iter().map(listening).collect()
}

//! From the listeners of a configuration to sockets, and what their connections speak.

use std::io;
use std::sync::Arc;

use super::accept::{Listening, Protocol, TlsService};
use crate::config::{AdminPlace, Config, ConfigError, ControlPath, Listener, Place, SniPassError, Speaks};
use crate::net::listen::{self, Inherited, ListenSocket, Purpose};
use crate::net::sni_pass::Passes;

/// Listens at each of the places.
///
/// # Errors
/// The system's, if one can't be had.
pub(super) fn bind(
    config: &Config,
    inherited: &mut Inherited,
) -> io::Result<Vec<(Listener, Arc<ListenSocket>)>> {
    if !(config.sni_pass.is_empty() || needs_tls(config)) {
        tracing::warn!("--sni-pass has no effect: there is no tls: listener");
    }
    let mut bound = Vec::new();
    for listener in &config.listeners() {
        warn_of(listener, config);
        let place = &listener.place;
        let sockets = listen::bind(Purpose::Visitors, place, inherited)
            .map_err(|error| io::Error::new(error.kind(), format!("can't listen on {place}: {error}")))?;
        bound.extend(sockets.into_iter().map(|socket| (listener.clone(), Arc::new(socket))));
    }
    Ok(bound)
}

/// Listens where operators ask.
///
/// # Errors
/// The system's, if the place can't be had.
pub(super) fn bind_admin(
    config: &Config,
    inherited: &mut Inherited,
) -> io::Result<Option<Arc<ListenSocket>>> {
    let Some(AdminPlace(place)) = &config.admin else { return Ok(None) };
    let sockets = listen::bind(Purpose::Admin, place, inherited).map_err(|error| {
        io::Error::new(error.kind(), format!("can't listen on {place} for --admin: {error}"))
    })?;
    Ok(sockets.into_iter().next().map(Arc::new))
}

/// Listens where orders come from.
///
/// # Errors
/// The system's, if the place can't be had.
pub(super) fn bind_control(
    config: &Config,
    inherited: &mut Inherited,
) -> io::Result<Option<Arc<ListenSocket>>> {
    let Some(ControlPath(place)) = &config.control else { return Ok(None) };
    let sockets = listen::bind(Purpose::Control, place, inherited).map_err(|error| {
        io::Error::new(error.kind(), format!("can't listen at {place} for --control: {error}"))
    })?;
    Ok(sockets.into_iter().next().map(Arc::new))
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

/// What the connections of each socket speak. Redirections lead to the first port with TLS.
pub(super) fn speak(
    sockets: Vec<(Listener, Arc<ListenSocket>)>,
    tls: Option<Arc<TlsService>>,
) -> Vec<Listening> {
    let of_tls = |(listener, socket): &(Listener, Arc<ListenSocket>)| match listener.speaks {
        Speaks::Tls => socket.address(),
        _ => None,
    };
    let https = sockets.iter().find_map(of_tls).map_or(443, |address| address.port());
    let listening = |(listener, socket): (Listener, Arc<ListenSocket>)| {
        let protocol = match (listener.speaks, &tls) {
            (Speaks::Tls, Some(tls)) => Protocol::Tls(Arc::clone(tls)),
            (Speaks::Redirect, _) => Protocol::Redirect(https),
            _ => Protocol::Http,
        };
        Listening { socket, proxy: listener.proxy, protocol }
    };
    sockets.into_iter().map(listening).collect()
}

/// Which connections are for other servers, if any are.
///
/// # Errors
/// [`ConfigError`], if that can't be so.
pub(super) fn passes(config: &Config) -> Result<Option<Passes>, ConfigError> {
    if config.sni_pass.is_empty() {
        return Ok(None);
    }
    let refuse = |error: SniPassError| ConfigError::Setting("sni_pass", error.into());
    Passes::new(&config.sni_pass).map(Some).map_err(refuse)
}

fn needs_tls(config: &Config) -> bool {
    config.listen.iter().any(|listener| listener.speaks == Speaks::Tls)
}

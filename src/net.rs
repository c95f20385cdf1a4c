//! Listening sockets, TLS, and what bounds the connections that they accept.

pub(crate) mod address;
pub(crate) mod capacity;
pub(crate) mod challenges;
pub(crate) mod connections;
pub(crate) mod listen;
pub(crate) mod listener;
pub(crate) mod main_peer;
pub(crate) mod open_files;
pub(crate) mod proxy_protocol;
pub(crate) mod quota;
pub(crate) mod remote;
pub(crate) mod sni_pass;
pub(crate) mod stream;
pub(crate) mod system;
pub(crate) mod tls;

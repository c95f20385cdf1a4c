//! The server behind a reverse proxy.

#![allow(clippy::unwrap_used, reason = "a test that can't go on says so by a panic")]

#[path = "../common/mod.rs"]
mod common;

/// A module with a test for each proxy, in a network of its own, that calls the function of the same name.
macro_rules! for_each_proxy {
    ($property:ident) => {
        for_each_proxy!($property: nginx Nginx, caddy Caddy, haproxy Haproxy, apache Apache, varnish Varnish, lighttpd Lighttpd);
    };
    ($property:ident: $($proxy:ident $kind:ident),*) => {
        mod $property {
            $(
                #[test]
                fn $proxy() {
                    let test = concat!(module_path!(), "::", stringify!($proxy)).split_once("::").unwrap().1;
                    let kind = crate::files::Kind::$kind;
                    crate::network::in_network_of_its_own(test, || super::$property(kind));
                }
            )*
        }
    };
}

mod doctor;
mod each;
mod files;
mod front;
mod http2;
mod idle;
mod link;
mod nginx;
mod ports;
mod upstream;
mod vanish;

use common::network;

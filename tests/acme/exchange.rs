//! What nodes exchange, while something else goes on, or is wrong.

use std::fs;

use crate::common::server::TestServer;
use crate::network::in_network_of_its_own;
use crate::pebble::{Options, Pebble};
use crate::secure::{leaf, wait_for};
use crate::site::{Site, tls};

#[test]
fn a_folder_that_another_process_has_locked_gets_the_certificate_later() {
    in_network_of_its_own(
        "exchange::a_folder_that_another_process_has_locked_gets_the_certificate_later",
        || {
            let site = Site::new();
            let pebble = Pebble::start(&site.place, &Options::default());
            let root = pebble.root(&site.place);
            let (lock, config) = (site.bar_the_first(), site.config(1));
            let (first, _second) = (TestServer::with(config.clone()), site.node(2));
            assert_eq!(leaf(&tls(1, &root)), leaf(&tls(2, &root)));
            let files = || fs::read_dir(site.folder(1)).unwrap().count();
            assert_eq!(files(), 1, "the lock alone");
            drop(lock);
            // The next exchange is due within a minute, or when an operator has the node try again.
            wait_for("the folder has nothing", 3, || {
                first.control.reload(&config);
                (files() == 3).then_some(())
            });
        },
    );
}

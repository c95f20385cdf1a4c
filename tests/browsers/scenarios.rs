//! What people do, each in every engine.

pub(crate) mod access;
pub(crate) mod counting;
pub(crate) mod ending;
pub(crate) mod leaving;
pub(crate) mod limits;
pub(crate) mod reading;
pub(crate) mod rooms;
pub(crate) mod screens;
pub(crate) mod scripts;
pub(crate) mod secure;
pub(crate) mod upgrades;

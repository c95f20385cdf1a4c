//! `/metrics`: the numbers of all parts, read when they are asked for. docs/admin.md lists them.
//!
//! The values of labels are few and known beforehand: no site, address or URL is among them.

use std::fmt;
use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use prometheus_client::encoding::prometheus_text;
use prometheus_client::registry::Registry;

use super::Admin;
use super::process;
use super::text::Text;

mod connections;
mod nodes;
mod painting;
mod rooms;
mod viewers;

pub(super) const CONTENT_TYPE: &str = prometheus_text::CONTENT_TYPE;

/// All metrics, as text.
pub(super) fn encode(admin: &Arc<Admin>) -> String {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(All(Arc::clone(admin))));
    let mut text = String::new();
    // It fails only if a number can't be written, and all can.
    let _ = prometheus_text::encode(&mut text, &registry);
    text
}

struct All(Arc<Admin>);

impl fmt::Debug for All {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("All")
    }
}

impl Collector for All {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut text = Text(encoder);
        let version = [("version", env!("CARGO_PKG_VERSION"))];
        text.gauges(("onlookers_build_info", "The version that runs"), [(version, 1.0)])?;
        let parts = [viewers::encode, rooms::encode, painting::encode, connections::encode, nodes::encode];
        parts.iter().try_for_each(|encode| encode(&self.0, &mut text))?;
        process::encode(&mut text)
    }
}

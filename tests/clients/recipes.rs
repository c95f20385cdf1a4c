//! What is quick of the recipes; `tests/recipes` builds all of them.

use std::path::Path;
use std::process::Command;

use crate::npm;

/// The plugin has no syntax error, and its shortcode and widget write what they should: tests/clients/wordpress.php has the cases.
#[test]
fn the_plugin_for_wordpress_escapes_what_it_writes() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let plugin = root.join("recipes/wordpress/onlookers/onlookers.php");
    npm::run(Command::new("php").arg("-l").arg(&plugin), "php must be installed; the plugin");
    let cases = root.join("tests/clients/wordpress.php");
    let page = npm::run(Command::new("php").arg(cases).arg(&plugin), "the plugin");
    let tag = "<img loading=\"lazy\" srcset=\"https://count.example/online.png, https://count.example/online.png?scale=2 2x\" \
         width=\"200\" height=\"30\" alt=\"Users online\">";
    assert!(String::from_utf8_lossy(&page.stdout).contains(tag), "the whole page");
}

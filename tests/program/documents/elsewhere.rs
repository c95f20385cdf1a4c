//! What of the documents other tests run, or nothing does.

/// Commands that other tests run, and whole blocks (which end with an ellipsis here): the document, how the command or the block
/// begins, and the test, or the file that has the tests. Or why it is run nowhere.
pub(super) const ELSEWHERE: &[(&str, &str, &str)] = &[
    ("CONTRIBUTING.md", "packaging/test", "packaging/test"),
    ("README.md", "location / { …", "the_readme_and_the_book_have_the_same_lines_for_nginx"),
    ("docs/admin.md", "scrape_configs: …", "prometheus_scrapes_the_server"),
    (
        "docs/behind-a-proxy.md",
        "location / { …",
        "nginx_passes_each_picture_on_and_tells_when_a_page_has_gone",
    ),
    ("docs/behind-a-proxy.md", "net.ipv4.tcp_retries2", "a_vanished_reader_is_uncounted_within_35_s"),
    ("docs/compose.md", "git clone", "not run: it needs the network"),
    ("docs/compose.md", "cd onlookers/docs/compose", "tests/nodes/compose.rs"),
    ("docs/compose.md", "(umask 077", "not run: it writes into the checkout"),
    ("docs/compose.md", "docker ", "not run: the page says what the tests do in place of containers"),
    ("docs/compose.md", "curl ", "readers_of_a_node_that_stops_come_back_to_the_others"),
    ("docs/compose.md", "- --allow=example.com …", "tests/nodes/compose.rs"),
    ("docs/compose.md", "ports: …", "not run: it needs a container"),
    ("docs/compose.md", "bind :8443 ssl …", "not run: docs/proxies/haproxy.cfg has such a line, and is"),
    ("docs/configuration.md", "kill -HUP", "sighup_reads_it_again_and_drops_no_stream"),
    ("docs/doctor.md", "ok     the server gets …", "a_counter_that_is_well_exits_0"),
    ("docs/install.md", "packaging/release", "packaging/test"),
    ("docs/install.md", "cd target/dist", "packaging/test"),
    ("docs/install.md", "sha256sum --check", "packaging/test"),
    ("docs/install.md", "apt ", "packaging/test"),
    ("docs/install.md", "mkdir /etc/systemd", "packaging/test"),
    ("docs/install.md", "printf ", "packaging/test"),
    ("docs/install.md", "curl https:", "packaging/test"),
    ("docs/install.md", "systemctl ", "tests/program/units.rs"),
    ("docs/install.md", "[Service] …", "systemd_has_nothing_to_say_about_the_units"),
    ("docs/install.md", "tar -xf", "packaging/test"),
    ("docs/install.md", "cd onlookers-", "packaging/test"),
    ("docs/install.md", "install -m", "packaging/test"),
    ("docs/install.md", "podman ", "packaging/test"),
    ("docs/large.md", "server               1,000,000 …", "not run: it is a sum"),
    ("docs/listeners.md", "[proxy+] …", "tests/wire/listeners.rs"),
    ("docs/nodes.md", "redis-server --bind", "three_nodes_show_one_number"),
    ("docs/nodes.md", "curl ", "scripts_and_stills_see_all_nodes_at_once"),
    ("docs/nodes.md", "backend onlookers …", "haproxy_ends_the_streams_of_a_node_that_is_frozen"),
    (
        "docs/nodes.md",
        "WARN the store fails …",
        "a_node_without_a_way_to_redis_counts_its_own_and_is_uncounted",
    ),
    ("docs/nodes.md", "save \"\" …", "redis_lets_nodes_do_what_the_page_says"),
    ("docs/nodes.md", "user onlookers …", "the_documented_rules_allow_all_of_it"),
    ("docs/nodes.md", "redis = …", "the_documented_rules_allow_all_of_it"),
    ("docs/nodes.md", "> HGETALL …", "a_node_that_leaves_says_so_and_leaves_nothing"),
    ("docs/nodes.md", "redis-cli --scan", "not run: it removes everything"),
    ("docs/running.md", "{\"timestamp\":\"2026 …", "every_line_of_a_json_log_is_one_object"),
    ("docs/running.md", "ONLOOKERS_TEST_RETURNING", "tests/program/returning.rs"),
    ("docs/scripts.md", "const events …", "the_client_gets_each_change_and_no_comment"),
    ("docs/upgrades.md", "ONLOOKERS_UPGRADE_VIEWERS", "tests/upgrade/churn.rs"),
    ("docs/upgrades.md", "ONLOOKERS_UPGRADE_KILLS", "tests/upgrade/kills.rs"),
    ("docs/upgrades.md", "ONLOOKERS_KEEP_VIEWERS", "tests/upgrade/keep.rs"),
    ("docs/upgrades.md", "kill -USR2", "tests/upgrade/orders.rs"),
    ("docs/tls.md", "openssl rand", "one_node_orders_any_answers_and_all_have_the_certificate"),
    ("docs/tls.md", "redis-cli --scan", "not run: it removes everything"),
];

/// Where the list has a command of that document, or, `whole`, a block.
pub(super) fn listed(document: &str, text: &str, whole: bool) -> Option<usize> {
    ELSEWHERE.iter().position(|(listed, begins, _)| {
        let beginning = begins.strip_suffix(" …");
        *listed == document
            && beginning.is_some() == whole
            && text.trim_start().starts_with(beginning.unwrap_or(begins))
    })
}

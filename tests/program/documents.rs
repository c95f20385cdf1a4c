//! What the documents tell people to type, write and request: each command is parsed or run, each configuration checked, each URL
//! requested. What can't be done here is listed, with the test that does it.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::process::Command;

use clap::Parser;
use onlookers::config::Cli;

use crate::common::client::{Client, get};
use crate::common::program::{Program, onlookers};
use crate::common::request;
use crate::common::server::TestServer;

/// Commands that other tests run, and whole blocks (which end with an ellipsis here): the document, how the command or the block
/// begins, and the test, or the file that has the tests. Or why it is run nowhere.
const ELSEWHERE: &[(&str, &str, &str)] = &[
    ("README.md", "location / { …", "the_readme_and_the_book_have_the_same_lines_for_nginx"),
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
    ("docs/scripts.md", "const events …", "the_client_gets_each_change_and_no_comment"),
    ("docs/tls.md", "openssl rand", "one_node_orders_any_answers_and_all_have_the_certificate"),
    ("docs/tls.md", "redis-cli --scan", "not run: it removes everything"),
];

struct Block {
    document: String,
    /// Of the fence; empty for an indented block.
    language: String,
    text: String,
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn documents() -> Vec<String> {
    let others = ["README.md", "CONTRIBUTING.md", "js/README.md"].map(str::to_owned);
    others.into_iter().chain(below("docs", ".md")).collect()
}

fn below(folder: &str, ending: &str) -> Vec<String> {
    let Ok(entries) = fs::read_dir(root().join(folder)) else { return Vec::new() };
    let paths = entries.map(|entry| format!("{folder}/{}", entry.unwrap().file_name().to_str().unwrap()));
    paths
        .flat_map(|path| match root().join(&path).is_dir() {
            true => below(&path, ending),
            false => Vec::from_iter(path.ends_with(ending).then_some(path)),
        })
        .collect()
}

fn blocks(document: &str) -> Vec<Block> {
    let text = fs::read_to_string(root().join(document)).unwrap();
    let (mut blocks, mut after_empty, mut lines) = (Vec::new(), true, text.lines().peekable());
    while let Some(line) = lines.next() {
        let (language, inside): (&str, Vec<&str>) = match line.trim_start().strip_prefix("```") {
            Some(language) => (language, lines.by_ref().take_while(|line| line.trim() != "```").collect()),
            None if after_empty && line.starts_with("    ") => {
                let mut inside = vec![line];
                while let Some(line) = lines.next_if(|line| line.is_empty() || line.starts_with("    ")) {
                    inside.push(line);
                }
                ("", inside)
            }
            None => {
                after_empty = line.is_empty();
                continue;
            }
        };
        let text = inside.join("\n");
        blocks.push(Block { document: document.to_owned(), language: language.to_owned(), text });
    }
    blocks
}

/// Where the list has a command of that document, or, `whole`, a block.
fn listed(document: &str, text: &str, whole: bool) -> Option<usize> {
    ELSEWHERE.iter().position(|(listed, begins, _)| {
        let beginning = begins.strip_suffix(" …");
        *listed == document
            && beginning.is_some() == whole
            && text.trim_start().starts_with(beginning.unwrap_or(begins))
    })
}

/// The commands of a block, those that go over several lines in one, without what is said beside them.
fn commands(text: &str) -> Vec<String> {
    let mut commands: Vec<String> = Vec::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        match commands.last_mut().filter(|command| command.ends_with('\\')) {
            Some(command) => *command = format!("{} {line}", command.trim_end_matches('\\').trim_end()),
            None => commands.push(line.to_owned()),
        }
    }
    let bare =
        |command: String| command.split("   ").next().unwrap().split(" # ").next().unwrap().trim().to_owned();
    commands.into_iter().map(bare).collect()
}

/// A command's words, as a shell has them.
fn words(command: &str) -> Vec<String> {
    let (mut words, mut quote) = (vec![String::new()], None);
    for letter in command.chars() {
        match (letter, quote) {
            ('\'' | '"', None) => quote = Some(letter),
            (letter, Some(open)) if letter == open => quote = None,
            (' ', None) => words.push(String::new()),
            _ => words.last_mut().unwrap().push(letter),
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

/// Runs or parses a command, or finds it in the list.
fn check(document: &str, command: &str, program: &Program) -> Option<usize> {
    let words = words(command);
    match words[0].as_str() {
        "onlookers" => {
            let parsed = Cli::try_parse_from(&words);
            parsed.unwrap_or_else(|error| panic!("{document}: {command}\n{error}"));
        }
        "cargo" | "tests/run" if words.iter().any(|word| word == "--bench") => {
            let bench = &words[words.iter().position(|word| word == "--bench").unwrap() + 1];
            let [file, folder] = [format!("benches/{bench}.rs"), format!("benches/{bench}")];
            assert!(root().join(file).exists() || root().join(folder).exists(), "{document}: {command}");
        }
        "cargo" | "tests/run" | "tests/recipes" => {}
        "curl" if words.iter().any(|word| word.starts_with("http://127.0.0.1:9192/")) => {
            let address = program.address.to_string();
            let words = words.iter().skip(1).map(|word| word.replace("127.0.0.1:9192", &address));
            let mut curl = Command::new("curl");
            let done = curl.args(["--fail", "--silent", "--max-time", "10"]).args(words).output().unwrap();
            assert!(done.status.success() && !done.stdout.is_empty(), "{document}: {command}: {done:?}");
        }
        _ => {
            let place = listed(document, command, false);
            assert!(place.is_some(), "{document}: nothing runs or checks this; see {}: {command}", file!());
            return place;
        }
    }
    None
}

/// `onlookers check` of a block.
fn check_configuration(document: &str, text: &str) {
    let mut file = tempfile::Builder::new().suffix(".toml").tempfile().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    let checked = onlookers().arg("check").arg(file.path()).output().unwrap();
    assert!(checked.status.success(), "{document}: {}", String::from_utf8_lossy(&checked.stderr));
}

/// What it starts; systemd itself is in the test of listeners.
fn check_unit(document: &str, text: &str, program: &Program) {
    let mut starts =
        text.lines().filter_map(|line| line.strip_prefix("ExecStart=/usr/local/bin/")).peekable();
    assert!(starts.peek().is_some(), "{document}: a unit that starts nothing");
    starts.for_each(|command| assert_eq!(check(document, command, program), None));
}

/// A block of a recipe is part of the site that tests/recipes builds, whatever its indentation.
fn check_recipe(text: &str) {
    let lines = |text: &str| text.lines().map(|line| line.trim().to_owned() + "\n").collect::<String>();
    let files =
        below("recipes", "").into_iter().filter_map(|file| fs::read_to_string(root().join(file)).ok());
    let is_there = files.into_iter().any(|file| lines(&file).contains(&lines(text)));
    assert!(is_there, "docs/recipes.md: no file in recipes/ has this:\n{text}");
}

#[test]
fn every_block_of_the_documents_is_checked() {
    let program = Program::start(&[]);
    let (mut used, mut checked) = (BTreeSet::new(), 0);
    for Block { document, language, text } in documents().iter().flat_map(|document| blocks(document)) {
        let whole = listed(&document, &text, true);
        match language.as_str() {
            _ if whole.is_some() => used.extend(whole),
            language if document == "docs/recipes.md" && language != "sh" => check_recipe(&text),
            "toml" => check_configuration(&document, &text),
            "ini" => check_unit(&document, &text, &program),
            // The test of URLs reads them, and that of tags.
            "" | "html" | "markdown" if text.trim_start().starts_with(['<', '!']) => {}
            "" | "sh" => {
                used.extend(commands(&text).iter().filter_map(|command| check(&document, command, &program)))
            }
            _ => panic!("{document}: nothing checks this block; see {}:\n{text}", file!()),
        }
        checked += 1;
    }
    assert!(checked > 60, "{checked}");
    let unused: Vec<_> =
        (0..ELSEWHERE.len()).filter(|place| !used.contains(place)).map(|place| ELSEWHERE[place]).collect();
    assert!(unused.is_empty(), "listed, and not there: {unused:?}");
}

#[test]
fn tests_that_run_blocks_exist() {
    let folders = ["tests", "src"].into_iter().flat_map(|folder| below(folder, ".rs"));
    let sources: String = folders.map(|path| fs::read_to_string(root().join(path)).unwrap()).collect();
    for (document, begins, place) in ELSEWHERE {
        let exists = place.starts_with("not run: ")
            || root().join(place).is_file()
            || sources.contains(&format!("fn {place}("));
        assert!(exists, "{document}: {begins}: there is no {place}");
    }
}

/// The addresses of a counter in a document, as paths: those at count.example, and those of the table of URLs.
fn urls(document: &str, text: &str) -> BTreeSet<String> {
    let ends = |c: char| c.is_whitespace() || "\"',`<)[…".contains(c);
    let named = text
        .split("https://count.example/")
        .skip(1)
        .map(|rest| format!("/{}", rest.split(ends).next().unwrap()));
    let listed =
        text.split('`').skip(1).step_by(2).filter(|code| document == "docs/urls.md" && code.starts_with('/'));
    let known = |url: &String| {
        !url.contains(['…', ' ', '$', '{']) && !url.contains("PAGE-URL") && !url.contains("=ID")
    };
    named.chain(listed.map(str::to_owned)).map(|url| url.replace("&amp;", "&")).filter(known).collect()
}

/// Without the redirect to a unique URL.
#[test]
fn every_url_of_the_documents_is_answered() {
    let server = TestServer::quiet(&["--presence", "--messages"]);
    let mut asked = 0;
    for document in documents().into_iter().chain(below("recipes", "")) {
        let text = fs::read_to_string(root().join(&document)).unwrap();
        for url in urls(&document, &text) {
            let separator = if url.contains('?') { '&' } else { '?' };
            let line = format!("GET {url}{separator}u=1 HTTP/1.1");
            let headers = [
                "Referer: https://example.com/posts/1",
                "Origin: https://example.com",
                "Sec-Fetch-Dest: image",
            ];
            let mut client = Client::connect(server.address);
            client.send(request(&line, &headers));
            let wanted = if url.starts_with("/ws") || url.starts_with("/livecount") { 426 } else { 200 };
            assert_eq!(client.response_to_head().status, wanted, "{document}: {url}");
            asked += 1;
        }
    }
    assert!(asked > 50, "{asked}");
}

#[test]
fn the_pictures_of_styles_are_those_that_the_server_paints() {
    let server = TestServer::quiet(&[]);
    let page = fs::read_to_string(root().join("docs/styles.md")).unwrap();
    let rows: Vec<_> = page.split("](styles/").skip(1).map(|row| row.lines().next().unwrap()).collect();
    for row in &rows {
        let (file, parameters) = (row.split(')').next().unwrap(), row.split('`').nth(1).unwrap());
        let painted = get(server.address, &format!("/sample/1234.png?{parameters}"), &[]);
        let kept = fs::read(root().join("docs/styles").join(file)).unwrap();
        assert!(painted.status == 200 && painted.body == kept, "docs/styles/{file} isn't {parameters}");
    }
    assert!(rows.len() > 9, "{rows:?}");
}

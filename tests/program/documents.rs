//! What the documents tell people to type, write and request: each command is parsed or run, each configuration checked, each URL
//! requested. What can't be done here is listed, with the test that does it.

mod blocks;
mod checks;
mod elsewhere;

use std::collections::BTreeSet;
use std::fs;

use self::blocks::{Block, below, blocks, commands, documents, root};
use self::checks::{Place, check, check_configuration, check_recipe, check_sysctls, check_unit};
use self::elsewhere::{ELSEWHERE, listed};
use crate::common::client::{Client, get};
use crate::common::request;
use crate::common::server::TestServer;

#[test]
fn every_block_of_the_documents_is_checked() {
    let place = Place::new();
    let (mut used, mut checked) = (BTreeSet::new(), 0);
    for Block { document, language, text } in documents().iter().flat_map(|document| blocks(document)) {
        let whole = listed(&document, &text, true);
        match language.as_str() {
            _ if whole.is_some() => used.extend(whole),
            language if document == "docs/recipes.md" && language != "sh" => check_recipe(&text),
            "toml" => check_configuration(&document, &text),
            "ini" if document == "docs/large.md" => check_sysctls(&document, &text),
            "ini" => check_unit(&document, &text, &place),
            // The test of URLs reads them, and that of tags.
            "" | "html" | "markdown" if text.trim_start().starts_with(['<', '!']) => {}
            "" | "sh" => {
                used.extend(commands(&text).iter().filter_map(|command| check(&document, command, &place)))
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

/// Those that are more than the name of a subcommand, and whose URL is one.
#[test]
fn commands_within_sentences_are_checked() {
    let (place, mut checked) = (Place::new(), 0);
    for document in documents() {
        let text = fs::read_to_string(root().join(&document)).unwrap();
        let codes = text.split('`').skip(1).step_by(2).map(|code| code.replace('\n', " "));
        for code in codes.filter(|code| code.starts_with("onlookers ") || code.starts_with("cargo bench ")) {
            let is_whole = code.split(' ').count() > 2 && !code.contains(" URL") && !code.contains(" NAME ");
            if is_whole {
                assert_eq!(check(&document, &code, &place), None);
                checked += 1;
            }
        }
    }
    assert!(checked > 15, "{checked}");
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
            let ask = |line: &str| {
                let mut client = Client::connect(server.address);
                client.send(request(line, &headers));
                client.response_to_head()
            };
            let mut answer = ask(&line);
            // A frame that reloads itself gets a URL that says whose it is.
            if let Some(query) = answer.header("location").filter(|_| url.starts_with("/embed?")) {
                answer = ask(&format!("GET /embed{query} HTTP/1.1"));
            }
            let wanted = if url.starts_with("/ws") || url.starts_with("/livecount") { 426 } else { 200 };
            assert_eq!(answer.status, wanted, "{document}: {url}");
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

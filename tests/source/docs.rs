//! The documents: links lead somewhere, the book has every page, and what a page names exists.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Component, Path, PathBuf};

use clap::CommandFactory;
use onlookers::config::Cli;

/// Outside the book: read on a forge, in the package, or by npm's users.
const OTHERS: [&str; 7] = [
    "README.md",
    "ARCHITECTURE.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    "crates/picture/fonts/README.md",
    "js/README.md",
];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The files below `folder` whose names end so, as paths from the root.
fn files(folder: &str, ending: &str) -> Vec<String> {
    let entries = fs::read_dir(root().join(folder)).unwrap().map(|entry| entry.unwrap());
    let mut found = Vec::new();
    for entry in entries {
        let path = format!("{folder}/{}", entry.file_name().into_string().unwrap());
        match entry.file_type().unwrap().is_dir() {
            true => found.extend(files(&path, ending)),
            false if path.ends_with(ending) => found.push(path),
            false => {}
        }
    }
    found.sort();
    found
}

fn documents() -> Vec<String> {
    let others = OTHERS.iter().filter(|path| root().join(path).exists()).map(|path| (*path).to_owned());
    others.chain(files("docs", ".md")).collect()
}

/// The lines of a document that are no code blocks.
fn prose(text: &str) -> impl Iterator<Item = &str> {
    let mut fenced = false;
    text.lines().filter(move |line| {
        let fence = line.trim_start().starts_with("```");
        fenced ^= fence;
        !(fence || fenced || line.starts_with("    "))
    })
}

/// A line without its inline code, and that code.
fn without_code(line: &str) -> (String, Vec<&str>) {
    let (mut text, mut code) = (String::new(), Vec::new());
    for (number, piece) in line.split('`').enumerate() {
        if number % 2 == 0 { text.push_str(piece) } else { code.push(piece) }
    }
    (text, code)
}

/// In WebKit the load event of a page with both waits for the stream (docs/browsers.md).
#[test]
fn no_tag_has_src_beside_srcset() {
    let mut tags = 0;
    for path in documents().into_iter().chain(files("demo", ".html")).chain(files("recipes", ".html")) {
        let text = read(&path).replace("&lt;", "<");
        for tag in text.split("<img ").skip(1).filter_map(|rest| rest.split('>').next()) {
            let names = |name: &str| tag.split_whitespace().any(|word| word.starts_with(name));
            assert!(!(names("src=") && names("srcset=")), "{path}: <img {tag}>");
            tags += 1;
        }
    }
    assert!(tags > 10, "{tags}");
}

/// The targets of the links and images in a document, less those to other sites.
fn links(text: &str) -> Vec<String> {
    let lines: Vec<_> = prose(text).map(|line| without_code(line).0).collect();
    let targets = lines.join("\n");
    let targets = targets.split("](").skip(1).filter_map(|rest| rest.split_once(')'));
    targets.map(|(target, _)| target.to_owned()).filter(|target| !target.contains("://")).collect()
}

/// By what a link names a heading: as forges and mdBook do.
fn anchors(text: &str) -> BTreeSet<String> {
    let headings = prose(text).filter(|line| line.starts_with('#')).map(|line| line.trim_start_matches('#'));
    let slug = |heading: &str| {
        let kept = heading.trim().to_lowercase();
        let kept = kept.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
        kept.map(|c| if c == ' ' { '-' } else { c }).collect()
    };
    headings.map(slug).collect()
}

/// The file that a link in `document` leads to, as a path from the root.
fn target(document: &str, link: &str) -> String {
    let mut path = PathBuf::new();
    for part in Path::new(document).parent().unwrap().join(link).components() {
        match part {
            Component::ParentDir => assert!(path.pop(), "{document}: {link} leads out of the repository"),
            part => path.push(part),
        }
    }
    path.to_str().unwrap().to_owned()
}

#[test]
fn every_link_leads_to_a_file_and_a_heading() {
    for document in documents() {
        let text = read(&document);
        for link in links(&text) {
            let (file, anchor) = link.split_once('#').unwrap_or((&link, ""));
            let file = if file.is_empty() { document.clone() } else { target(&document, file) };
            assert!(root().join(&file).is_file(), "{document}: there is no {file}");
            let known = anchor.is_empty() || anchors(&read(&file)).contains(anchor);
            assert!(known, "{document}: {file} has no heading #{anchor}");
        }
    }
}

#[test]
fn the_book_lists_every_page_and_links_stay_inside() {
    let listed = links(&read("docs/SUMMARY.md")).into_iter().map(|link| target("docs/SUMMARY.md", &link));
    let mut pages = files("docs", ".md");
    pages.retain(|page| page != "docs/SUMMARY.md");
    let mut listed: Vec<_> = listed.collect();
    listed.sort();
    assert_eq!(listed, pages);
    for page in pages {
        for link in links(&read(&page)) {
            let file = target(&page, &link);
            assert!(link.starts_with('#') || file.starts_with("docs/"), "{page}: {link} is not in the book");
        }
    }
}

/// The folders of which documents name files.
const FOLDERS: [&str; 9] =
    ["src/", "crates/", "tests/", "benches/", "docs/", "js/", "fonts/", "packaging/", "recipes/"];

/// Whether the path is in another package of the repository, and this is the server's alone, as crates.io has it.
fn is_left_out(path: &str) -> bool {
    !root().join("crates").exists()
        && ["crates/", "packaging/pages"].iter().any(|other| path.starts_with(other))
}

#[test]
fn paths_and_tests_that_documents_name_exist() {
    let sources = ["tests", "src", "crates"].into_iter().filter(|folder| root().join(folder).exists());
    let sources = sources.flat_map(|folder| files(folder, ".rs"));
    let sources: String = sources.map(|path| read(&path)).collect();
    for document in documents() {
        let text = read(&document);
        for line in prose(&text) {
            for code in without_code(line).1 {
                let is_path = FOLDERS.iter().any(|folder| code.starts_with(folder));
                let path = code.split(' ').next().unwrap();
                let is_there = root().join(path).exists() || is_left_out(path);
                assert!(!is_path || is_there, "{document}: there is no {path}");
                // A setting has fewer words, mostly; those that don't are in the sources, too.
                let is_name = |code: &str| {
                    code.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
                };
                // The test of `/metrics` knows these.
                let is_metric = code.starts_with("onlookers_") || code.starts_with("process_");
                let is_of_test = code.matches('_').count() > 2 && is_name(code) && !is_metric;
                let is_there = sources.contains(code) || is_left_out("crates/");
                assert!(!is_of_test || is_there, "{document}: there is no {code}");
                if let Some((_, name)) = code.split_once("test(") {
                    let name = name.split(')').next().unwrap();
                    assert!(sources.contains(name), "{document}: there is no test {name}");
                }
            }
        }
    }
}

#[test]
fn the_readme_is_short_and_configures_nginx_as_the_book_does() {
    let readme = read("README.md");
    assert!(readme.lines().count() <= 120, "{} lines", readme.lines().count());
    let block = |text: &str| {
        let (_, rest) = text.split_once("```nginx").expect("a block for nginx");
        let lines = rest.split_once("```").unwrap().0.lines();
        lines.map(|line| line.trim().to_owned()).filter(|line| !line.is_empty()).collect::<Vec<_>>()
    };
    assert_eq!(block(&readme), block(&read("docs/behind-a-proxy.md")));
}

#[test]
fn the_page_on_configuration_has_every_flag() {
    let page = read("docs/configuration.md");
    let command = Cli::command();
    for argument in command.get_arguments().filter(|argument| !argument.is_hide_set()) {
        let flag = argument.get_long().expect("every flag has a name");
        if !["verbose", "quiet", "help", "version"].contains(&flag) {
            assert!(page.contains(&format!("`--{flag}")), "--{flag} is missing");
        }
    }
}

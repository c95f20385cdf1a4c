//! The lines of the log: none has a visitor's address, unless `Settings::logged` has let it through.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crate::layers::{collect, words};

/// The macros of tracing that write a line.
const MACROS: [&str; 6] = ["trace", "debug", "info", "warn", "error", "event"];

/// Names of values that are an address of a visitor, or have one.
const ADDRESSES: [&str; 13] = [
    "address",
    "addresses",
    "arrival",
    "client",
    "ends",
    "forwarded",
    "header",
    "headers",
    "ip",
    "network",
    "peer",
    "permit",
    "visitor",
];

/// A line of the log in the sources.
struct Line {
    /// The function from its beginning up to there, or the file.
    before: String,
    /// The arguments of the macro.
    arguments: String,
}

impl Line {
    /// Whether an address in it comes from `Settings::logged`, or there is none.
    fn is_allowed(&self) -> bool {
        let names_address = names(&self.arguments).iter().any(|name| ADDRESSES.contains(&name.as_str()));
        !names_address || words(&self.before).contains(&"logged".to_owned())
    }
}

#[test]
fn each_address_in_a_line_is_one_that_may_be_logged() {
    let mut files = BTreeMap::new();
    collect(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut Vec::new(), &mut files);
    let (mut lines, mut wrong) = (0, Vec::new());
    for file in files.keys() {
        for line in lines_of(&fs::read_to_string(file).unwrap()) {
            lines += 1;
            if !line.is_allowed() {
                wrong.push(format!("{file}: {}", line.arguments));
            }
        }
    }
    assert!(lines > 50, "only {lines} lines were found");
    assert!(wrong.is_empty(), "these need Settings::logged:\n{}", wrong.join("\n"));
}

#[test]
fn addresses_are_found_however_they_are_written() {
    let is_allowed = |text: &str| lines_of(text).iter().all(Line::is_allowed);
    for refused in [
        "fn f() { tracing::warn!(\"gone: {peer}\") }",
        "fn f() { tracing::warn!(\"(gone) \\\" {:?}\", self.peer) }",
        "fn f() { debug!(%error, address = %request.address, \"gone\") }",
        "fn f() { s.logged(peer); } fn g() { tracing::info!(\n?arrival, \"gone\"\n) }",
    ] {
        assert!(!is_allowed(refused), "{refused}");
    }
    for allowed in [
        "fn f() { tracing::warn!(\"the address is an ip: {error}\") }",
        "fn f() { let a = s.logged(peer).map(display); tracing::warn!(address = a, \"gone\") }",
    ] {
        assert!(is_allowed(allowed), "{allowed}");
    }
}

/// The lines of the log that `text` writes.
fn lines_of(text: &str) -> Vec<Line> {
    let starts = MACROS.iter().flat_map(|name| {
        let call = format!("{name}!(");
        text.match_indices(&call).map(|(at, found)| (at, at + found.len())).collect::<Vec<_>>()
    });
    // A longer name ends like one of these: assert_error!( is none of them.
    let is_whole =
        |at: usize| !text[..at].ends_with(|before: char| before.is_alphanumeric() || before == '_');
    let line = |(at, start): (usize, usize)| {
        let function = text[..at].rfind("fn ").unwrap_or(0);
        Line { before: text[function..at].to_owned(), arguments: arguments(&text[start..]).to_owned() }
    };
    starts.filter(|(at, _)| is_whole(*at)).map(line).collect()
}

/// What is before the parenthesis that closes the macro.
fn arguments(text: &str) -> &str {
    let (mut depth, mut is_string, mut is_escaped) = (1, false, false);
    for (at, character) in text.char_indices() {
        match character {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            '"' => is_string = !is_string,
            '(' if !is_string => depth += 1,
            ')' if !is_string => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return &text[..at];
        }
    }
    text
}

/// The names that are in arguments: outside of strings, and in the braces of strings. Names of fields are none of them.
fn names(arguments: &str) -> Vec<String> {
    let (mut code, mut is_string, mut is_escaped, mut in_braces) = (String::new(), false, false, false);
    for character in arguments.chars() {
        match character {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            '"' => is_string = !is_string,
            '{' if is_string => in_braces = true,
            '}' if is_string => in_braces = false,
            _ if !is_string || in_braces => code.push(character),
            _ => code.push(' '),
        }
    }
    let words = words(&code);
    let is_field = |at: usize| words.get(at + 1).is_some_and(|next| next == "=");
    (0..words.len()).filter(|at| !is_field(*at)).map(|at| words[at].clone()).collect()
}

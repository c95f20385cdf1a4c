//! The layers of `src/`: each top-level module imports only modules of the layers below its own. So they form no circle,
//! and a part can be understood, or replaced, with what is below it.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// From the lowest to the highest. `crates/` is below all of them; cargo sees to that.
const LAYERS: [&[&str]; 11] = [
    &["files", "gate", "logging", "metrics", "net", "signals", "wire"],
    &["doctor", "nodes", "settings"],
    &["painting"],
    &["feeds"],
    &["app"],
    &["transport"],
    &["http"],
    &["config"],
    &["acme", "admin", "certificates", "health", "themes", "upgrade"],
    &["server"],
    &["main"],
];

#[test]
fn each_module_imports_only_lower_layers() {
    let mut wrong = Vec::new();
    for (file, module, text) in sources(Path::new(env!("CARGO_MANIFEST_DIR")).join("src").as_path()) {
        let own =
            layer(&module[0]).unwrap_or_else(|| panic!("{file}: src/ has a module that no layer names"));
        for import in imports(&text, &module) {
            let is_below = layer(&import).is_some_and(|layer| layer < own);
            if import != module[0] && !is_below {
                wrong.push(format!("{file}: {} must not import {import}", module[0]));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn imports_are_found_however_they_are_written() {
    let found = |text: &str, module: &[&str]| {
        let module: Vec<_> = module.iter().map(|name| (*name).to_owned()).collect();
        imports(&code(text), &module).join(" ")
    };
    assert_eq!(found("use crate::http::Request;", &["feeds"]), "http");
    assert_eq!(found("fn f() -> crate::http::Answer { crate::app::new() }", &["feeds"]), "http app");
    assert_eq!(found("use crate::{app::App, http::{a, b}, wire};", &["feeds"]), "app http wire");
    assert_eq!(found("use super::super::http; use super::frame;", &["feeds", "group"]), "http");
    assert_eq!(found("use super::http::x;", &["feeds"]), "http");
    assert_eq!(found("use onlookers::server::Server;", &["main"]), "server");
    let unseen =
        "// crate::http\nconst A: &str = \"crate::http\";\n#[cfg(test)]\nmod tests {\n use crate::http;\n}\n";
    assert_eq!(found(unseen, &["feeds"]), "");
}

fn layer(module: &str) -> Option<usize> {
    LAYERS.iter().position(|layer| layer.contains(&module))
}

/// Each file below `dir`: its path, its module's path, and its code without tests.
fn sources(dir: &Path) -> Vec<(String, Vec<String>, String)> {
    let mut files = BTreeMap::new();
    collect(dir, &mut Vec::new(), &mut files);
    files
        .into_iter()
        .map(|(file, module)| (file.clone(), module, code(&fs::read_to_string(&file).unwrap())))
        .collect()
}

pub(crate) fn collect(dir: &Path, module: &mut Vec<String>, files: &mut BTreeMap<String, Vec<String>>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        if name == "tests" || name == "lib" {
            continue;
        }
        module.push(name);
        if path.is_dir() {
            collect(&path, module, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.insert(path.to_str().unwrap().to_owned(), module.clone());
        }
        module.pop();
    }
}

/// `text` without comments, strings and modules of tests.
fn code(text: &str) -> String {
    let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    let mut code = String::new();
    for line in text.lines() {
        let mut is_string = false;
        let mut before = ' ';
        for (at, character) in line.char_indices() {
            match character {
                '"' if before != '\\' && before != '\'' => is_string = !is_string,
                '/' if !is_string && line[at..].starts_with("//") => break,
                _ if !is_string => code.push(character),
                _ => {}
            }
            before = character;
        }
        code.push('\n');
    }
    code
}

/// The top-level modules that `code` of the module at that path names, from the crate's root or by way of `super`.
fn imports(code: &str, module: &[String]) -> Vec<String> {
    let words = words(code);
    let mut found = Vec::new();
    let mut at = 0;
    while at < words.len() {
        let supers = words[at..].chunks(2).take_while(|pair| *pair == ["super", "::"]).count();
        let is_root = ["crate", "onlookers"].contains(&words[at].as_str())
            && words.get(at + 1).is_some_and(|next| next == "::");
        let starts = at == 0 || words[at - 1] != "::";
        let after = if is_root { at + 2 } else { at + 2 * supers };
        if starts && (is_root || supers > 0 && supers == module.len()) {
            found.extend(first_names(&words[after..]));
        }
        at = after.max(at + 1);
    }
    found
}

/// Identifiers, `::`, and single characters.
pub(crate) fn words(code: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let is_part = |character: char| character.is_alphanumeric() || character == '_';
    let mut before = ' ';
    for character in code.chars() {
        let joins = is_part(character) && is_part(before) || character == ':' && before == ':';
        match words.last_mut().filter(|_| joins) {
            Some(word) => word.push(character),
            None if !character.is_whitespace() => words.push(character.to_string()),
            None => {}
        }
        before = character;
    }
    words
}

/// The first name of a path, or of each path in braces; names in upper case are no modules.
fn first_names(words: &[String]) -> Vec<String> {
    let is_module = |word: &String| word.starts_with(|first: char| first.is_ascii_lowercase());
    if words.first().is_none_or(|word| word != "{") {
        return words.first().filter(|word| is_module(word)).cloned().into_iter().collect();
    }
    let (mut names, mut depth) = (Vec::new(), 0);
    for (at, word) in words.iter().enumerate() {
        match word.as_str() {
            "{" => depth += 1,
            "}" => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            break;
        }
        if depth == 1 && is_module(word) && ["{", ","].contains(&words[at - 1].as_str()) {
            names.push(word.clone());
        }
    }
    names
}

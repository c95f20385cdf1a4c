//! The documents, and the code in them.

use std::fs;
use std::path::PathBuf;

/// A block of code.
pub(super) struct Block {
    pub(super) document: String,
    /// Of the fence; empty for an indented block.
    pub(super) language: String,
    pub(super) text: String,
}

pub(super) fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

pub(super) fn documents() -> Vec<String> {
    let others = ["README.md", "CONTRIBUTING.md", "js/README.md"].map(str::to_owned);
    others.into_iter().chain(below("docs", ".md")).collect()
}

pub(super) fn below(folder: &str, ending: &str) -> Vec<String> {
    let Ok(entries) = fs::read_dir(root().join(folder)) else { return Vec::new() };
    let paths = entries.map(|entry| format!("{folder}/{}", entry.unwrap().file_name().to_str().unwrap()));
    paths
        .flat_map(|path| match root().join(&path).is_dir() {
            true => below(&path, ending),
            false => Vec::from_iter(path.ends_with(ending).then_some(path)),
        })
        .collect()
}

pub(super) fn blocks(document: &str) -> Vec<Block> {
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

/// The commands of a block, those that go over several lines in one, without what is said beside them.
pub(super) fn commands(text: &str) -> Vec<String> {
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
pub(super) fn words(command: &str) -> Vec<String> {
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

//! Writes the man pages and the shell completions of the server into a folder, made from its command line:
//!
//! ```text
//! cargo run -p onlookers-pages -- target/pages
//! ```
//!
//! The folder gets `man/`, with a page for the program and one for each of its commands, and `completions/`, for bash, zsh and
//! fish.

use std::io;
use std::path::Path;
use std::process::ExitCode;

use clap::CommandFactory;
use clap_complete::Shell;
use onlookers::config::Cli;

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args_os().skip(1).collect();
    let [folder] = &arguments[..] else {
        eprintln!("usage: onlookers-pages FOLDER");
        return ExitCode::from(2);
    };
    match write(Path::new(folder)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("onlookers-pages: {}: {error}", Path::new(folder).display());
            ExitCode::FAILURE
        }
    }
}

/// # Errors
/// The system's, if the folder can't be written.
fn write(folder: &Path) -> io::Result<()> {
    let (man, completions) = (folder.join("man"), folder.join("completions"));
    std::fs::create_dir_all(&man)?;
    std::fs::create_dir_all(&completions)?;
    clap_mangen::generate_to(Cli::command(), &man)?;
    for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
        clap_complete::generate_to(shell, &mut Cli::command(), "onlookers", &completions)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::process::{Command, Output};

    use super::*;

    fn pages() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path()).unwrap();
        folder
    }

    fn run(program: &str, args: &[&str], file: &Path) -> Output {
        let output = Command::new(program).args(args).arg(file).output();
        output.unwrap_or_else(|error| panic!("this test needs the program {program}: {error}"))
    }

    #[test]
    fn there_is_a_man_page_for_the_program_and_each_command() {
        let folder = pages();
        let man = folder.path().join("man");
        let mut commands = vec!["onlookers".to_owned()];
        commands.extend(
            Cli::command().get_subcommands().map(|command| format!("onlookers-{}", command.get_name())),
        );
        for command in &commands {
            let page = man.join(format!("{command}.1"));
            let shown = run("man", &["--warnings", "--local-file"], &page);
            let text = String::from_utf8(shown.stdout).unwrap();
            assert!(
                shown.status.success() && shown.stderr.is_empty(),
                "{}",
                String::from_utf8_lossy(&shown.stderr)
            );
            assert!(text.contains("NAME") && text.contains(command), "{text}");
        }
        let page = fs::read_to_string(man.join("onlookers.1")).unwrap();
        assert!(page.contains("environment variable") && page.contains("\\-\\-max\\-viewers"));
    }

    #[test]
    fn a_page_with_a_fault_is_warned_of() {
        let folder = tempfile::tempdir().unwrap();
        let page = folder.path().join("faulty.1");
        fs::write(&page, ".TH faulty 1\n.nonsense\n").unwrap();
        assert!(!run("man", &["--warnings", "--local-file"], &page).stderr.is_empty());
    }

    #[test]
    fn bash_completes_flags_and_their_values() {
        let folder = pages();
        let script = "source \"$0\"; COMP_WORDS=(onlookers --fanout-thr); COMP_CWORD=1; \
                      _onlookers onlookers --fanout-thr onlookers; echo \"${COMPREPLY[@]}\"; \
                      COMP_WORDS=(onlookers --log j); COMP_CWORD=2; _onlookers onlookers j --log; echo \"${COMPREPLY[@]}\"";
        let completed = run("bash", &["-c", script], &folder.path().join("completions/onlookers.bash"));
        assert_eq!(String::from_utf8(completed.stdout).unwrap(), "--fanout-threads\njson\n");
        assert!(completed.stderr.is_empty(), "{}", String::from_utf8_lossy(&completed.stderr));
    }

    #[test]
    fn every_shell_gets_every_flag() {
        let folder = pages();
        for name in ["onlookers.bash", "_onlookers", "onlookers.fish"] {
            let script = fs::read_to_string(folder.path().join("completions").join(name)).unwrap();
            for argument in Cli::command().get_arguments().filter(|argument| !argument.is_hide_set()) {
                let flag = argument.get_long().unwrap();
                assert!(script.contains(flag), "{name}: --{flag} is missing");
            }
        }
    }
}

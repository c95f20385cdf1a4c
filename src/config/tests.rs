use super::*;
use clap::CommandFactory;

fn parse(args: &[&str]) -> Result<Cli, clap::Error> {
    Cli::try_parse_from([&["onlookers"], args].concat())
}

#[test]
fn the_command_line_is_well_formed() {
    Cli::command().debug_assert();
}

#[test]
fn defaults_serve_this_machine_only() {
    let config = parse(&[]).unwrap().config;
    assert_eq!(config.listen, ["127.0.0.1:9192".parse().unwrap()]);
    assert_eq!(config.repaint, Duration::from_secs(5));
    assert_eq!(config.drain, Duration::from_secs(3));
    assert!(config.reloadable.allow.is_empty());
}

#[test]
fn bad_values_are_bad_usage() {
    for args in [
        ["--repaint", "5"],
        ["--repaint", "0s"],
        ["--repaint", "2h"],
        ["--drain", "61s"],
        ["--drain", "3"],
        ["--allow", "https://example.com/"],
        ["--listen", "9192"],
        ["--sni-pass", "other.example"],
        ["--allow", "\"example.com\""],
        ["--allow", "example.com;example.org"],
        ["--allow", "$HOST"],
        ["--name", "$HOST"],
        ["--ignore", "example.com"],
        ["--max-viewers", "0"],
        ["--max-sites", "0"],
        ["--max-pages-per-site", "some"],
        ["--fanout-threads", "64"],
        ["--nonsense", "1"],
    ] {
        assert_eq!(parse(&args).unwrap_err().exit_code(), 2, "{args:?}");
    }
}

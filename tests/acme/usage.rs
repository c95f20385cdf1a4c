//! Flags that can't work are bad usage.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::common::program::onlookers;

fn refused(args: &[&str]) -> String {
    let output = onlookers().args(["--listen", "tls:127.0.0.1:0"]).args(args).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{args:?}: {said}");
    said
}

#[test]
fn flags_of_certificates_that_cannot_work_are_bad_usage() {
    let name = ["--acme", "count.example"];
    let said = refused(&name);
    assert!(said.contains("--acme-agree") && said.contains("https://letsencrypt.org/repository/"), "{said}");
    let said = refused(&[name[0], name[1], "--acme-directory", "https://ca.example/dir"]);
    assert!(said.contains("https://ca.example/dir (termsOfService)"), "{said}");
    for (args, words) in [
        (&["--acme", "*.example.com"][..], "needs records in DNS"),
        (&["--acme", "192.0.2.1"], "not for IP addresses"),
        (&["--acme", "https://count.example"], "write count.example"),
        (&["--acme-directory", "http://ca.example/dir"], "write the https URL"),
        (&["--acme-email", "admin"], "write one address"),
        (
            &["--acme", "count.example", "--acme-agree", "--acme-ca", "/nowhere/ca.pem"],
            "/nowhere/ca.pem: No such file",
        ),
        (
            &["--acme", "count.example", "--acme-agree", "--acme-dir", "/dev/null"],
            "/dev/null: it is not a folder",
        ),
    ] {
        let said = refused(args);
        assert!(said.contains(words), "{args:?}: {said}");
    }
    let plain =
        onlookers().args(["--listen", "127.0.0.1:0", "--acme", "count.example", "--acme-agree"]).output();
    let said = String::from_utf8(plain.unwrap().stderr).unwrap();
    assert!(said.contains("add --listen tls:[::]:443"), "{said}");
}

#[test]
fn a_folder_that_others_can_look_into_is_bad_usage() {
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let said =
        refused(&["--acme", "count.example", "--acme-agree", "--acme-dir", folder.path().to_str().unwrap()]);
    assert!(said.contains("others may look into it; run chmod 700"), "{said}");
}

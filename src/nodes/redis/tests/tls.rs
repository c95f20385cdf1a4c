//! Encrypted connections.

use std::path::Path;

use rcgen::{CertifiedKey, generate_simple_self_signed};

use super::server::free_port;
use super::*;

/// A server with a certificate of its own, in that folder, and its URL.
fn start(folder: &Path) -> (RedisServer, String) {
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let path = |name: &str| folder.join(name).to_str().unwrap().to_owned();
    std::fs::write(path("cert.pem"), cert.pem()).unwrap();
    std::fs::write(path("key.pem"), signing_key.serialize_pem()).unwrap();
    let port = free_port().to_string();
    let (cert, key) = (path("cert.pem"), path("key.pem"));
    let certificates = ["--tls-cert-file", &cert, "--tls-key-file", &key, "--tls-ca-cert-file", &cert];
    let tls = ["--tls-port", &port, "--tls-auth-clients", "no"];
    (RedisServer::with(&[&tls[..], &certificates[..]].concat()), format!("rediss://127.0.0.1:{port}"))
}

#[tokio::test]
async fn hints_come_by_tls_from_a_server_that_is_trusted() {
    let (folder, page) = (tempfile::tempdir().unwrap(), room("example.com/1"));
    let (_server, url) = start(folder.path());
    let config = RedisConfig { url: url.parse().unwrap(), ca: Some(folder.path().join("cert.pem")) };
    let (a, mut b) = (Node::with(config.clone()), Node::with(config));
    b.redis.listen(std::slice::from_ref(&page)).await.unwrap();
    a.renew(A).await;
    let said = change(&page, Some(counts(1, 2)), &[1], &[]);
    a.redis.publish(A, std::slice::from_ref(&said), &[]).await.unwrap();
    assert_eq!(b.hear().await, Hint::Changed(A, said));

    let error = Node::at(&url).try_renew(A).await.unwrap_err().to_string();
    assert!(error.contains("certificate"), "the system doesn't trust it: {error}");
}

#[tokio::test]
async fn a_file_without_certificates_is_refused_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ca.pem");
    let refused = |url: &str| {
        let config = RedisConfig { url: url.parse().unwrap(), ca: Some(file.clone()) };
        let error = Redis::connect(config).err().unwrap().to_string();
        error.strip_prefix(&format!("{}: ", file.display())).unwrap().to_owned()
    };
    assert!(refused("rediss://cache").starts_with("No such file"));
    std::fs::write(&file, "nothing").unwrap();
    assert_eq!(refused("rediss://cache"), "there is no certificate in it");
    let CertifiedKey { cert, .. } = generate_simple_self_signed(["cache".to_owned()]).unwrap();
    std::fs::write(&file, cert.pem()).unwrap();
    assert!(refused("redis://cache").contains("only a rediss:// URL"), "nothing is encrypted");
}

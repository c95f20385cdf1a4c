//! TLS as a client: the certificates that are trusted.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::crypto::ring;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use tokio_rustls::TlsConnector;

/// The longest file of certificates, in bytes.
const MAX_FILE: u64 = 4 << 20;

/// A client that trusts the system's certificates and those in these files, and speaks HTTP/1.1 only: the streams that are
/// watched are those of one connection each.
///
/// # Errors
/// A file that can't be read or has no certificate.
pub(super) fn connector(files: &[PathBuf]) -> io::Result<TlsConnector> {
    let mut roots = RootCertStore::empty();
    // A system without certificates can visit http, and https by those in the files.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    for file in files {
        let named = |error| io::Error::other(format!("--ca {}: {error}", file.display()));
        add(&mut roots, file).map_err(named)?;
    }
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?;
    let mut config = config.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsConnector::from(Arc::new(config)))
}

fn add(roots: &mut RootCertStore, file: &Path) -> io::Result<()> {
    let length = std::fs::metadata(file)?.len();
    if length > MAX_FILE {
        return Err(io::Error::other("the file is too long"));
    }
    let mut some = false;
    for certificate in CertificateDer::pem_file_iter(file).map_err(io::Error::other)? {
        roots.add(certificate.map_err(io::Error::other)?).map_err(io::Error::other)?;
        some = true;
    }
    if some { Ok(()) } else { Err(io::Error::other("there is no certificate in it")) }
}

//! By which certificates an authority is trusted for https.

use std::io;
use std::path::Path;

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use crate::files;

/// The longest file of roots, in bytes: those of a whole system have about 200 KiB.
const LONGEST: usize = 1024 * 1024;

/// The authorities that the system trusts for https, and those of the file `own`.
///
/// # Errors
/// The system's, and if there is no certificate in that file.
pub(super) fn load(own: Option<&Path>) -> io::Result<RootCertStore> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if let Some(path) = own {
        let at = |error: &dyn std::fmt::Display| io::Error::other(format!("{}: {error}", path.display()));
        let pem = files::read(path, LONGEST).map_err(|error| at(&error))?;
        let own: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
        let (added, _) = roots.add_parsable_certificates(own.map_err(|error| at(&error))?);
        if added == 0 {
            return Err(at(&"there is no certificate in it that can be read (PEM is expected)"));
        }
    }
    if roots.is_empty() {
        tracing::warn!(
            "this system has no certificates of authorities (ca-certificates), so --acme can trust none"
        );
    }
    Ok(roots)
}

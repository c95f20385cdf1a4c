//! The certificate of the servers that speak TLS here: ECDSA P-256, made at start.

use super::{Outcome, tls::NAME};
use rcgen::{CertifiedKey, KeyPair, generate_simple_self_signed};
use std::{
    fs::{self, OpenOptions},
    io::Write,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

pub(crate) fn new() -> Outcome<CertifiedKey<KeyPair>> {
    Ok(generate_simple_self_signed([NAME.into()])?)
}

/// Files of a new one, for a server.
pub(crate) struct Files {
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
}

impl Files {
    pub(crate) fn write(directory: &Path) -> Outcome<Self> {
        let CertifiedKey { cert, signing_key } = new()?;
        fs::create_dir_all(directory)?;
        let files = Self { certificate: directory.join("certificate.pem"), key: directory.join("key.pem") };
        fs::write(&files.certificate, cert.pem())?;
        let mut key =
            OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&files.key)?;
        key.write_all(signing_key.serialize_pem().as_bytes())?;
        Ok(files)
    }
}

//! The settings of TLS.

use std::path::PathBuf;

use clap::Args;

/// The files of certificates, which are read again on SIGHUP and when they change.
#[derive(Args, Clone, Debug, Default)]
pub struct TlsFiles {
    /// A certificate with its chain for tls: listeners, in PEM; can be given several times, and is chosen by the name that a
    /// client asks for. Or a folder of them: each NAME.crt with a NAME.key, or NAME/fullchain.pem and NAME/privkey.pem
    #[arg(long, value_name = "PATH", env = "ONLOOKERS_TLS_CERT", value_delimiter = ',')]
    pub tls_cert: Vec<PathBuf>,
    /// The private key of each file of --tls-cert, in the same order [default: it is in the same file]
    #[arg(long, value_name = "FILE", env = "ONLOOKERS_TLS_KEY", value_delimiter = ',')]
    pub tls_key: Vec<PathBuf>,
}

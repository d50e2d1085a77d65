//! TLS of one connection to the server and of the data connections beside it.
//!
//! Servers demand that a data connection resumes the session of its control connection (vsftpd `require_ssl_reuse`, rclone #7234). So each control
//! connection has a configuration of its own, with its own memory of sessions, and shares it with nobody.
//!
//! A ticket of TLS 1.3 is used once (RFC 8446, appendix C.4; rustls gives it away no second time), and a server gives two with a login (OpenSSL's default):
//! proftpd refused the third data connection. A session of TLS 1.2 can be resumed as often as needed. So 1.2 is asked for, and 1.3 where that is refused.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use backend_core::{Error, ErrorKind, Result};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{ClientConfig, Resumption};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::version::{TLS12, TLS13};
use rustls::{DigitallySignedStruct, RootCertStore, SignatureScheme};
use suppaftp::tokio_rustls::TlsConnector;

use super::secured::Connector;

/// Sessions that are remembered for one server.
const MAX_SESSIONS: usize = 16;

/// Which TLS is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Age {
    /// 1.2.
    Resumable,
    /// 1.3.
    Newer,
}

/// What all connections of a store share.
#[derive(Debug)]
pub(crate) struct Trust {
    resumable: Arc<ClientConfig>,
    newer: Arc<ClientConfig>,
    /// The server has refused 1.2.
    is_newer: AtomicBool,
}

impl Trust {
    /// # Errors
    /// `InvalidConfig` for a certificate that is none.
    pub(crate) fn new(authorities: &[String], verify: bool) -> Result<Self> {
        let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        for pem in authorities {
            add(&mut roots, pem.as_bytes())?;
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = |version| {
            let builder = ClientConfig::builder_with_provider(provider.clone())
                .with_protocol_versions(&[version])
                .map_err(|err| Error::new(ErrorKind::Internal, "no TLS can be set up").with_source(err))?;
            let verifier = Arc::new(Anybody(provider.clone()));
            Ok(Arc::new(match verify {
                true => builder.with_root_certificates(roots.clone()).with_no_client_auth(),
                false => builder.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth(),
            }))
        };
        Ok(Self { resumable: config(&TLS12)?, newer: config(&TLS13)?, is_newer: AtomicBool::new(false) })
    }

    /// What the next connection asks for.
    pub(crate) fn age(&self) -> Age {
        if self.is_newer.load(Ordering::Relaxed) { Age::Newer } else { Age::Resumable }
    }

    /// The server takes only 1.3: from now on that is asked for.
    pub(crate) fn renew(&self) -> Age {
        self.is_newer.store(true, Ordering::Relaxed);
        Age::Newer
    }

    /// For one control connection, and its data connections.
    pub(crate) fn connector(&self, age: Age) -> Connector {
        let mut config = match age {
            Age::Resumable => ClientConfig::clone(&self.resumable),
            Age::Newer => ClientConfig::clone(&self.newer),
        };
        config.resumption = Resumption::in_memory_sessions(MAX_SESSIONS);
        Connector(TlsConnector::from(Arc::new(config)))
    }
}

fn add(store: &mut RootCertStore, pem: &[u8]) -> Result<()> {
    let bad = || {
        let why = "connection.ca_certificates: a text is not PEM of an X.509 certificate";
        Error::new(ErrorKind::InvalidConfig, why)
    };
    let before = store.len();
    for cert in CertificateDer::pem_slice_iter(pem) {
        store.add(cert.map_err(|_| bad())?).map_err(|_| bad())?;
    }
    match before < store.len() {
        true => Ok(()),
        false => Err(bad()),
    }
}

/// `verify_tls: false`: whoever holds the key of the certificate is believed, whatever the certificate says.
#[derive(Debug)]
struct Anybody(Arc<CryptoProvider>);

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> std::result::Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> std::result::Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, signed, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> std::result::Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, signed, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn certificates_that_are_none_are_refused() {
        assert!(Trust::new(&[], true).is_ok() && Trust::new(&[], false).is_ok());
        for pem in ["", "canary", "-----BEGIN CERTIFICATE-----\nY2FuYXJ5\n-----END CERTIFICATE-----\n"] {
            let err = Trust::new(&[pem.to_owned()], true).unwrap_err();
            assert!(err.kind() == ErrorKind::InvalidConfig && !err.message().contains("canary"), "{pem}");
        }
    }
}

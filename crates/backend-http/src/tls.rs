//! The one TLS configuration: rustls with ring, the roots that are compiled in, and those that the user names.

use std::sync::Arc;

use backend_core::{Error, ErrorKind, Result};
use bytes::Bytes;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

/// No global provider is asked for or installed: an unconfigured reqwest would panic.
pub(crate) fn config(roots: &[Bytes]) -> Result<ClientConfig> {
    let mut store = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    for pem in roots {
        add(&mut store, pem)?;
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|err| Error::new(ErrorKind::Internal, "no TLS can be set up").with_source(err))?;
    Ok(builder.with_root_certificates(store).with_no_client_auth())
}

fn add(store: &mut RootCertStore, pem: &[u8]) -> Result<()> {
    let bad = || Error::new(ErrorKind::InvalidConfig, "a root certificate is not PEM of an X.509 certificate");
    let before = store.len();
    for cert in CertificateDer::pem_slice_iter(pem) {
        store.add(cert.map_err(|_| bad())?).map_err(|_| bad())?;
    }
    match before < store.len() {
        true => Ok(()),
        false => Err(bad()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roots_that_are_none_are_refused() {
        assert!(config(&[]).is_ok());
        for pem in ["", "canary", "-----BEGIN CERTIFICATE-----\nY2FuYXJ5\n-----END CERTIFICATE-----\n"] {
            let err = config(&[Bytes::from(pem)]).unwrap_err();
            assert_eq!(err.kind(), ErrorKind::InvalidConfig, "{pem}");
        }
    }
}

//! The server's side of TLS: any client certificate is accepted, and trust is decided by its fingerprint later.

use std::sync::{Arc, Mutex};

use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{DigitallySignedStruct, DistinguishedName, Error, ServerConfig, SignatureScheme};

use super::error::DaemonError;
use crate::http::{Credentials, Pair};

/// How this daemon answers HTTPS: always with the certificate that its credentials present at that moment.
///
/// # Errors
/// When the certificate cannot be used.
pub fn server_config(credentials: Arc<Credentials>) -> Result<Arc<ServerConfig>, DaemonError> {
    let failed = |cause: Error| DaemonError::Certificate { doing: "set up TLS", detail: cause.to_string() };
    let resolver = Presented { current: Mutex::new(None), credentials };
    resolver.current().map_err(failed)?;
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(failed)?
        .with_client_cert_verifier(Arc::new(Anybody))
        .with_cert_resolver(Arc::new(resolver));
    Ok(Arc::new(config))
}

/// The certificate may change while connections are open: new ones get the new certificate.
#[derive(Debug)]
struct Presented {
    credentials: Arc<Credentials>,
    current: Mutex<Option<(Arc<Pair>, Arc<CertifiedKey>)>>,
}

impl Presented {
    fn current(&self) -> Result<Arc<CertifiedKey>, Error> {
        let pair = self.credentials.presented();
        let mut current = self.current.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some((known, key)) = current.as_ref()
            && known.certificate == pair.certificate
        {
            return Ok(Arc::clone(key));
        }
        let unreadable = |cause: rustls::pki_types::pem::Error| Error::General(cause.to_string());
        let certificate = CertificateDer::from_pem_slice(pair.certificate.as_bytes()).map_err(unreadable)?;
        let key = PrivateKeyDer::from_pem_slice(pair.key.reveal().as_bytes()).map_err(unreadable)?;
        let key = Arc::new(CertifiedKey::from_der(vec![certificate], key, &provider())?);
        *current = Some((pair, Arc::clone(&key)));
        Ok(key)
    }
}

impl ResolvesServerCert for Presented {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.current().inspect_err(|error| tracing::error!(%error, "cannot use the certificate")).ok()
    }
}

/// Accepts any client certificate, or none; the handshake proves that the client has its key.
#[derive(Debug)]
struct Anybody;

impl ClientCertVerifier for Anybody {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn verify_client_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, dss, &provider().signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &provider().signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        provider().signature_verification_algorithms.supported_schemes()
    }
}

fn provider() -> CryptoProvider {
    ring::default_provider()
}

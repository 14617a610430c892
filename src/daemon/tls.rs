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
use crate::api::MEMBER_NAME;
use crate::service::{Credentials, Pair};

/// How this daemon answers HTTPS: always with the certificate that its credentials present at that moment.
///
/// # Errors
/// When the certificate cannot be used.
pub fn server_config(credentials: Arc<Credentials>) -> Result<Arc<ServerConfig>, DaemonError> {
    let failed = |cause: Error| DaemonError::Certificate { doing: "set up TLS", detail: cause.to_string() };
    let resolver = Presented { shared: Mutex::new(None), own: Mutex::new(None), credentials };
    resolver.shared().map_err(failed)?;
    resolver.own().map_err(failed)?;
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(failed)?
        .with_client_cert_verifier(Arc::new(Anybody))
        .with_cert_resolver(Arc::new(resolver));
    Ok(Arc::new(config))
}

/// Refuses a certificate that cannot be answered with, or a key that is not its key.
///
/// # Errors
/// What is wrong.
pub fn check(pair: &Pair) -> Result<(), String> {
    read(pair, &Mutex::default()).map(|_| ()).map_err(|error| error.to_string())
}

/// The certificate may change while connections are open: new ones get the new certificate.
#[derive(Debug)]
struct Presented {
    credentials: Arc<Credentials>,
    shared: Mutex<Kept>,
    own: Mutex<Kept>,
}

/// A certificate as it was last used, read.
type Kept = Option<(String, Arc<CertifiedKey>)>;

impl Presented {
    fn shared(&self) -> Result<Arc<CertifiedKey>, Error> {
        read(&self.credentials.presented(), &self.shared)
    }

    fn own(&self) -> Result<Arc<CertifiedKey>, Error> {
        read(self.credentials.server(), &self.own)
    }
}

fn read(pair: &Pair, kept: &Mutex<Kept>) -> Result<Arc<CertifiedKey>, Error> {
    let mut kept = kept.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    if let Some((certificate, key)) = kept.as_ref()
        && *certificate == pair.certificate
    {
        return Ok(Arc::clone(key));
    }
    let unreadable = |cause: rustls::pki_types::pem::Error| Error::General(cause.to_string());
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pair.certificate.as_bytes()).collect();
    let key = PrivateKeyDer::from_pem_slice(pair.key.reveal().as_bytes()).map_err(unreadable)?;
    let key = Arc::new(CertifiedKey::from_der(chain.map_err(unreadable)?, key, &provider())?);
    *kept = Some((pair.certificate.clone(), Arc::clone(&key)));
    Ok(key)
}

impl ResolvesServerCert for Presented {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let found = if hello.server_name() == Some(MEMBER_NAME) { self.own() } else { self.shared() };
        found.inspect_err(|error| tracing::error!(%error, "cannot use the certificate")).ok()
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

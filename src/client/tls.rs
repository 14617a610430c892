//! TLS for clients: the server is known by its exact certificate, never by a name or an authority.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, Error, SignatureScheme};
use sha2::{Digest, Sha256};
use tokio_rustls::TlsConnector;

use super::connection::dial;
use super::error::ClientError;
use crate::api::MEMBER_NAME;

/// A certificate with its key: who the caller is.
#[derive(Clone)]
pub struct Identity {
    certificate: CertificateDer<'static>,
    key: Arc<PrivateKeyDer<'static>>,
}

impl Identity {
    /// Reads a certificate and its key, both PEM.
    ///
    /// # Errors
    /// When one of them is not readable.
    pub fn from_pem(certificate: &str, key: &str) -> Result<Self, ClientError> {
        Ok(Self { certificate: certificate_der(certificate)?, key: Arc::new(key_der(key)?) })
    }
}

/// SHA-256 of a certificate (PEM) in hex: how LXD names it.
///
/// # Errors
/// When it is not readable.
pub fn fingerprint(certificate: &str) -> Result<String, ClientError> {
    Ok(fingerprint_der(&certificate_der(certificate)?))
}

/// A certificate (PEM) in DER; none when it is not readable.
pub fn der_of(certificate: &str) -> Option<Vec<u8>> {
    certificate_der(certificate).ok().map(|der| der.to_vec())
}

/// The certificate that a server answers with, as PEM. Nothing is trusted by this: the caller compares.
///
/// # Errors
/// When nothing answers there.
pub async fn fetch_certificate(address: &str) -> Result<String, ClientError> {
    let config = config_with(Verifier { pinned: None }, None)?;
    let stream = dial(address).await?;
    let unreachable =
        |cause: std::io::Error| ClientError::Unreachable { address: address.to_owned(), cause: cause.to_string() };
    let stream = TlsConnector::from(config).connect(server_name(address), stream).await.map_err(unreachable)?;
    let (_, session) = stream.get_ref();
    let Some(certificate) = session.peer_certificates().and_then(|chain| chain.first()) else {
        return Err(ClientError::Protocol { target: format!("`{address}`"), cause: "it has no certificate".into() });
    };
    Ok(pem_of(certificate))
}

pub(super) fn client_config(pinned: &str, identity: Option<&Identity>) -> Result<Arc<ClientConfig>, ClientError> {
    config_with(Verifier { pinned: Some(certificate_der(pinned)?) }, identity)
}

fn config_with(verifier: Verifier, identity: Option<&Identity>) -> Result<Arc<ClientConfig>, ClientError> {
    let unusable = |cause: Error| ClientError::Certificate { what: "the client certificate", cause: cause.to_string() };
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(unusable)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier));
    let config = match identity {
        None => builder.with_no_client_auth(),
        Some(Identity { certificate, key }) => {
            builder.with_client_auth_cert(vec![certificate.clone()], key.clone_key()).map_err(unusable)?
        }
    };
    Ok(Arc::new(config))
}

/// The name in the handshake; it decides nothing, as the certificate is pinned.
pub(super) fn server_name(address: &str) -> ServerName<'static> {
    let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
    let host = host.trim_start_matches('[').trim_end_matches(']');
    ServerName::try_from(host.to_owned())
        .unwrap_or_else(|_| ServerName::try_from("seedbed").expect("a plain word is a name"))
}

/// The name under which a member answers with its own certificate.
pub(super) fn member_name() -> ServerName<'static> {
    ServerName::try_from(MEMBER_NAME).expect("a plain word is a name")
}

fn certificate_der(text: &str) -> Result<CertificateDer<'static>, ClientError> {
    CertificateDer::from_pem_slice(text.as_bytes())
        .map_err(|cause| ClientError::Certificate { what: "the certificate", cause: cause.to_string() })
}

fn key_der(text: &str) -> Result<PrivateKeyDer<'static>, ClientError> {
    PrivateKeyDer::from_pem_slice(text.as_bytes())
        .map_err(|cause| ClientError::Certificate { what: "the private key", cause: cause.to_string() })
}

fn fingerprint_der(certificate: &CertificateDer<'_>) -> String {
    Sha256::digest(certificate).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A certificate in DER as PEM.
pub fn pem_of(certificate: &[u8]) -> String {
    use base64::Engine as _;
    let text = base64::engine::general_purpose::STANDARD.encode(certificate);
    let mut out = String::from("-----BEGIN CERTIFICATE-----\n");
    for line in text.as_bytes().chunks(64) {
        out.push_str(&String::from_utf8_lossy(line));
        out.push('\n');
    }
    out.push_str("-----END CERTIFICATE-----\n");
    out
}

/// Accepts one certificate, or any when none is pinned.
#[derive(Debug)]
struct Verifier {
    pinned: Option<CertificateDer<'static>>,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        match &self.pinned {
            Some(pinned) if pinned != end_entity => {
                Err(Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure))
            }
            Some(_) | None => Ok(ServerCertVerified::assertion()),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, dss, &provider().signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &provider().signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        provider().signature_verification_algorithms.supported_schemes()
    }
}

fn provider() -> CryptoProvider {
    ring::default_provider()
}

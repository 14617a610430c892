//! Trusted clients: what it takes to become one, and how they are found.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::caller::{Caller, PeerCertificate};
use super::key_derivation::Asker;
use crate::api::{ApiError, Certificate, CertificateAdd};
use crate::kinds;
use crate::kinds::certificate::{CertificateSpec, CertificateUsage};
use crate::model::Object;
use crate::service::cluster::configuration::configuration;
use crate::service::objects::records;
use crate::service::server::{Server, store_failed};

pub const KIND: &str = "certificate";

pub const COLLECTION: &str = "certificates";

/// What lists show of a fingerprint. The first digit alone would soon be that of another one.
pub const PREFIX_MIN: usize = 12;

pub async fn check_password(server: &Server, request: &CertificateAdd) -> Result<(), ApiError> {
    let config = configuration(server, &server.node().name)?;
    let stored = config.value(kinds::server::TRUST_PASSWORD);
    let Some(stored) = stored.filter(|_| !request.password.is_empty()) else { return Err(ApiError::forbidden()) };
    server.strangers.guess()?;
    let fits = server.passwords.fits(&request.password, stored, Asker::Stranger).await;
    match fits {
        Ok(true) => {
            server.strangers.was_right();
            Ok(())
        }
        Ok(false) => {
            server.strangers.was_wrong();
            Err(ApiError::forbidden())
        }
        Err(error) => {
            server.strangers.was_right();
            Err(error)
        }
    }
}

pub fn given(request: &CertificateAdd, caller: &Caller) -> Result<PeerCertificate, ApiError> {
    if request.certificate.is_empty() {
        return match caller {
            Caller::Stranger { certificate: Some(certificate) } => Ok(PeerCertificate::of(&certificate.der)),
            Caller::Client { .. } => Err(ApiError::conflict("Certificate already in trust store")),
            Caller::Stranger { certificate: None }
            | Caller::Local { .. }
            | Caller::Member(_)
            | Caller::Joining(_)
            | Caller::Forwarded { .. } => Err(ApiError::bad_request("No client certificate provided")),
        };
    }
    let der = STANDARD
        .decode(request.certificate.trim())
        .map_err(|cause| ApiError::bad_request(format!("the certificate is no base64: {cause}")))?;
    let (rest, _) = x509_parser::parse_x509_certificate(&der)
        .map_err(|cause| ApiError::bad_request(format!("the certificate cannot be read: {cause}")))?;
    if !rest.is_empty() {
        return Err(ApiError::bad_request("there is something behind the certificate: give it alone"));
    }
    Ok(PeerCertificate::of(&der))
}

pub fn found(server: &Server, fingerprint: &str) -> Result<Object, ApiError> {
    let all = server.store().list(KIND).map_err(store_failed)?;
    let mut fitting = all.into_iter().filter(|object| object.key.name.starts_with(fingerprint));
    match (fitting.next(), fitting.next()) {
        (Some(object), None) => Ok(object),
        (Some(_), Some(_)) => Err(ApiError::bad_request("More than one certificate matches")),
        (None, _) => Err(ApiError::not_found("Certificate not found")),
    }
}

pub fn shown(object: &Object) -> Result<Certificate, ApiError> {
    let CertificateSpec { name, description: _, usage, restricted, projects, certificate, unknown: _ } =
        records::typed(object)?;
    let kind = match usage {
        CertificateUsage::Client => "client",
        CertificateUsage::Server => "server",
        CertificateUsage::Metrics => "metrics",
    };
    Ok(Certificate {
        fingerprint: object.key.name.clone(),
        certificate,
        kind: kind.to_owned(),
        name,
        restricted,
        projects,
    })
}

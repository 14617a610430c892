//! `/1.0/certificates`: the clients that are trusted.

use std::sync::Arc;

use axum::Extension;
use axum::body::Bytes;
use axum::extract::{Path, State};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::answer::{Answer, Outcome, parse, url};
use super::asked::Asked;
use super::caller::{Caller, PeerCertificate};
use super::certificate_names::common_name;
use super::key_derivation::Asker;
use super::root::configuration;
use super::server::{Server, store_failed};
use super::write;
use crate::api::{ApiError, Certificate, CertificateAdd};
use crate::client::pem_of;
use crate::kinds;
use crate::kinds::certificate::{CertificateSpec, CertificateUsage};
use crate::model::{Change, Key, Object};

const KIND: &str = "certificate";
const COLLECTION: &str = "certificates";
/// What lists show of a fingerprint. The first digit alone would soon be that of another one.
const PREFIX_MIN: usize = 12;

/// `GET /1.0/certificates`.
pub async fn list(State(server): State<Arc<Server>>, Extension(caller): Extension<Caller>, asked: Asked) -> Outcome {
    caller.trusted()?;
    let all = server.store().list(KIND).map_err(store_failed)?;
    if asked.wants_objects() {
        return Answer::of(&all.iter().map(shown).collect::<Result<Vec<_>, _>>()?);
    }
    Answer::of(&all.iter().map(|object| url(COLLECTION, &object.key.name)).collect::<Vec<_>>())
}

/// `GET /1.0/certificates/FINGERPRINT`; the first digits are enough.
pub async fn show(
    State(server): State<Arc<Server>>,
    Extension(caller): Extension<Caller>,
    Path(fingerprint): Path<String>,
) -> Outcome {
    caller.trusted()?;
    let certificate = shown(&found(&server, &fingerprint)?)?;
    Ok(Answer::of(&certificate)?.tagged(&certificate))
}

/// `POST /1.0/certificates`: a trusted caller adds any, a stranger with the trust password its own.
pub async fn add(State(server): State<Arc<Server>>, Extension(caller): Extension<Caller>, body: Bytes) -> Outcome {
    let request: CertificateAdd = parse(&body)?;
    if !caller.is_trusted() {
        check_password(&server, &request).await?;
    }
    if request.token {
        return Err(ApiError::new(501, "tokens for clients are not made here: add the client's certificate itself"));
    }
    if request.restricted {
        return Err(ApiError::new(
            501,
            "certificates that are restricted to projects are not supported yet: nothing was added",
        ));
    }
    if !matches!(request.kind.as_str(), "" | "client") {
        return Err(ApiError::bad_request(format!("Unknown request type {}", request.kind)));
    }
    let certificate = given(&request, &caller)?;
    if certificate.fingerprint == server.credentials.fingerprint()? {
        let text = "the certificate that all members share says who answers, never who asks: make one for the client";
        return Err(ApiError::bad_request(text));
    }
    let key = Key::new(KIND, &certificate.fingerprint);
    let spec = CertificateSpec {
        name: if request.name.is_empty() { common_name(&certificate.der) } else { request.name },
        usage: CertificateUsage::Client,
        restricted: request.restricted,
        projects: request.projects,
        certificate: pem_of(&certificate.der),
        ..CertificateSpec::default()
    };
    if !certificate.validity.holds(server.now()) {
        return Err(ApiError::bad_request("the certificate has expired, or is not good yet: nobody could use it"));
    }
    write::commit(&server, &caller.audit(), || {
        if server.store().get(&key).map_err(store_failed)?.is_some() {
            return Err(ApiError::conflict("Certificate already in trust store"));
        }
        let change = write::record(key.clone(), write::admitted(&key, write::spec_of(&spec)?)?);
        let mut expect = vec![write::absent(&key)];
        for project in &spec.projects {
            let project = server.store().get(&Key::new("project", project)).map_err(store_failed)?;
            expect.extend(project.map(|project| write::unchanged(&project).referring()));
        }
        Ok((expect, vec![change]))
    })
    .await?;
    server.trust.refresh(&server.store());
    Answer::created(format!("/1.0/{COLLECTION}/{}", certificate.fingerprint))
}

/// `DELETE /1.0/certificates/FINGERPRINT`.
pub async fn remove(
    State(server): State<Arc<Server>>,
    Extension(caller): Extension<Caller>,
    Path(fingerprint): Path<String>,
) -> Outcome {
    caller.trusted()?;
    if fingerprint.len() < PREFIX_MIN {
        let text = format!("{PREFIX_MIN} digits of a fingerprint are needed to name a certificate");
        return Err(ApiError::bad_request(text));
    }
    write::commit(&server, &caller.audit(), || {
        let object = found(&server, &fingerprint)?;
        write::not_protected(&object)?;
        Ok((vec![write::unchanged(&object)], vec![Change::Forget { key: object.key }]))
    })
    .await?;
    server.trust.refresh(&server.store());
    Answer::done()
}

async fn check_password(server: &Server, request: &CertificateAdd) -> Result<(), ApiError> {
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

fn given(request: &CertificateAdd, caller: &Caller) -> Result<PeerCertificate, ApiError> {
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
        write::typed(object)?;
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

//! `/1.0/certificates`: trusted clients, listed, added and removed.

use std::sync::Arc;

use axum::Extension;
use axum::body::Bytes;
use axum::extract::{Path, State};

use crate::api::{ApiError, CertificateAdd};
use crate::client::pem_of;
use crate::http::server::query::RequestQuery;
use crate::http::server::response::{Answer, ApiResult, url};
use crate::kinds::certificate::{CertificateSpec, CertificateUsage};
use crate::model::{Change, Key};
use crate::service::access::caller::Caller;
use crate::service::access::certificate_names::common_name;
use crate::service::access::certificates::{COLLECTION, KIND, PREFIX_MIN, check_password, found, given, shown};
use crate::service::objects::records;
use crate::service::server::{Server, store_failed};
use crate::service::wire::parse;

/// `GET /1.0/certificates`.
pub async fn list(
    State(server): State<Arc<Server>>,
    Extension(caller): Extension<Caller>,
    asked: RequestQuery,
) -> ApiResult {
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
) -> ApiResult {
    caller.trusted()?;
    let certificate = shown(&found(&server, &fingerprint)?)?;
    Ok(Answer::of(&certificate)?.tagged(&certificate))
}

/// `POST /1.0/certificates`: a trusted caller adds any, a stranger with the trust password its own.
pub async fn add(State(server): State<Arc<Server>>, Extension(caller): Extension<Caller>, body: Bytes) -> ApiResult {
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
    records::commit(&server, &caller.audit(), || {
        if server.store().get(&key).map_err(store_failed)?.is_some() {
            return Err(ApiError::conflict("Certificate already in trust store"));
        }
        let change = records::record(key.clone(), records::admitted(&key, records::spec_of(&spec)?)?);
        let mut expect = vec![records::absent(&key)];
        for project in &spec.projects {
            let project = server.store().get(&Key::new("project", project)).map_err(store_failed)?;
            expect.extend(project.map(|project| records::unchanged(&project).referring()));
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
) -> ApiResult {
    caller.trusted()?;
    if fingerprint.len() < PREFIX_MIN {
        let text = format!("{PREFIX_MIN} digits of a fingerprint are needed to name a certificate");
        return Err(ApiError::bad_request(text));
    }
    records::commit(&server, &caller.audit(), || {
        let object = found(&server, &fingerprint)?;
        records::not_protected(&object)?;
        Ok((vec![records::unchanged(&object)], vec![Change::Forget { key: object.key }]))
    })
    .await?;
    server.trust.refresh(&server.store());
    Answer::done()
}

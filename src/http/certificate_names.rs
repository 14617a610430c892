//! What trusted certificates are called: by whoever adds them, by the certificate itself, and later by whoever renames them.

use std::sync::Arc;

use axum::Extension;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, Method};
use serde_json::{Map, Value};

use super::answer::{Answer, Outcome, check_match, parse};
use super::caller::Caller;
use super::certificates::{found, shown};
use super::server::Server;
use super::write;
use crate::api::ApiError;
use crate::kinds::certificate::CertificateSpec;

/// The common name of the one that a certificate was made for; empty when it has none.
pub fn common_name(der: &[u8]) -> String {
    let Ok((_, certificate)) = x509_parser::parse_x509_certificate(der) else { return String::new() };
    let mut names = certificate.subject().iter_common_name();
    names.next().and_then(|name| name.as_str().ok()).unwrap_or_default().to_owned()
}

/// `PUT` and `PATCH /1.0/certificates/FINGERPRINT`: the name. What it opens cannot be changed.
pub async fn replace(
    State(server): State<Arc<Server>>,
    Extension(caller): Extension<Caller>,
    Path(fingerprint): Path<String>,
    method: Method,
    headers: HeaderMap,
    body: Bytes,
) -> Outcome {
    caller.trusted()?;
    write::commit(&server, &caller.audit(), || {
        let object = found(&server, &fingerprint)?;
        let now = shown(&object)?;
        check_match(&headers, &now)?;
        let fields: Map<String, Value> = parse(&body)?;
        let spec: CertificateSpec = write::typed(&object)?;
        let given = fields.get("name").and_then(Value::as_str);
        let name = given.unwrap_or(if method == Method::PATCH { &now.name } else { "" }).to_owned();
        let kind = fields.get("type").and_then(Value::as_str).filter(|kind| !kind.is_empty());
        if kind.is_some_and(|kind| kind != now.kind) {
            return Err(ApiError::new(403, "The certificate type cannot be changed"));
        }
        if fields.get("restricted").and_then(Value::as_bool).is_some_and(|restricted| restricted != spec.restricted) {
            let text = "certificates that are restricted to projects are not supported yet: nothing was changed";
            return Err(ApiError::new(501, text));
        }
        if spec.name == name {
            return Ok(write::Decision::default());
        }
        let spec = write::readmitted(&object, write::spec_of(&CertificateSpec { name, ..spec })?)?;
        Ok((vec![write::unchanged(&object)], vec![write::revised(&object, spec, Default::default())]))
    })
    .await?;
    Answer::done()
}

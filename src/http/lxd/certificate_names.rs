//! `PUT` and `PATCH /1.0/certificates/X`: a trusted certificate under another name.

use std::sync::Arc;

use axum::Extension;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, Method};
use serde_json::{Map, Value};

use crate::api::ApiError;
use crate::http::server::response::{Answer, ApiResult};
use crate::kinds::certificate::CertificateSpec;
use crate::service::access::caller::Caller;
use crate::service::access::certificates::{found, shown};
use crate::service::objects::records;
use crate::service::server::Server;
use crate::service::wire::{check_match, parse};

/// `PUT` and `PATCH /1.0/certificates/FINGERPRINT`: the name. What it opens cannot be changed.
pub async fn replace(
    State(server): State<Arc<Server>>,
    Extension(caller): Extension<Caller>,
    Path(fingerprint): Path<String>,
    method: Method,
    headers: HeaderMap,
    body: Bytes,
) -> ApiResult {
    caller.trusted()?;
    records::commit(&server, &caller.audit(), || {
        let object = found(&server, &fingerprint)?;
        let now = shown(&object)?;
        check_match(&headers, &now)?;
        let fields: Map<String, Value> = parse(&body)?;
        let spec: CertificateSpec = records::typed(&object)?;
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
            return Ok(records::Decision::default());
        }
        let spec = records::readmitted(&object, records::spec_of(&CertificateSpec { name, ..spec })?)?;
        Ok((vec![records::unchanged(&object)], vec![records::revised(&object, spec, Default::default())]))
    })
    .await?;
    Answer::done()
}

//! Middleware: access, decided before a byte of a body is read, in the one place that a new route cannot forget.
//!
//! Strangers reach what [`strangers`] names. While a join is under way this member is about to be replaced: what it was
//! told meanwhile would be lost. And after a join that was interrupted it does not know whether it stands alone.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::Method;
use axum::http::header::{HOST, ORIGIN, UPGRADE};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use hyper::body::Body as _;
use tokio::time::Instant;

use crate::api::{ApiError, paths};
use crate::service::access::bodies::BodyLimit;
use crate::service::access::caller::Caller;
use crate::service::access::strangers::{is_open, is_open_to_joiner};
use crate::service::cluster::join;
use crate::service::server::Server;

/// What members say to each other goes through, and so does the news of the join itself.
const OPEN: [&str; 3] = ["/internal/", paths::OPERATIONS, paths::EVENTS];
/// Where the file of a snapshot streams to the disk; it may be larger than the memory.
pub const SNAPSHOT: &str = "/internal/raft-snapshot";

/// A manifest of ten thousand objects is a few megabytes; nothing that is meant well is larger than this.
const BODY_BYTES_MAX: usize = 64 << 20;
/// A certificate with a password, or a token, is some kilobytes.
const STRANGER_BYTES_MAX: usize = 64 << 10;
const STRANGER_TIME_MAX: Duration = Duration::from_secs(10);
const JOINER_TIME_MAX: Duration = Duration::from_secs(60);
/// What is answered sooner was not waited for.
const AT_ONCE: Duration = Duration::from_millis(20);

/// Lets a request in, or says why not.
pub async fn keep(State(server): State<Arc<Server>>, request: Request, next: Next) -> Response {
    match admitted(&server, request, next).await {
        Ok(answer) => answer,
        Err(error) => error.into_response(),
    }
}

async fn admitted(server: &Server, request: Request, next: Next) -> Result<Response, ApiError> {
    let caller = request.extensions().get::<Caller>().cloned().unwrap_or(Caller::Stranger { certificate: None });
    let limit = limit(server, &caller, &request)?;
    refuse_foreign_page(&request)?;
    refuse_while_joining(server, &caller, &request)?;
    let only_reads = request.method() == Method::GET || request.uri().path() == paths::OBJECTS;
    if request.body().is_end_stream() || request.uri().path() == SNAPSHOT {
        return answered(server, &caller, only_reads, next.run(request)).await;
    }
    let (head, body) = request.into_parts();
    let arrived = server.bodies.read(body, limit).await?;
    let request = Request::from_parts(head, Body::from(arrived.bytes.clone()));
    let answer = answered(server, &caller, only_reads, next.run(request)).await;
    drop(arrived);
    answer
}

/// What the body may be; the refusal when the caller may not ask this at all.
fn limit(server: &Server, caller: &Caller, request: &Request) -> Result<BodyLimit, ApiError> {
    let (method, path) = (request.method(), request.uri().path());
    let large = BodyLimit { bytes_max: BODY_BYTES_MAX, time_max: None, is_budgeted: true };
    let join = BodyLimit { time_max: Some(JOINER_TIME_MAX), ..large };
    match caller {
        Caller::Local { .. } | Caller::Client { .. } | Caller::Forwarded { .. } => Ok(large),
        Caller::Member(_) => Ok(BodyLimit { is_budgeted: false, ..large }),
        Caller::Joining(_) if is_open_to_joiner(method, path) => Ok(join),
        // Another member has looked at it, and passes it on.
        Caller::Stranger { certificate: Some(it) } if it.via.is_some() && is_open_to_joiner(method, path) => Ok(join),
        Caller::Stranger { certificate } if is_open(method, path) => {
            server.strangers.count()?;
            // What somebody wants to join with has the size of a manifest.
            if path != join::OFFER {
                return Ok(BodyLimit {
                    bytes_max: STRANGER_BYTES_MAX,
                    time_max: Some(STRANGER_TIME_MAX),
                    is_budgeted: true,
                });
            }
            let is_proven = certificate.as_ref().is_some_and(|it| server.strangers.is_proven(&it.fingerprint));
            if is_proven { Ok(join) } else { Err(ApiError::forbidden()) }
        }
        Caller::Joining(_) | Caller::Stranger { .. } => Err(ApiError::forbidden()),
    }
}

/// A page of somebody else that a browser shows must not act with the certificate that the browser has.
fn refuse_foreign_page(request: &Request) -> Result<(), ApiError> {
    let headers = request.headers();
    let acts = !matches!(*request.method(), Method::GET | Method::HEAD) || headers.contains_key(UPGRADE);
    let Some(page) = headers.get(ORIGIN).filter(|_| acts) else { return Ok(()) };
    let own = headers.get(HOST).and_then(|host| host.to_str().ok()).map(|host| format!("https://{host}"));
    if own.is_some_and(|own| page.as_bytes().eq_ignore_ascii_case(own.as_bytes())) {
        return Ok(());
    }
    Err(ApiError::forbidden_because("the request comes from a page of another site"))
}

fn refuse_while_joining(server: &Server, caller: &Caller, request: &Request) -> Result<(), ApiError> {
    let path = request.uri().path();
    if OPEN.iter().any(|open| path.starts_with(open)) {
        return Ok(());
    }
    if let Some(text) = server.undecided.borrow().as_ref() {
        // The members' addresses are not for everybody.
        let text = if caller.is_trusted() { text } else { "this member is joining a cluster" };
        return Err(ApiError::unavailable(text));
    }
    let is_joining = server.joining.borrow().is_some();
    if is_joining && request.method() != Method::GET {
        return Err(ApiError::unavailable("this member is joining a cluster: try again when it has"));
    }
    Ok(())
}

/// The answer, unless the caller is trusted no more by then: what is waited for may come long after it was asked.
async fn answered(
    server: &Server,
    caller: &Caller,
    only_reads: bool,
    answer: impl Future<Output = Response>,
) -> Result<Response, ApiError> {
    let may_lose_trust = matches!(caller, Caller::Client { .. } | Caller::Forwarded { .. });
    if !may_lose_trust || !only_reads {
        return Ok(answer.await);
    }
    let begun = Instant::now();
    let answer = tokio::select! {
        answer = answer => answer,
        () = server.trust.ended(caller, server) => return Err(ApiError::forbidden()),
    };
    if begun.elapsed() > AT_ONCE && !server.trust.still(caller, server) {
        return Err(ApiError::forbidden());
    }
    Ok(answer)
}

//! Requests that change something are carried to their end, whether their caller waits for it or not: a client that hangs
//! up would otherwise leave a port moved and not stored, or a member half taken down.

use axum::extract::Request;
use axum::http::Method;
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

use crate::api::ApiError;
use crate::service::peers::request_origin;

/// Raft's calls are many, and each stands for itself.
const RAFT: &str = "/internal/raft";

/// Lets a request that changes something live longer than its connection.
pub async fn carry(request: Request, next: Next) -> Response {
    let reads = matches!(*request.method(), Method::GET | Method::HEAD);
    if reads || request.uri().path().starts_with(RAFT) {
        return next.run(request).await;
    }
    let origin = request_origin::now().unwrap_or_default();
    match tokio::spawn(request_origin::within(origin, next.run(request))).await {
        Ok(response) => response,
        Err(_) => ApiError::unavailable("the daemon is shutting down").into_response(),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use axum::Router;
    use axum::body::Body;
    use axum::middleware::from_fn;
    use axum::routing::get;
    use tokio::sync::mpsc;
    use tower::ServiceExt as _;

    use super::*;

    #[tokio::test]
    async fn a_change_is_made_although_its_caller_has_hung_up() {
        for (method, ends) in [(Method::POST, true), (Method::GET, false)] {
            let (sender, mut ended) = mpsc::unbounded_channel();
            let work = move || {
                let sender = sender.clone();
                async move {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    sender.send(()).expect("a receiver");
                }
            };
            let router = Router::new().route("/", get(work.clone()).post(work)).layer(from_fn(carry));
            let request = Request::builder().method(&method).uri("/").body(Body::empty()).expect("a request");
            let answer = tokio::time::timeout(Duration::from_millis(10), router.oneshot(request)).await;
            assert!(answer.is_err(), "{method}: too fast");
            assert_eq!(ended.recv().await.is_some(), ends, "{method}");
        }
    }
}

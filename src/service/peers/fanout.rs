//! The same question to every member at once.

use std::time::Duration;

use futures_util::future::join_all;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::connections::Channel;
use crate::api::ApiError;
use crate::model::MemberName;
use crate::service::server::Server;

/// What each member answers to `GET path`, in the order of their names: this member through `here`, the others over
/// their connections. Who is silent is not waited for; the text says why there is no answer.
pub async fn ask<T: DeserializeOwned>(
    server: &Server,
    path: &str,
    limit: Duration,
    here: impl Future<Output = Result<T, ApiError>>,
) -> Result<Vec<(MemberName, Result<T, String>)>, ApiError> {
    each(server, path, None, limit, here).await
}

/// The same for `POST path` with something to look at.
pub async fn tell<T: DeserializeOwned>(
    server: &Server,
    path: &str,
    body: Value,
    limit: Duration,
    here: impl Future<Output = Result<T, ApiError>>,
) -> Result<Vec<(MemberName, Result<T, String>)>, ApiError> {
    each(server, path, Some(body), limit, here).await
}

async fn each<T: DeserializeOwned>(
    server: &Server,
    path: &str,
    body: Option<Value>,
    limit: Duration,
    here: impl Future<Output = Result<T, ApiError>>,
) -> Result<Vec<(MemberName, Result<T, String>)>, ApiError> {
    let me = server.node().name.clone();
    let liveness = server.liveness();
    let others = server.members()?.into_iter().filter(|member| member.key.name != me.as_str());
    let body = body.as_ref();
    let asked = others.map(|member| {
        let (name, address) = (MemberName(member.key.name.clone()), member.spec.text("address").to_owned());
        let is_reachable = liveness.is_reachable(&name);
        async move {
            if !is_reachable {
                return (name, Err("it is offline".to_owned()));
            }
            let client = server.peers.client(&address, Channel::Calls).map(|client| client.with_timeout(limit));
            let answer = match (client, body) {
                (Ok(client), None) => client.get::<T>(path).await.map_err(|error| error.to_string()),
                (Ok(client), Some(body)) => client.post::<T>(path, body).await.map_err(|error| error.to_string()),
                (Err(error), _) => Err(error.message),
            };
            (name, answer)
        }
    });
    let (own, mut answers) = tokio::join!(here, join_all(asked));
    answers.push((me, own.map_err(|error| error.message)));
    answers.sort_by(|(one, _), (other, _)| one.cmp(other));
    Ok(answers)
}

//! The calls that commands make, each with its types.

use std::time::Duration;

use hyper::Method;
use serde::de::DeserializeOwned;

use super::{Client, ClientError};
use crate::api::paths;
use crate::api::{
    ApplyReply, ApplyRequest, Cluster, ClusterMember, InitReply, InitRequest, ObjectsReply, Operation, OperationStatus,
    PlanRequest, ServerInfo,
};
use crate::model::{Key, MemberName, Revision};

/// More keys than these do not fit into the line of a request.
const LINE_KEYS_MAX: usize = 40;

/// Whether a wait saw something new.
#[derive(Debug)]
pub enum Waited {
    /// The state is newer than asked for.
    Changed(ObjectsReply),
    /// The time was over first.
    Unchanged(ObjectsReply),
}

#[expect(clippy::missing_errors_doc, reason = "all calls fail as `ClientError` says")]
impl Client {
    /// The server, its configuration and its machine.
    pub async fn server(&self) -> Result<ServerInfo, ClientError> {
        self.get(paths::SERVER).await
    }

    /// Whether it is a member of a cluster, and under which name.
    pub async fn cluster(&self) -> Result<Cluster, ClientError> {
        self.get(paths::CLUSTER).await
    }

    /// All members with their states.
    pub async fn members(&self) -> Result<Vec<ClusterMember>, ClientError> {
        self.get(&format!("{}?recursion=1", paths::MEMBERS)).await
    }

    /// One member.
    pub async fn member(&self, name: &MemberName) -> Result<ClusterMember, ClientError> {
        self.get(&paths::member(name)).await
    }

    /// Everything that is stored; only these objects when `keys` is not empty.
    pub async fn objects(&self, keys: &[Key]) -> Result<ObjectsReply, ClientError> {
        self.some_objects(keys, Vec::new()).await
    }

    /// The same as soon as the state is newer than `after`, or when the time is over.
    pub async fn objects_after(&self, keys: &[Key], after: Revision, timeout: Duration) -> Result<Waited, ClientError> {
        let wait = format!("after={after}&timeout_ms={}", timeout.as_millis());
        let reply = self.some_objects(keys, vec![wait]).await?;
        Ok(if reply.revision > after { Waited::Changed(reply) } else { Waited::Unchanged(reply) })
    }

    async fn some_objects(&self, keys: &[Key], mut query: Vec<String>) -> Result<ObjectsReply, ClientError> {
        let path = |query: &[String]| match query {
            [] => paths::OBJECTS.to_owned(),
            parts => format!("{}?{}", paths::OBJECTS, parts.join("&")),
        };
        if keys.len() > LINE_KEYS_MAX {
            return self.post(&path(&query), &keys).await;
        }
        query.extend(keys.iter().map(|key| format!("key={}", paths::escape(&key.to_string()))));
        self.get(&path(&query)).await
    }

    /// What applying would do: the plan of `plan/`.
    pub async fn plan<P: DeserializeOwned>(&self, request: &PlanRequest) -> Result<P, ClientError> {
        self.post(paths::PLAN, request).await
    }

    /// Commits a manifest as one entry. With `expect`, only if the plan is still the one with this digest.
    pub async fn apply(&self, request: &ApplyRequest) -> Result<ApplyReply, ClientError> {
        self.post(paths::APPLY, request).await
    }

    /// Bootstraps, joins or applies, as the request says. Answers when all of it is done.
    pub async fn init(&self, request: &InitRequest) -> Result<InitReply, ClientError> {
        self.post(paths::INIT, request).await
    }

    /// Removes a member from the cluster. With `force`, without asking it.
    pub async fn remove_member(&self, name: &MemberName, force: Force) -> Result<(), ClientError> {
        let query = match force {
            Force::No => "",
            Force::Yes => "?force=1",
        };
        self.send(Method::DELETE, &format!("{}{query}", paths::member(name)), bytes::Bytes::new()).await.map(|_| ())
    }

    /// Waits until an operation (`/1.0/operations/ID`) has ended.
    pub async fn wait(&self, operation: &str) -> Result<Operation, ClientError> {
        let operation: Operation = self.get(&format!("{operation}/wait")).await?;
        match operation.status_code {
            OperationStatus::Failure | OperationStatus::Cancelled => {
                Err(ClientError::Api { status: 400, message: operation.err, findings: Vec::new() })
            }
            OperationStatus::Success | OperationStatus::Running | OperationStatus::Cancelling => Ok(operation),
        }
    }
}

/// Whether a member is removed without asking it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Force {
    /// It must agree and clean up.
    No,
    /// It is gone for good.
    Yes,
}

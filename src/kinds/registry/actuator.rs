//! The half of a kind that runs on each member: observe, decide, act. Only `steps` decides, and it is pure.

use std::fmt;
use std::future::Future;
use std::pin::Pin;

use serde::de::DeserializeOwned;

use crate::host::{Host, HostError, Lasting, Unfit};
use crate::model::{Config, Generation, Key, MemberName, Object, Revision, Spec};

/// The per-member half of a kind with its spec as a type.
pub trait Actuator: Send + Sync + 'static {
    /// The kind's spec.
    type Spec: DeserializeOwned + Send + Sync;
    /// What stands on the host.
    type Observed: Send + Sync;
    /// One thing to do. Its `Display` is the log line and the golden text.
    type Step: fmt::Display + Send + Sync;

    /// What stands on the host under the object's deterministic names; `None` when there is nothing.
    fn observe(
        &self,
        host: &Host,
        local: &Local<Self::Spec>,
    ) -> impl Future<Output = Result<Option<Self::Observed>, HostError>> + Send;

    /// What is to be done. Pure; empty when the host is as it should be.
    ///
    /// # Errors
    /// Why it must not be done: somebody else's data stands in the way.
    fn steps(
        &self,
        local: &Local<Self::Spec>,
        intent: Intent,
        have: Option<&Self::Observed>,
    ) -> Result<Vec<Self::Step>, HostError>;

    /// A setting that the host would not take for these steps, asked without changing anything.
    fn unfit(
        &self,
        host: &Host,
        local: &Local<Self::Spec>,
        steps: &[Self::Step],
    ) -> impl Future<Output = Result<Option<Unfit>, HostError>> + Send {
        let _ = (host, local, steps);
        std::future::ready(Ok(None))
    }

    /// What of the machine stands in the way of something that was not asked for before: it is told before it is
    /// stored. `before` is what was. Nothing is changed.
    fn in_the_way(
        &self,
        host: &Host,
        local: &Local<Self::Spec>,
        before: Option<&Local<Self::Spec>>,
    ) -> impl Future<Output = Result<Option<Unfit>, HostError>> + Send {
        let _ = (host, local, before);
        std::future::ready(Ok(None))
    }

    /// Does one step.
    fn act(
        &self,
        host: &Host,
        local: &Local<Self::Spec>,
        step: &Self::Step,
    ) -> impl Future<Output = Result<(), HostError>> + Send;

    /// Member-specific keys that the member has worked out itself, such as the source of a pool.
    fn learned(&self, local: &Local<Self::Spec>, have: &Self::Observed) -> Config {
        let _ = (local, have);
        Config::default()
    }
}

/// Whether an object is to stand on the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Intent {
    /// It is to be there.
    Present,
    /// It is to be gone.
    Absent,
}

/// One object as one member is to realise it.
#[derive(Clone, Debug)]
pub struct Local<S> {
    /// The object.
    pub key: Key,
    /// Tells it from an earlier object of the same name.
    pub uid: Revision,
    /// The member.
    pub member: MemberName,
    /// What all members share.
    pub spec: S,
    /// The member-specific keys.
    pub config: Config,
    /// Whether this member has reported it as Created before, whatever it reported since.
    pub known: bool,
}

impl Local<Spec> {
    /// What `member` holds of a stored object; `None` where it has no placement.
    pub fn of(object: &Object, member: &MemberName) -> Option<Self> {
        let placement = object.placements.get(member)?;
        Some(Self {
            key: object.key.clone(),
            uid: object.uid,
            member: member.clone(),
            spec: object.spec.clone(),
            config: placement.config.clone(),
            known: placement.realised > Generation(0),
        })
    }
}

/// One placement to bring about.
#[derive(Clone, Debug)]
pub struct Work {
    /// The object as this member is to realise it.
    pub local: Local<Spec>,
    /// Whether it is to stand or to go.
    pub intent: Intent,
}

/// How an attempt ended.
#[derive(Debug)]
pub enum ActOutcome {
    /// The host is as it should be.
    Converged {
        /// Member-specific keys that the member has worked out itself.
        learned: Config,
        /// What was done, in words; empty when nothing was to do.
        steps: Vec<String>,
    },
    /// The host differs from what was made, and nobody wants it to be put right.
    Drifted {
        /// What would be done, in words.
        steps: Vec<String>,
    },
    /// The object is gone from the host.
    Gone,
    /// It could not be done.
    Failed(HostError),
}

/// What [`AnyActuator::converge`] returns.
pub type OutcomeFuture<'a> = Pin<Box<dyn Future<Output = ActOutcome> + Send + 'a>>;

/// What [`AnyActuator::judge`] returns.
pub type JudgeFuture<'a> = Pin<Box<dyn Future<Output = Result<Option<Unfit>, HostError>> + Send + 'a>>;

/// What [`AnyActuator::survey`] returns.
pub type SurveyFuture<'a> = Pin<Box<dyn Future<Output = Result<Vec<String>, HostError>> + Send + 'a>>;

/// The per-member half of a kind with its types erased.
pub trait AnyActuator: Send + Sync {
    /// Observes and decides, and does nothing: what would be done, in words. Empty when the host is as it should be.
    fn survey<'a>(&'a self, host: &'a Host, work: &'a Work) -> SurveyFuture<'a>;

    /// Observes and decides, and asks the host whether it would take that in the place of what was asked for `before`.
    /// Nothing is changed.
    fn judge<'a>(&'a self, host: &'a Host, wanted: &'a Local<Spec>, before: Option<&'a Local<Spec>>)
    -> JudgeFuture<'a>;

    /// Observes, decides and acts once, and looks again.
    fn converge<'a>(&'a self, host: &'a Host, work: &'a Work) -> OutcomeFuture<'a>;
}

impl<N: Actuator> AnyActuator for N {
    fn survey<'a>(&'a self, host: &'a Host, work: &'a Work) -> SurveyFuture<'a> {
        Box::pin(async move {
            let local = typed::<N>(&work.local)?;
            let have = self.observe(host, &local).await?;
            let steps = self.steps(&local, work.intent, have.as_ref())?;
            Ok(steps.iter().map(ToString::to_string).collect())
        })
    }

    fn judge<'a>(
        &'a self,
        host: &'a Host,
        wanted: &'a Local<Spec>,
        before: Option<&'a Local<Spec>>,
    ) -> JudgeFuture<'a> {
        Box::pin(async move {
            let (local, before) = (typed::<N>(wanted)?, before.map(typed::<N>).transpose()?);
            let have = self.observe(host, &local).await?;
            let steps = match self.steps(&local, Intent::Present, have.as_ref()) {
                Ok(steps) => steps,
                // Where it stands already, its member says so when it looks.
                Err(error)
                    if error.lasting == Lasting::UntilMended && before.as_ref().is_none_or(|before| !before.known) =>
                {
                    return Ok(Some(Unfit::in_the_way("its name or source", error)));
                }
                Err(error) => return Err(error),
            };
            match self.unfit(host, &local, &steps).await? {
                Some(unfit) => Ok(Some(unfit)),
                None => self.in_the_way(host, &local, before.as_ref()).await,
            }
        })
    }

    fn converge<'a>(&'a self, host: &'a Host, work: &'a Work) -> OutcomeFuture<'a> {
        Box::pin(async move {
            match drive(self, host, work).await {
                Ok(outcome) => outcome,
                Err(error) => ActOutcome::Failed(error),
            }
        })
    }
}

async fn drive<N: Actuator>(node: &N, host: &Host, work: &Work) -> Result<ActOutcome, HostError> {
    let local = typed::<N>(&work.local)?;
    let mut have = node.observe(host, &local).await?;
    let steps = node.steps(&local, work.intent, have.as_ref())?;
    // What stands goes on standing while what is asked for cannot be.
    if let Some(unfit) = node.unfit(host, &local, &steps).await? {
        return Err(unfit.into());
    }
    for step in &steps {
        tracing::info!(object = %local.key, member = %local.member, %step, "acting");
        node.act(host, &local, step).await?;
    }
    if !steps.is_empty() {
        have = node.observe(host, &local).await?;
        must_be_done(node, &local, work.intent, have.as_ref())?;
    }
    let steps = steps.iter().map(ToString::to_string).collect();
    Ok(match (work.intent, &have) {
        (Intent::Present, Some(have)) => ActOutcome::Converged { learned: node.learned(&local, have), steps },
        (Intent::Present, None) => ActOutcome::Converged { learned: Config::default(), steps },
        (Intent::Absent, _) => ActOutcome::Gone,
    })
}

// A step that leaves something to do would make the loop act for ever.
fn must_be_done<N: Actuator>(
    node: &N,
    local: &Local<N::Spec>,
    intent: Intent,
    have: Option<&N::Observed>,
) -> Result<(), HostError> {
    match node.steps(local, intent, have)?.first() {
        None => Ok(()),
        Some(step) => Err(HostError::passing(
            format!("bring about {}", local.key),
            "NotConverged",
            format!("after all steps there is still to do: {step}"),
        )),
    }
}

fn typed<N: Actuator>(local: &Local<Spec>) -> Result<Local<N::Spec>, HostError> {
    let spec = local.spec.read().map_err(|cause| {
        HostError::lasting(format!("read the spec of {}", local.key), "UnreadableSpec", cause)
            .hinting("a newer version may have written it: upgrade this member")
    })?;
    Ok(Local {
        key: local.key.clone(),
        uid: local.uid,
        member: local.member.clone(),
        spec,
        config: local.config.clone(),
        known: local.known,
    })
}

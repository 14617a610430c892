//! The half of a network that runs on each member.

use super::ask::{ask, bare};
use super::steps::steps;
use super::{NetworkSpec, NetworkType};
use crate::host::{BridgeAsk, BridgeSeen, BridgeStep, Host, HostError, Lasting, Unfit};
use crate::kinds::registry::actuator::{Actuator, Intent, Local};

/// Makes and removes networks on one member.
pub struct NetworkNode;

/// What stands on a member.
pub enum Observed {
    /// A bridge, or parts of one.
    Bridge(BridgeSeen),
    /// The interface that a network of another type uses.
    Parent,
}

impl Actuator for NetworkNode {
    type Spec = NetworkSpec;
    type Observed = Observed;
    type Step = BridgeStep;

    async fn observe(&self, host: &Host, local: &Local<NetworkSpec>) -> Result<Option<Observed>, HostError> {
        if local.spec.kind == NetworkType::Bridge {
            return Ok(host.network.look(&findable(local)).await?.map(Observed::Bridge));
        }
        match parent(local) {
            Some(name) => Ok(host.network.link(&name).await?.map(|_| Observed::Parent)),
            None => Ok(None),
        }
    }

    fn steps(
        &self,
        local: &Local<NetworkSpec>,
        intent: Intent,
        have: Option<&Observed>,
    ) -> Result<Vec<BridgeStep>, HostError> {
        match (local.spec.kind, intent, have) {
            (NetworkType::Bridge, _, Some(Observed::Bridge(seen))) => {
                steps(&wanted(local, intent)?, intent, Some(seen))
            }
            (NetworkType::Bridge, _, _) => steps(&wanted(local, intent)?, intent, None),
            (NetworkType::Ovn, Intent::Present, _) => Err(HostError::lasting(
                format!("make the network `{}`", local.key.name),
                "Unsupported",
                "networks of type ovn are not supported",
            )),
            (_, Intent::Present, None) => Err(without_parent(local)),
            (_, Intent::Present, Some(_)) | (_, Intent::Absent, _) => Ok(Vec::new()),
        }
    }

    async fn unfit(
        &self,
        host: &Host,
        local: &Local<NetworkSpec>,
        steps: &[BridgeStep],
    ) -> Result<Option<Unfit>, HostError> {
        match steps.contains(&BridgeStep::StartService) {
            true => host.network.judge(&findable(local)).await,
            false => Ok(None),
        }
    }

    async fn in_the_way(
        &self,
        host: &Host,
        local: &Local<NetworkSpec>,
        before: Option<&Local<NetworkSpec>>,
    ) -> Result<Option<Unfit>, HostError> {
        let had = before.map(|before| findable(before).ports).unwrap_or_default();
        let bridge = findable(local);
        for port in bridge.ports.iter().filter(|port| !had.contains(port)) {
            if let Err(error) = host.network.attachable(&bridge, port).await {
                return match error.lasting {
                    Lasting::UntilMended => Ok(Some(Unfit::in_the_way("bridge.external_interfaces", error))),
                    Lasting::Passing => Err(error),
                };
            }
        }
        Ok(None)
    }

    async fn act(&self, host: &Host, local: &Local<NetworkSpec>, step: &BridgeStep) -> Result<(), HostError> {
        host.network.act(&findable(local), step).await
    }
}

fn wanted(local: &Local<NetworkSpec>, intent: Intent) -> Result<BridgeAsk, HostError> {
    match intent {
        Intent::Present => ask(local),
        Intent::Absent => Ok(findable(local)),
    }
}

// A bridge whose settings cannot be read any more can still be looked at and removed.
fn findable(local: &Local<NetworkSpec>) -> BridgeAsk {
    ask(local).unwrap_or_else(|_| bare(&local.key.name, local.uid))
}

fn parent(local: &Local<NetworkSpec>) -> Option<String> {
    local.spec.config.overlaid(&local.config).value("parent").map(str::to_owned)
}

fn without_parent(local: &Local<NetworkSpec>) -> HostError {
    let doing = format!("use the network `{}`", local.key.name);
    match parent(local) {
        None => HostError::lasting(doing, "ParentMissing", "the member has no `parent` for it").hinting(format!(
            "name the member's interface: seedbed network set {} parent=… --target {}",
            local.key.name, local.member
        )),
        Some(name) => HostError::lasting(doing, "ParentMissing", format!("there is no interface `{name}`"))
            .hinting("plug it in, or change `parent` of this member"),
    }
}

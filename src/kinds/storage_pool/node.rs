//! What a member does about a storage pool. `plan` decides and is pure; the host's driver looks and acts.

use super::StoragePoolSpec;
use crate::host::{BTRFS_MOUNT_OPTIONS, Host, HostError, PoolAsk, PoolMedium, PoolSeen, PoolStep, Unfit};
use crate::kinds::registry::actuator::{Actuator, Intent, Local};
use crate::model::{ByteSize, Config};

/// The reasons of a source that somebody else uses.
const OCCUPIED: [&str; 2] = ["SourceInUse", "SourceNotEmpty"];

/// The per-member half.
pub struct PoolNode;

impl Actuator for PoolNode {
    type Spec = StoragePoolSpec;
    type Observed = PoolSeen;
    type Step = PoolStep;

    async fn observe(&self, host: &Host, local: &Local<StoragePoolSpec>) -> Result<Option<PoolSeen>, HostError> {
        host.storage.look(&ask(local)).await
    }

    fn steps(
        &self,
        local: &Local<StoragePoolSpec>,
        intent: Intent,
        have: Option<&PoolSeen>,
    ) -> Result<Vec<PoolStep>, HostError> {
        let ask = ask(local);
        match intent {
            Intent::Present => present(&ask, have),
            Intent::Absent => absent(&ask, have),
        }
    }

    async fn in_the_way(
        &self,
        host: &Host,
        local: &Local<StoragePoolSpec>,
        before: Option<&Local<StoragePoolSpec>>,
    ) -> Result<Option<Unfit>, HostError> {
        if before.is_some_and(|before| before.known) {
            return Ok(None);
        }
        match host.storage.judge(&ask(local)).await {
            Ok(()) => Ok(None),
            Err(error) if OCCUPIED.contains(&error.reason) => Ok(Some(Unfit::in_the_way("source", error))),
            Err(error) => Err(error),
        }
    }

    async fn act(&self, host: &Host, local: &Local<StoragePoolSpec>, step: &PoolStep) -> Result<(), HostError> {
        host.storage.act(&ask(local), step).await
    }

    fn learned(&self, local: &Local<StoragePoolSpec>, have: &PoolSeen) -> Config {
        let mut learned = have.keys.clone();
        if let Some(size) = have.size {
            learned.insert("size".to_owned(), ByteSize(size).to_string());
        }
        // What a user wrote stays as it was written: a manifest that says so must not differ.
        learned.retain(|key, _| local.config.value(key).is_none());
        learned
    }
}

fn ask(local: &Local<StoragePoolSpec>) -> PoolAsk {
    PoolAsk {
        name: local.key.name.clone(),
        uid: local.uid,
        driver: local.spec.driver.clone(),
        config: local.spec.config.overlaid(&local.config),
    }
}

fn present(ask: &PoolAsk, have: Option<&PoolSeen>) -> Result<Vec<PoolStep>, HostError> {
    let Some(have) = have else { return Ok(vec![PoolStep::Make, PoolStep::Furnish]) };
    have.medium.refuse(format!("make storage pool `{}`", ask.name))?;
    match have.medium {
        PoolMedium::Unmade => Ok(vec![PoolStep::Make, PoolStep::Furnish]),
        PoolMedium::Leftover => {
            if let Some(volume) = have.volumes.first() {
                return Err(earlier(ask, volume));
            }
            kept(ask, have, Some(PoolStep::Adopt))
        }
        PoolMedium::Ours | PoolMedium::Foreign { .. } | PoolMedium::Lost { .. } => kept(ask, have, None),
    }
}

/// What is to be done to a pool that stands.
fn kept(ask: &PoolAsk, have: &PoolSeen, adopt: Option<PoolStep>) -> Result<Vec<PoolStep>, HostError> {
    must_be_unchanged(ask, have)?;
    let mut steps = Vec::new();
    if !have.mounted {
        steps.push(PoolStep::Mount);
    }
    steps.extend(adopt);
    steps.extend(remount(ask, have));
    steps.extend(grow(ask, have)?);
    if have.mounted && !have.missing.is_empty() {
        steps.push(PoolStep::Furnish);
    }
    Ok(steps)
}

fn absent(ask: &PoolAsk, have: Option<&PoolSeen>) -> Result<Vec<PoolStep>, HostError> {
    // What an earlier object left is not this one's to remove.
    let is_ours = |have: &&PoolSeen| have.recorded && have.medium != PoolMedium::Leftover;
    let Some(have) = have.filter(is_ours) else { return Ok(Vec::new()) };
    if let Some(volume) = have.volumes.first() {
        let cause = format!("it still holds `{volume}`");
        return Err(HostError::lasting(format!("remove storage pool `{}`", ask.name), "PoolInUse", cause)
            .hinting("remove or move what is in it first"));
    }
    let mount = (have.medium == PoolMedium::Ours && !have.mounted).then_some(PoolStep::Mount);
    Ok(mount.into_iter().chain([PoolStep::Remove]).collect())
}

fn earlier(ask: &PoolAsk, volume: &str) -> HostError {
    let cause = format!("an earlier storage pool of this name is still there and holds `{volume}`");
    HostError::lasting(format!("make storage pool `{}`", ask.name), "SourceNotEmpty", cause)
        .hinting("choose another name; or remove or move what is in it")
}

fn must_be_unchanged(ask: &PoolAsk, have: &PoolSeen) -> Result<(), HostError> {
    for (key, stands) in have.keys.iter().filter(|(key, _)| *key != "volatile.initial_source") {
        let Some(wanted) = ask.config.value(key).filter(|wanted| wanted != stands) else { continue };
        let cause = format!("`{key}` cannot be changed from `{stands}` to `{wanted}` once the pool is made");
        return Err(HostError::lasting(format!("change storage pool `{}`", ask.name), "CannotChange", cause)
            .hinting(format!("set {key} back to `{stands}`, or make another pool")));
    }
    Ok(())
}

fn remount(ask: &PoolAsk, have: &PoolSeen) -> Option<PoolStep> {
    let now = have.mount_options.as_deref().filter(|_| have.mounted)?;
    let wanted = ask.config.value("btrfs.mount_options").unwrap_or(BTRFS_MOUNT_OPTIONS);
    (now != wanted).then(|| PoolStep::Remount { options: wanted.to_owned() })
}

fn grow(ask: &PoolAsk, have: &PoolSeen) -> Result<Option<PoolStep>, HostError> {
    let (Some(from), Some(text)) = (have.size, ask.config.value("size")) else { return Ok(None) };
    let failed =
        |reason, cause: String| HostError::lasting(format!("resize storage pool `{}`", ask.name), reason, cause);
    let to: ByteSize = text.parse().map_err(|cause| failed("InvalidSize", format!("{cause}")))?;
    if to.0 < from {
        let cause = format!("a storage pool can only grow: it has {} and {to} is asked for", ByteSize(from));
        return Err(failed("CannotShrink", cause).hinting("set size back, or make another pool"));
    }
    Ok((to.0 > from).then_some(PoolStep::Grow { from, to: to.0 }))
}

#[cfg(all(test, target_os = "linux"))]
mod real;
#[cfg(test)]
mod tests;

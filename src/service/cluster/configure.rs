//! Changes of the server configuration: shared keys for all members, own keys for one.

use std::sync::Arc;

use crate::api::{ApiError, Secret};
use crate::kinds;
use crate::manifest::SecretReference;
use crate::model::{Config, Finding, Key, MemberName, Object};
use crate::service::access::caller::Caller;
use crate::service::access::key_derivation::Asker;
use crate::service::objects::commit::{self, Attempt, Attempts};
use crate::service::objects::records;
use crate::service::server::{Server, store_failed};

/// The key that says where a member listens.
pub const HTTPS_ADDRESS: &str = "core.https_address";
/// The key that says where a member listens for who collects metrics.
pub const METRICS_ADDRESS: &str = "core.metrics_address";
/// The key that says under which address a member is known in its cluster.
pub const CLUSTER_ADDRESS: &str = "cluster.https_address";

/// The keys of `own` that say where a member listens, where they say something.
pub fn listen_keys(own: &Config) -> Config {
    let said = |key| own.value(key).map(|value| (key, value));
    [HTTPS_ADDRESS, CLUSTER_ADDRESS, METRICS_ADDRESS].into_iter().filter_map(said).collect()
}

/// Makes what `edit` gives of the present configuration the whole of it, as `member` sees it. `edit` is asked again when
/// somebody else was faster.
///
/// # Errors
/// What is wrong with the new one, in LXD's words; 404 for a member that there is not.
pub async fn set(
    server: &Arc<Server>,
    caller: &Caller,
    member: &MemberName,
    edit: &(dyn Fn(&Config) -> Result<Config, ApiError> + Send + Sync),
) -> Result<(), ApiError> {
    let (mut attempts, mut moved) = (Attempts::default(), None);
    let outcome = loop {
        let judged = match attempt(server, caller, member, edit, &mut moved).await {
            Ok(attempt) => attempts.judge(server, attempt).await,
            Err(error) => Err(error),
        };
        match judged {
            Ok(None) => {}
            Ok(Some(())) => break Ok(()),
            Err(error) => break Err(error),
        }
    };
    if let (Err(_), Some(before)) = (&outcome, moved) {
        let _turn = server.ports.lock().await;
        server.lifecycle.listen(server, &before).await?;
    }
    outcome
}

/// One attempt. `moved` takes the keys that this member had before its port was moved.
async fn attempt(
    server: &Arc<Server>,
    caller: &Caller,
    member: &MemberName,
    edit: &(dyn Fn(&Config) -> Result<Config, ApiError> + Send + Sync),
    moved: &mut Option<Config>,
) -> Result<Attempt<()>, ApiError> {
    let found = server.store().get(&Key::server()).map_err(store_failed)?;
    let object = found.ok_or_else(|| ApiError::unavailable("this member is still starting"))?;
    let own = object.placements.get(member).map(|placement| placement.config.clone()).unwrap_or_default();
    let new = match revised(server, member, &object, edit).await {
        Ok(new) => new,
        Err(refusal) => return Ok(Attempt::Decided(Err(refusal))),
    };
    let Some((shared, new_own)) = new else { return Ok(Attempt::Decided(Ok(()))) };
    let mut _turn = None;
    if listen_keys(&new_own) != listen_keys(&own) && *member == server.node().name {
        _turn = Some(server.ports.lock().await);
        // First the ports, then the record: an occupied one leaves everything as it was.
        server.lifecycle.listen(server, &new_own).await?;
        moved.get_or_insert(own);
    }
    let mut spec = object.spec.clone();
    spec.set_config(&shared);
    let mut placements = records::placements(&object);
    placements.insert(member.clone(), new_own);
    let change = records::revised(&object, spec, placements);
    let entry = records::entry(server, caller.audit(), vec![records::unchanged(&object)], vec![change]);
    Ok(match commit::submit(server, entry).await? {
        Some(_) => Attempt::Committed(()),
        None => Attempt::Overtaken,
    })
}

/// The shared keys and the member's own as they are to be; `None` when they are that already.
async fn revised(
    server: &Server,
    member: &MemberName,
    object: &Object,
    edit: &(dyn Fn(&Config) -> Result<Config, ApiError> + Send + Sync),
) -> Result<Option<(Config, Config)>, ApiError> {
    server.member(member)?;
    let own = object.placements.get(member).map(|placement| placement.config.clone()).unwrap_or_default();
    let new = edit(&object.spec.config().overlaid(&own))?;
    let (new_own, shared): (Vec<_>, Vec<_>) = new.0.into_iter().partition(|(key, _)| kinds::server::is_local(key));
    let (new_own, mut shared): (Config, Config) = (new_own.into_iter().collect(), shared.into_iter().collect());
    hide_password(server, &mut shared, object).await?;
    check(object, member, &shared, &new_own)?;
    if shared == object.spec.config() && new_own == own {
        return Ok(None);
    }
    check_cluster_address(server, &own, &new_own)?;
    if listen_keys(&new_own) != listen_keys(&own) {
        check_listen_address(server, member, new_own.value(HTTPS_ADDRESS))?;
        if *member != server.node().name {
            // Requests that move a port are passed on to its member; this one was not, because nobody answers there.
            let text = format!("member {member} is offline: where it listens cannot be changed until it is back");
            return Err(ApiError::unavailable(text));
        }
    }
    Ok(Some((shared, new_own)))
}

/// Replaces a password by its hash; the same password keeps the hash that is stored.
pub async fn hide_password(server: &Server, shared: &mut Config, stored: &Object) -> Result<(), ApiError> {
    let key = kinds::server::TRUST_PASSWORD;
    let Some(given) = shared.value(key).map(Secret::new) else { return Ok(()) };
    if SecretReference::parse(given.reveal()).is_some() {
        let text = "is a reference, and was not resolved: whoever sends it puts the secret in its place";
        return Err(ApiError::bad_request(format!("{key} {text}")));
    }
    let kept = stored.spec.config().value(key).map(str::to_owned);
    if kept.as_deref() == Some(given.reveal()) {
        return Ok(());
    }
    let same = match &kept {
        Some(kept) => server.passwords.fits(&given, kept, Asker::Trusted).await?,
        None => false,
    };
    let text = match kept {
        Some(kept) if same => kept,
        Some(_) | None => server.passwords.hash(&given).await?,
    };
    shared.insert(key.to_owned(), text);
    Ok(())
}

fn check(object: &Object, member: &MemberName, shared: &Config, own: &Config) -> Result<(), ApiError> {
    let kind = kinds::find(object.key.kind.as_str()).ok_or_else(|| ApiError::failed("no configuration kind"))?;
    let mut spec = object.spec.clone();
    spec.set_config(shared);
    let members = [(member.clone(), own.clone())].into_iter().collect();
    let problems = kinds::check(kind, &object.key, &spec, &members, &Config::default());
    let problems = kinds::unless_held(problems, &spec, Some(&object.spec));
    let wrong: Vec<Finding> = problems
        .into_iter()
        .filter(|problem| problem.severity == crate::model::Severity::Error)
        .map(|problem| Finding::error(problem.code, problem.message))
        .collect();
    if wrong.is_empty() {
        return Ok(());
    }
    let text: Vec<&str> = wrong.iter().map(|finding| finding.message.as_str()).collect();
    Err(ApiError::bad_request(text.join("; ")).with_findings(wrong))
}

fn check_cluster_address(server: &Server, own: &Config, new: &Config) -> Result<(), ApiError> {
    if server.is_clustered()? && own.value(CLUSTER_ADDRESS) != new.value(CLUSTER_ADDRESS) {
        return Err(ApiError::bad_request("Changing cluster.https_address is currently not supported"));
    }
    Ok(())
}

/// Refuses an address under which the other members would not find this one any more, unless it listens for them on
/// `cluster.https_address` itself.
pub fn check_listen_address(server: &Server, member: &MemberName, new: Option<&str>) -> Result<(), ApiError> {
    if !server.is_clustered()? {
        return Ok(());
    }
    let known = server.member(member)?.spec.text("address").to_owned();
    if super::configuration::configuration(server, member)?.value(CLUSTER_ADDRESS).is_some() {
        return Ok(());
    }
    if new.is_some_and(|new| covers(new, &known)) {
        return Ok(());
    }
    Err(ApiError::bad_request(format!(
        "core.https_address of {member} must keep {known} reachable, because the other members know it there: use that \
         address, or all addresses with the same port"
    )))
}

/// Whether listening on `listen` answers at `address`.
pub fn covers(listen: &str, address: &str) -> bool {
    let (Some((host, port)), Some((_, wanted))) = (listen.rsplit_once(':'), address.rsplit_once(':')) else {
        return listen == address;
    };
    listen == address || (port == wanted && matches!(host, "" | "0.0.0.0" | "[::]" | "*"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_address_or_all_with_its_port_keep_a_member_reachable() {
        for (listen, expected) in
            [("10.0.0.1:8443", true), (":8443", true), ("[::]:8443", true), ("10.0.0.2:8443", false), (":9000", false)]
        {
            assert_eq!(covers(listen, "10.0.0.1:8443"), expected, "{listen}");
        }
    }
}

//! A member's record says which version it runs: after an upgrade it is written anew.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::sleep;

use crate::model::{Key, Object, Phase, Spec};
use crate::service::objects::records;
use crate::service::{EXTENSIONS, LocalMember, Server, id_of};

/// A cluster without a leader takes no write: there is no hurry.
const AGAIN: Duration = Duration::from_secs(5);

/// Runs until the record is as this program would write it.
pub async fn run(server: Arc<Server>, node: Arc<LocalMember>, mut stop: watch::Receiver<bool>) {
    let mut applied = node.store.applied();
    loop {
        applied.borrow_and_update();
        match own(&node) {
            Some(record) if is_current(&record.spec) => return,
            Some(record) if renewed(&server, &record).await => return,
            Some(_) | None => {}
        }
        tokio::select! {
            // The record may not be there yet, or may have moved while it was written.
            changed = applied.changed() => if changed.is_err() { return },
            () = sleep(AGAIN) => {}
            _ = stop.changed() => return,
        }
    }
}

fn own(node: &LocalMember) -> Option<Object> {
    let members = node.store.list(Key::MEMBER).ok()?;
    members.into_iter().find(|member| id_of(member) == node.id && member.phase == Phase::Created)
}

fn is_current(spec: &Spec) -> bool {
    spec.text("version") == env!("CARGO_PKG_VERSION") && spec.text("extensions_digest") == EXTENSIONS.digest
}

async fn renewed(server: &Server, record: &Object) -> bool {
    let mut spec = record.spec.clone();
    spec.0.insert("version".to_owned(), env!("CARGO_PKG_VERSION").into());
    spec.0.insert("api_extensions".to_owned(), EXTENSIONS.names.len().into());
    spec.0.insert("extensions_digest".to_owned(), EXTENSIONS.digest.clone().into());
    let change = records::revised(record, spec, Default::default());
    match records::submit_as(server, "daemon".to_owned(), vec![records::unchanged(record)], vec![change]).await {
        Ok(_) => true,
        Err(error) => {
            tracing::debug!(error = %error.message, "the record of this member is not renewed yet");
            false
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Spec;

    #[test]
    fn a_record_of_another_version_or_without_its_extensions_is_not_current() {
        let spec = |version: &str, digest: &str| {
            let fields = [("version", version), ("extensions_digest", digest)];
            Spec(fields.into_iter().map(|(field, text)| (field.to_owned(), text.into())).collect())
        };
        let ours = env!("CARGO_PKG_VERSION");
        assert!(is_current(&spec(ours, &EXTENSIONS.digest)));
        assert!(!is_current(&spec("0.0.1", &EXTENSIONS.digest)));
        assert!(!is_current(&spec(ours, "")));
    }
}

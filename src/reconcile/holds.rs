//! Holds that ended long ago: the leader drops their records, or the list would grow without end.

use crate::kinds::hold::outdated;
use crate::model::{Change, Command, Expect, Timestamp, Write};
use crate::store::{Store, StoreError};

/// Drops them, all in one entry. One that was set anew meanwhile stays: then all of them wait for the next look.
pub(super) async fn sweep(store: &Store, at: Timestamp) -> Result<(), StoreError> {
    let holds = store.list("hold")?;
    let old = outdated(&holds, at);
    if old.is_empty() {
        return Ok(());
    }
    // The same holds give the same request, so that a retry after a lost answer does it once; other holds give another.
    let which: Vec<String> = old.iter().map(|hold| format!("{}.{}", hold.uid, hold.generation)).collect();
    let write = Write {
        request: format!("sweep-holds-{}", which.join(",")),
        at,
        by: "reconciler".to_owned(),
        origin: None,
        expect: old.iter().map(|hold| Expect::unchanged(hold)).collect(),
        changes: old.iter().map(|hold| Change::Forget { key: hold.key.clone() }).collect(),
    };
    store.submit(Command::Write(write)).await.map(drop)
}

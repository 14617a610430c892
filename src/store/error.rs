//! What can go wrong in the store, in words for the operator.

use std::io;
use std::path::PathBuf;

use crate::model::MemberId;

/// A failure of the store.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The directory or a file in it cannot be used.
    #[error("cannot {doing} `{}`: check that the directory exists, belongs to this user and lies on a writable disk", .path.display())]
    Disk {
        /// What was being done: `open`, `create`, `rename` …
        doing: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// SQLite failed on one of the two files.
    #[error("cannot {doing} `{}`", .path.display())]
    Database {
        /// What was being done.
        doing: &'static str,
        /// On what.
        path: PathBuf,
        /// What SQLite said.
        #[source]
        source: rusqlite::Error,
    },
    /// The file is no database of Seedbed.
    #[error("`{}` is not a database of seedbed: move it away, or choose another state directory", .path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// The file was written by a newer version.
    #[error("`{}` has format {found}, but this seedbed knows only {known}: install the version that wrote it, or a newer one", .path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its format.
        found: u32,
        /// The newest format that this program knows.
        known: u32,
    },
    /// Another process has the directory.
    #[error("another process uses the database in `{}`: stop that daemon first", .path.display())]
    InUse {
        /// The directory.
        path: PathBuf,
    },
    /// The directory belongs to another member.
    #[error("the database in `{}` belongs to member {found}, not to member {asked}: use the state directory of this member", .path.display())]
    OtherMember {
        /// The directory.
        path: PathBuf,
        /// Whom it belongs to.
        found: MemberId,
        /// Who opened it.
        asked: MemberId,
    },
    /// What is stored contradicts itself.
    #[error("`{}` is damaged ({detail}): stop the daemon, move the `database` directory away and join the cluster again, or restore a backup", .path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What was found.
        detail: String,
    },
    /// This member was neither bootstrapped nor joined.
    #[error("this member is not part of a cluster yet: run `seedbed init` first")]
    NotFormed,
    /// Nobody leads.
    #[error(
        "the cluster has had no leader for {silent_ms} ms: most voters must be reachable; see `seedbed cluster list`"
    )]
    NoLeader {
        /// How long this member has known no leader, in milliseconds.
        silent_ms: u64,
    },
    /// The call took too long.
    #[error("no answer after {waited_ms} ms")]
    Timeout {
        /// How long it waited, in milliseconds.
        waited_ms: u64,
    },
    /// This member does not lead, and the call works on the leader only.
    #[error("only the leader can do this{}", leader.as_ref().map(|address| format!(": ask the member at {address}")).unwrap_or_default())]
    NotLeader {
        /// Where the leader is, if known.
        leader: Option<String>,
    },
    /// A command was on its way when something went wrong: it may have been carried out, or be carried out yet.
    #[error(
        "nobody knows yet whether this was carried out: look at what there is before you ask for it again, for it may have been"
    )]
    Unknown {
        /// What went wrong.
        #[source]
        cause: Box<StoreError>,
    },
    /// The store has stopped: it takes no writes, and what it has may be old.
    #[error(
        "the store on this member has stopped: {reason}; nothing that was acknowledged is lost; the daemon ends, and goes on when it is started again after that was set right"
    )]
    Stopped {
        /// Why, with the cause.
        reason: String,
    },
    /// The daemon is shutting down, or this member goes over to another database.
    #[error("this member is shutting down: ask another one, or again in a moment")]
    Closed,
    /// The member list could not be changed.
    #[error("cannot {doing}: {detail}")]
    Membership {
        /// What was being done.
        doing: String,
        /// Why not.
        detail: String,
    },
    /// A command is larger than the log takes.
    #[error("the change is {bytes} bytes large, more than the {bytes_max} that one change may have: split it")]
    TooLarge {
        /// How large it is.
        bytes: usize,
        /// How large it may be.
        bytes_max: usize,
    },
    /// A peer sent something that cannot be read.
    #[error(
        "a peer sent a message that cannot be read ({detail}): check that all members run versions that work together"
    )]
    Message {
        /// What is wrong with it.
        detail: String,
    },
    /// Another member could not be reached, or refused.
    #[error("cannot reach the member at {address}: {detail}")]
    Peer {
        /// Where it should be.
        address: String,
        /// What happened.
        detail: String,
    },
}

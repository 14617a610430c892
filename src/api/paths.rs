//! The paths, each written once.

use crate::model::MemberName;

/// The header of an answer that is not of the present: its value is an [`Outdated`](crate::model::Outdated) as JSON.
pub const OUTDATED: &str = "x-seedbed-outdated";

/// The server.
pub const SERVER: &str = "/1.0";
/// The cluster.
pub const CLUSTER: &str = "/1.0/cluster";
/// The certificate that all its members answer with.
pub const CLUSTER_CERTIFICATE: &str = "/1.0/cluster/certificate";
/// Its members.
pub const MEMBERS: &str = "/1.0/cluster/members";
/// Trusted certificates.
pub const CERTIFICATES: &str = "/1.0/certificates";
/// Operations.
pub const OPERATIONS: &str = "/1.0/operations";
/// The event stream.
pub const EVENTS: &str = "/1.0/events";
/// The figures for a monitoring system.
pub const METRICS: &str = "/1.0/metrics";
/// Plans a manifest.
pub const PLAN: &str = "/1.0/seedbed/plan";
/// Applies a manifest.
pub const APPLY: &str = "/1.0/seedbed/apply";
/// Saved plans.
pub const PLANS: &str = "/1.0/seedbed/plans";
/// What applies have done.
pub const HISTORY: &str = "/1.0/seedbed/history";
/// What waits to be confirmed.
pub const CONFIRM: &str = "/1.0/seedbed/confirm";
/// Calls removals back.
pub const UNDELETE: &str = "/1.0/seedbed/undelete";
/// What the clock of the cluster shows.
pub const CLOCK: &str = "/1.0/seedbed/clock";
/// Changes who owns objects, and whether they may be deleted.
pub const MANAGE: &str = "/1.0/seedbed/manage";
/// Everything that is stored.
pub const OBJECTS: &str = "/1.0/seedbed/objects";
/// What differs from what was declared.
pub const DRIFT: &str = "/1.0/seedbed/drift";
/// The audit log.
pub const AUDIT: &str = "/1.0/seedbed/audit";
/// Whether the audit log is as it was written, on every member.
pub const AUDIT_VERIFY: &str = "/1.0/seedbed/audit/verify";
/// Forms a cluster.
pub const INIT: &str = "/1.0/seedbed/init";

/// One member.
pub fn member(name: &MemberName) -> String {
    format!("{MEMBERS}/{}", escape(name.as_str()))
}

/// One operation.
pub fn operation(id: &str) -> String {
    format!("{OPERATIONS}/{id}")
}

/// Text as one segment of a path, or as a value of a query.
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => out.push(char::from(byte)),
            other => out.push_str(&format!("%{other:02X}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_end_a_segment_is_escaped() {
        assert_eq!(escape("a/b?c d%é"), "a%2Fb%3Fc%20d%25%C3%A9");
    }
}

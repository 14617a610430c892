//! The wire: LXD's REST conventions and Seedbed's own endpoints as types. Server and client share them.

mod audit;
mod cluster;
mod drift;
mod envelope;
mod event;
mod objects;
mod operation;
pub mod paths;
mod peer;
mod secret;
mod seedbed;
mod server;

pub use audit::{AuditOfMember, AuditRecord, AuditVerdict};
pub use cluster::{
    Certificate, CertificateAdd, Cluster, ClusterCertificatePut, ClusterMember, ClusterMemberPut, ClusterPut,
    JoinToken, MemberConfigKey,
};
pub use drift::{DRIFT_FORMAT, DriftItem, DriftReport, DriftRequest, HostFinding, PendingItem, UnknownMember};
pub use envelope::{ApiError, Envelope, Kind};
pub use event::Event;
pub use objects::{Network, Profile, Project, StoragePool};
pub use operation::{Operation, OperationClass, OperationStatus};
pub use peer::{
    JoinChallenge, JoinCommit, JoinEnd, JoinHello, JoinOffer, JoinProof, JoinRequest, JoinUndo, JoinWelcome,
    MEMBER_NAME, MemberStanding, PeerInfo, Reset, SharedPair,
};
pub use secret::Secret;
pub use seedbed::{
    ApplyReply, ApplyRequest, ClusterSection, ClusterTime, ConfirmState, DeclaredMember, InitOutcome, InitReply,
    InitRequest, LeftApply, LeftObject, ManageRequest, ObjectsReply, PendingApply, PlanRequest, SavePlanRequest,
    UndeleteRequest,
};
pub use server::{EXTENSIONS, Environment, ServerInfo, ServerPut, VERSION, extensions_digest};

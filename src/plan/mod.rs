//! What to change so that the stored state becomes the desired one. Pure: a plan is a value, made from values.
//!
//! [`plan`] compares by key: what a manifest declares, what it declared the last time
//! ([`Object::applied`](crate::model::Object::applied)) and what is stored. A key that left the manifest is unset, a key
//! that nobody declared does not differ, and neither does what the system worked out itself. The same input a second
//! time gives an empty plan.
//!
//! The rooms: `diff` (one object: `merge` of what is shared, `placement` of what is each member's), `rules` (to whom an
//! object belongs, what refers to it, what is refused), `impact` (who notices, who is cut off), `rollback` (the way back),
//! and [`lxd`], which gives requests of LXD's API the same treatment, with LXD's rules and texts. Beside them stand
//! `compute`, the plan itself; `rollout`, the order of members; `resume_pending`, what the leader does about creates that
//! had to wait for a member; [`join`], what a joining member brings along; [`export`], from stored to declared; and
//! [`read_set`], how much of the state each of these looks at.

mod compute;
mod diff;
mod digest;
mod drift;
mod export;
mod impact;
pub mod join;
pub mod lxd;
pub mod read_set;
mod render;
mod report;
mod resume_pending;
mod rollback;
mod rollout;
mod rules;
mod saved;
mod select;

pub use compute::{Context, Mode, plan, whole};
pub use digest::seed_of;
pub use drift::drift;
pub use export::{Export, export};
pub use impact::effect::Impact;
pub use impact::lockout::CUT_OFF;
pub use render::{Look, Meaning};
pub use report::{Action, FieldChange, MemberRow, OfflineMember, Plan, PlannedChange, Summary};
pub use resume_pending::{Finish, finish};
pub use rollback::commit_confirm::{Confirm, TakenBack, free, take_back};
pub use rollback::recall::{Recalled, recall};
pub use rollback::revert::{Past, back, of_back, since};
pub use rollout::PlannedWaves;
pub use rules::ownership::{HELD, revised};
pub use rules::prune::NOT_PRUNED;
pub use rules::references::users;
pub use select::{Selected, of_selection, select};

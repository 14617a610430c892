//! What to change so that the stored state becomes the desired one. Pure: a plan is a value, made from values.
//!
//! [`plan`] compares by key: what a manifest declares, what it declared the last time
//! ([`Object::applied`](crate::model::Object::applied)) and what is stored. A key that left the manifest is unset, a key
//! that nobody declared does not differ, and neither does what the system worked out itself. The same input a second
//! time gives an empty plan.
//!
//! The steps stand in files of their own, in this order: `expand` (objects that others imply), `change` (one object:
//! `merge` of what is shared, `place` of what is each member's), `refer` (references), `order`. [`two_phase`] gives
//! requests of LXD's API the same treatment, with LXD's rules and texts; [`finish`] is what the leader does about
//! creates that had to wait for a member; [`join`] is what a joining member brings along; [`export`] is the way back, from
//! stored to declared. [`extent`] tells how much of the state each of these looks at.

mod back;
mod by_hand;
mod change;
mod compute;
mod cut_off;
mod digest;
mod draft;
mod drift;
mod expand;
mod export;
pub mod extent;
mod fields;
mod finish;
mod grant;
mod history;
mod impact;
pub mod join;
mod liveness;
mod lost;
mod merge;
mod order;
mod overlap;
mod own;
mod place;
mod prune;
mod recall;
mod refer;
mod refuse;
mod render;
mod report;
mod restrict;
mod saved;
mod select;
mod terms;
mod three_way;
pub mod two_phase;
mod unconfirmed;
mod waves;

pub use back::{Past, back, of_back, since};
pub use compute::{Context, Mode, plan, whole};
pub use cut_off::CUT_OFF;
pub use digest::seed_of;
pub use drift::drift;
pub use export::{Export, export};
pub use finish::{Finish, finish};
pub use impact::Impact;
pub use own::{HELD, revised};
pub use prune::NOT_PRUNED;
pub use recall::{Recalled, recall};
pub use refer::users;
pub use render::{Look, Meaning};
pub use report::{Action, FieldChange, MemberRow, OfflineMember, Plan, PlannedChange, Summary};
pub use select::{Selected, of_selection, select};
pub use unconfirmed::{Confirm, TakenBack, free, take_back};
pub use waves::PlannedWaves;

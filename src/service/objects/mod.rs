//! Single objects: asked for, decided on, committed and shown.

pub mod change;
pub mod commit;
pub mod path;
pub mod records;
pub mod removal_check;
pub mod trial;
pub mod view;

//! Declared against stored: what one object changes into, field by field and member by member.

pub mod fields;
pub mod implied;
pub mod merge;
pub mod object;
pub mod placement;
pub mod projected;

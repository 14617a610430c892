//! The routes of Seedbed's own API.

pub mod apply;
pub mod audit;
pub mod confirm;
pub mod drift;
pub mod history;
pub mod metrics;
pub mod ownership;
pub mod plans;
pub mod sources;
pub mod undelete;
pub mod webhooks;

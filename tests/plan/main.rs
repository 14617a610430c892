//! Plans, LXD's two phases and joins, against the state as the store's own rules keep it.

mod applies;
mod barred;
mod collections;
mod examples;
mod exports;
mod golden;
mod grants;
mod history;
mod impacts;
mod joins;
mod laws;
mod ownership;
mod plans;
mod references;
mod selections;
mod two_phase;
mod unconfirmed;
mod waves;
mod world;

//! Tests of the store as a whole. Rules of the log are tested in `transition.rs`.

mod kit;
mod world;

mod audit;
mod cluster;
mod disk;
mod fitness;
mod golden;
mod random;
mod suite;
mod transition;
mod waves;

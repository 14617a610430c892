//! Real daemons in network namespaces, driven as an operator drives them.

mod bad_input;
mod chaos;
mod commits;
mod confirm;
mod exports;
mod forming;
mod founding;
mod freshness;
mod hundred_objects;
mod idle;
mod impossible;
mod joins;
mod lab;
mod leftovers;
mod lessons;
mod monitoring;
mod objects;
mod outages;
mod ownership;
mod plans;
mod seed_files;
#[path = "../../src/host/skip.rs"]
mod skip;
mod soak;
mod source_reader;
mod sources;
mod strangers;
mod waves;
mod wire;

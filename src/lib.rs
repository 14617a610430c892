//! Seedbed keeps a cluster of container hosts in the state that a YAML file describes.
//!
//! One program, `seedbed`, is two things: a clustered daemon in the manner of LXD, whose members share one replicated
//! database and answer LXD's REST API, and a reconciler in the manner of a Kubernetes operator, which drives every
//! member until it has what a manifest declares. This page is the way in; how to use it says the
//! [README](https://docs.rs/crate/seedbed/latest/source/README.md).
//!
//! # The layers
//!
//! `ls src` is the architecture. A layer may use only those that are named beside it, and `tests/architecture.rs`
//! fails on anything else.
//!
//! | layer | what it is | may use |
//! |---|---|---|
//! | [`model`] | the nouns: key, object, placement, phase, condition, finding, command | nothing |
//! | [`host`] | what one machine can do, as traits; `linux` does it, `fake` imagines it | model |
//! | [`api`] | LXD's wire: paths, envelope, errors, events; server and client share it | model |
//! | [`kinds`] | the registry, and one folder for each kind of resource | model, host |
//! | [`manifest`] | YAML text to documents with positions to a validated desired state | model, kinds |
//! | [`plan`] | desired and stored state to a plan, or to findings; pure | model, kinds |
//! | [`store`] | Raft and SQLite; it knows no kind | model |
//! | [`reconcile`] | the loops: leader (phases, membership) and member (observe, steps, act, report) | model, host, kinds, plan, store |
//! | [`client`] | the typed HTTP client | model, api |
//! | [`watch`] | watched directories and git checkouts: when to read them, and how to read them whole | model, host, kinds, manifest, plan, store |
//! | `service` | what clients, sources and members ask for, carried out: objects, plans, join, trust, peers | model, host, api, kinds, manifest, plan, store, client |
//! | `http` | the server: routes from the registry, envelope, authentication, streaming | model, host, api, kinds, plan, store, client, service |
//! | `daemon` | the composition root: the only place that picks `linux` or `fake` | all above |
//! | [`cli`] | one file for each command, screens, exit codes | all above |
//!
//! # How one manifest flows
//!
//! | step | where | from | to |
//! |---|---|---|---|
//! | read | [`manifest::read_paths`] | paths | [`manifest::Source`]: text under the name that the user gave |
//! | validate | [`manifest::load`] | sources | [`model::Desired`] and every [`model::Finding`], never only the first |
//! | plan | [`plan::plan`] | desired and [`model::ClusterState`] | [`plan::Plan`]: every change spelled out, for each member |
//! | commit | [`store`] | the plan as one [`model::Command`] | an entry of the Raft log, refused when an object has moved since |
//! | apply | [`store`] | the entry | [`model::Object`]s and their [`model::Placement`]s in SQLite, on every member |
//! | reconcile | [`reconcile`] | what is stored and what stands on the host | [`kinds::Actuator::steps`], done one after the other |
//! | report | [`reconcile`] | how it went | a [`model::Condition`] for each placement |
//! | roll up | [`store`] | all conditions of an object | its [`model::Phase`]: Pending, Created, Errored |
//! | show | [`cli`] | objects with placements | the screen of `seedbed status` |
//!
//! # What holds everywhere
//!
//! - **Deciding is pure, effects are thin.** `plan`, `steps` and `apply` are functions of values. Clock, randomness,
//!   network, disk and host are arguments, so that `tests/simulation` runs the production code from a seed.
//! - **A plan is a value; carrying it out makes no choices.** What `seedbed plan` shows is what is committed, as one
//!   entry. Each object that it touches or relies on carries the generation that it was planned against, and
//!   what is removed the last entry that made another object refer to it: nothing is left referring to nothing.
//! - **The log knows no kinds.** [`model::Command`] is a small closed enum, pinned by golden files, because members of
//!   different versions replay it.
//! - **Level-triggered.** A loop has no input but the state; events only wake it. It observes before it acts, tries
//!   for ever, and says what it waits for in a condition.
//! - **Two phases are states in the store**: a definition for each member, then the global create. Requests of a
//!   client (`--target`) and the reconciler walk the same states.
//! - **Nothing that a user wrote or stored is deleted because something failed.**
//!
//! # To add a kind
//!
//! A folder in `kinds/` and a line in [`kinds::ALL`]. Schema, member-specific keys, plan, routes, commands, examples
//! and simulation follow from these two.

pub mod model;

pub mod host;

pub mod api;

pub mod kinds;

pub mod manifest;

pub mod plan;

pub mod store;

pub mod reconcile;

pub mod client;

pub mod watch;

pub mod service;

pub mod http;

pub mod daemon;

pub mod cli;

//! The loops under a seeded scheduler: members that lag, hosts that fail, reports that are lost, doubled and
//! reordered, crashes at every step, members that come and go, requests that race. The code is the program's own
//! (`store::transition`, `reconcile::pass`, the kinds, the fake host); only log, network and time are simulated.
//!
//! A failure prints its seed: `SEEDBED_SEED=17 cargo test --test simulation` runs that one alone.

mod bugs;
mod dice;
mod faults;
mod invariants;
mod log;
mod machine;
mod member;
mod people;
mod slow;
mod tally;
mod waves;
mod world;

use std::num::NonZero;
use std::ops::Range;
use std::thread;

use bugs::Bug;
use invariants::Violation;
use tally::Tally;
use world::World;

const SEEDS: Range<u64> = 0..1_000;

/// A planted bug must show within so many seeds.
const SEEDS_FOR_A_BUG: Range<u64> = 0..300;

#[test]
fn every_seed_keeps_every_invariant() {
    let seeds: Vec<u64> = match seed_of_the_caller() {
        Some(seed) => vec![seed],
        None => SEEDS.collect(),
    };
    let runs = in_threads(&seeds, |seed| World::run(seed, &bugs::NONE).map_err(|violation| told(seed, &violation)));
    let failures: Vec<&String> = runs.iter().filter_map(|run| run.as_ref().err()).collect();
    assert!(failures.is_empty(), "{} of {} seeds fail. The first:\n{}", failures.len(), seeds.len(), failures[0]);
    let tally = runs.into_iter().flatten().fold(Tally::default(), Tally::plus);
    println!("{tally:#?}");
    if seeds.len() > 1 {
        tally.assert_rich();
    }
}

#[test]
fn every_planted_bug_is_caught_by_its_invariant() {
    let bugs: Vec<&'static Bug> = bugs::ALL.iter().collect();
    let misses: Vec<String> = in_threads(&bugs, miss).into_iter().flatten().collect();
    assert!(misses.is_empty(), "{}", misses.join("\n"));
}

/// Why a planted bug was not caught as it must be.
fn miss(bug: &'static Bug) -> Option<String> {
    let (seed, violation) = match { SEEDS_FOR_A_BUG }.find_map(|seed| Some((seed, World::run(seed, bug).err()?))) {
        Some(found) => found,
        None => return Some(format!("not caught in {} seeds: {}", SEEDS_FOR_A_BUG.end, bug.name)),
    };
    let by = violation.invariant;
    println!("{by:14} caught at seed {seed:2}: {}", bug.name);
    let is_right = bug.caught_by.contains(&by);
    (!is_right).then(|| format!("caught by {by}, not by {:?}: {}: {}", bug.caught_by, bug.name, violation.detail))
}

fn told(seed: u64, violation: &Violation) -> String {
    let Violation { invariant, detail } = violation;
    format!(
        "seed {seed} breaks `{invariant}` {detail}\nto run it alone: SEEDBED_SEED={seed} cargo test --test simulation"
    )
}

#[expect(clippy::disallowed_methods, reason = "the environment is how a failing seed is named on the command line")]
fn seed_of_the_caller() -> Option<u64> {
    let text = std::env::var("SEEDBED_SEED").ok()?;
    Some(text.parse().expect("SEEDBED_SEED is a number"))
}

/// Runs all inputs on all processors; what is found comes in the order of the inputs.
fn in_threads<T: Copy + Send + Sync, R: Send>(inputs: &[T], run: impl Fn(T) -> R + Sync) -> Vec<R> {
    let n_threads = thread::available_parallelism().map_or(1, NonZero::get);
    let part = inputs.len().div_ceil(n_threads).max(1);
    thread::scope(|scope| {
        let run = &run;
        let running: Vec<_> = inputs
            .chunks(part)
            .map(|part| scope.spawn(move || part.iter().map(|input| run(*input)).collect::<Vec<R>>()))
            .collect();
        running.into_iter().flat_map(|thread| thread.join().expect("no simulation panics")).collect()
    })
}

//! Random number generators with known numbers, for tests.

use crate::kinds::Rng;

/// Falls on the highest number there is.
pub struct Highest;

impl Rng for Highest {
    fn below(&mut self, bound: u64) -> u64 {
        bound - 1
    }
}

/// Falls on 0.
pub struct Lowest;

impl Rng for Lowest {
    fn below(&mut self, _: u64) -> u64 {
        0
    }
}

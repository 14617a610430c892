//! The random number generator of the operating system.

use crate::kinds::Rng;

/// The system's random numbers.
pub struct SystemRng;

impl Rng for SystemRng {
    fn below(&mut self, bound: u64) -> u64 {
        let mut bytes = [0; 8];
        // Without random numbers a choice is merely predictable: secrets are not made here.
        if let Err(error) = getrandom::fill(&mut bytes) {
            tracing::warn!(%error, "the system gives no random numbers");
        }
        u64::from_le_bytes(bytes) % bound.max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stay_below_their_bound() {
        assert!((0..100).all(|_| SystemRng.below(3) < 3));
    }
}

//! Chance that comes again from its seed: what is chosen for a plan that somebody sees is chosen for its commit, too.

use super::kind::Rng;

/// Numbers that follow from a seed: SplitMix64, by Steele, Lea and Flood (OOPSLA 2014). Secrets are not made of them.
#[derive(Clone, Debug)]
pub struct SeededRng {
    seed: u64,
    state: u64,
}

impl SeededRng {
    /// The numbers of this seed, from the first one on.
    pub fn new(seed: u64) -> Self {
        Self { seed, state: seed }
    }

    /// The numbers of a seed that `rng` gives.
    pub fn drawn(rng: &mut dyn Rng) -> Self {
        Self::new(rng.below(u64::MAX))
    }
}

impl Rng for SeededRng {
    fn below(&mut self, bound: u64) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.state ^ (self.state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound.max(1)
    }

    fn seed(&self) -> Option<u64> {
        Some(self.seed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_the_same_numbers_again_and_another_one_gives_others() {
        let numbers = |seed| {
            let mut rng = SeededRng::new(seed);
            [(); 5].map(|()| rng.below(1_000_000))
        };
        assert_eq!(numbers(7), numbers(7));
        assert_ne!(numbers(7), numbers(8));
    }
}

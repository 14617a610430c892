//! How long to wait before the next attempt: longer each time, and never in step with other members.

use crate::host::Lasting;
use crate::kinds::Rng;

/// The shortest and the longest wait after a failure that may pass.
const PASSING_MS: (u64, u64) = (250, 30_000);

/// The same for a failure that stays until somebody acts: looking costs little, and acting for nothing should be rare.
const LASTING_MS: (u64, u64) = (5_000, 60_000);

/// The wait after a failure, in milliseconds: random between the shortest and three times the last one.
pub(super) fn wait_ms(last_ms: Option<u64>, lasting: Lasting, rng: &mut dyn Rng) -> u64 {
    let (shortest, longest) = match lasting {
        Lasting::Passing => PASSING_MS,
        Lasting::UntilMended => LASTING_MS,
    };
    let spread = (last_ms.unwrap_or(shortest) * 3).saturating_sub(shortest).max(1);
    (shortest + rng.below(spread)).min(longest)
}

/// A bound of the wait in words. In steps: a message that counted milliseconds would cost a write an attempt.
pub(super) fn within(wait_ms: u64) -> &'static str {
    match wait_ms {
        0..=1_000 => "within 1 s",
        1_001..=5_000 => "within 5 s",
        5_001..=15_000 => "within 15 s",
        15_001.. => "within a minute",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kinds::registry::fixed_rng::{Highest, Lowest};

    fn waits(rng: &mut dyn Rng, lasting: Lasting) -> Vec<u64> {
        let next = |last: &Option<u64>, rng: &mut dyn Rng| Some(wait_ms(*last, lasting, rng));
        let mut last = None;
        (0..8)
            .map(|_| {
                last = next(&last, rng);
                last.expect("just set")
            })
            .collect()
    }

    #[test]
    fn waits_grow_up_to_a_bound() {
        assert_eq!(waits(&mut Highest, Lasting::Passing), [749, 2246, 6737, 20210, 30000, 30000, 30000, 30000]);
        assert_eq!(waits(&mut Highest, Lasting::UntilMended).last(), Some(&60_000));
    }

    #[test]
    fn waits_never_fall_below_the_shortest() {
        assert!(waits(&mut Lowest, Lasting::Passing).iter().all(|wait| *wait == 250));
    }
}

//! How long to wait before the next attempt, and what may be written or kept: the limits of webhooks, as pure functions.

use crate::kinds::Rng;

/// The wait after the first failure, which each further one doubles.
const RETRY_MS: u64 = 500;
/// Nobody waits longer than this after the other end has come back.
const RETRY_MS_MAX: u64 = 120_000;
/// More messages than these do not wait: the oldest are given up.
pub const WAITING_MAX: usize = 1_000;
/// How often it is written down how far the messages have got.
const PROGRESS_MS: u64 = 30_000;
/// How often it is written down that the other end takes messages again, or none any more.
const TURN_MS: u64 = 2_000;

/// The wait after so many failures in a row, at least one: half of it is by chance, so that hooks do not fall in step.
pub fn wait_ms(failures: u32, rng: &mut dyn Rng) -> u64 {
    let doubled = RETRY_MS.saturating_mul(1u64.checked_shl(failures.saturating_sub(1)).unwrap_or(u64::MAX));
    let whole = doubled.min(RETRY_MS_MAX);
    whole / 2 + rng.below(whole / 2 + 1)
}

/// What there is to write down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum News {
    /// Nothing that is not written already.
    None,
    /// More was delivered.
    Progress,
    /// The other end takes messages again, or none any more.
    Turn,
}

/// How long news have to wait when the last ones were written so long ago; `None` when there are none.
pub fn hold_ms(news: News, written_ms: Option<u64>) -> Option<u64> {
    let pause = match news {
        News::None => return None,
        News::Progress => PROGRESS_MS,
        News::Turn => TURN_MS,
    };
    Some(written_ms.map_or(0, |ago| pause.saturating_sub(ago)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kinds::registry::fixed_rng::{Highest, Lowest};

    #[test]
    fn waits_double_up_to_a_bound_and_half_of_each_is_by_chance() {
        let waits = |rng: &mut dyn Rng| [1, 2, 3, 8, 9, 64, u32::MAX].map(|failures| wait_ms(failures, rng));
        assert_eq!(waits(&mut Highest), [500, 1_000, 2_000, 64_000, 120_000, 120_000, 120_000]);
        assert_eq!(waits(&mut Lowest), [250, 500, 1_000, 32_000, 60_000, 60_000, 60_000]);
    }

    #[test]
    fn what_turns_is_written_soon_and_progress_rarely() {
        assert_eq!(hold_ms(News::None, None), None);
        assert_eq!(hold_ms(News::Progress, None), Some(0));
        assert_eq!(hold_ms(News::Progress, Some(10_000)), Some(20_000));
        assert_eq!(hold_ms(News::Turn, Some(500)), Some(1_500));
        assert_eq!(hold_ms(News::Turn, Some(60_000)), Some(0));
    }
}

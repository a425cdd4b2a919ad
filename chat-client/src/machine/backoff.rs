//! The pause before the next attempt: exponential, with full jitter, from a seed.

use std::time::Duration;

use chat_core::time::Monotonic;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use super::limits::Periods;

/// The pauses of one client.
///
/// Full jitter: each pause is drawn from zero to a ceiling that doubles. Of a thousand clients that lost the same server
/// in the same second, the attempts are spread over the whole of it.
pub(super) struct Backoff {
    random: ChaCha8Rng,
    failures: u32,
}

impl Backoff {
    pub(super) fn new(seed: [u8; 32]) -> Self {
        Self { random: ChaCha8Rng::from_seed(seed), failures: 0 }
    }

    /// One more failure: how long to wait now.
    pub(super) fn pause(&mut self, from: Duration, periods: &Periods) -> Duration {
        let doubled = from.saturating_mul(1_u32.checked_shl(self.failures).unwrap_or(u32::MAX));
        let ceiling = doubled.min(periods.backoff_to.max(from));
        self.failed();
        let millis = u64::try_from(ceiling.as_millis()).unwrap_or(u64::MAX).max(1);
        Duration::from_millis(self.random.next_u64() % (millis + 1))
    }

    /// One more failure, for which there is no pause yet.
    pub(super) fn failed(&mut self) {
        self.failures = self.failures.saturating_add(1).min(31);
    }

    /// A connection ended that was live from `since`: if that was for long enough, the next pause is a first one.
    pub(super) fn was_live(&mut self, since: Monotonic, now: Monotonic, periods: &Periods) {
        if now.since(since) >= periods.steady_after {
            self.failures = 0;
        }
    }

    /// The network is back: what was learnt of the old one is worth nothing.
    pub(super) fn forget(&mut self) {
        self.failures = 0;
    }

    /// Whether there was a failure since the last connection that held.
    pub(super) fn is_struggling(&self) -> bool {
        self.failures > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_a_limit_and_are_spread_from_zero() {
        let periods = Periods::default();
        let draw = |failures: u32| {
            let mut longest = Duration::ZERO;
            let mut shortest = Duration::MAX;
            for seed in 0..=255 {
                let mut backoff = Backoff { failures, ..Backoff::new([seed; 32]) };
                let pause = backoff.pause(periods.backoff_from, &periods);
                (longest, shortest) = (longest.max(pause), shortest.min(pause));
            }
            (shortest, longest)
        };
        for (failures, ceiling) in [(0, 500), (1, 1_000), (3, 4_000), (6, 20_000), (31, 20_000)] {
            let (shortest, longest) = draw(failures);
            let ceiling = Duration::from_millis(ceiling);
            assert!(longest <= ceiling && longest > ceiling * 9 / 10, "{failures}: {longest:?}");
            assert!(shortest < ceiling / 10, "{failures}: {shortest:?}");
        }
    }

    #[test]
    fn only_a_connection_that_held_makes_the_next_pause_short_again() {
        let periods = Periods::default();
        let mut backoff = Backoff { failures: 9, ..Backoff::new([1; 32]) };
        let at = |seconds| Monotonic(Duration::from_secs(seconds));
        backoff.was_live(at(100), at(105), &periods);
        assert!(backoff.is_struggling());
        backoff.was_live(at(100), at(110), &periods);
        assert!(!backoff.is_struggling());
    }
}

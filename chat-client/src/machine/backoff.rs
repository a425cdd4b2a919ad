//! The pause before the next attempt: exponential, with full jitter, from a seed.

use std::time::Duration;

use chat_core::time::Monotonic;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use super::limits::Periods;

/// The parameters of a pause.
#[derive(Clone, Copy)]
pub(super) struct Pause {
    /// The minimum, named by the server.
    pub(super) floor: Duration,
    /// The first ceiling of the random part.
    pub(super) from: Duration,
    /// The last ceiling.
    pub(super) to: Duration,
}

/// The pauses of one client.
///
/// Full jitter: each pause is drawn from zero up to a ceiling that doubles. A thousand clients that
/// lost the same server in the same second spread their attempts over the whole range.
pub(super) struct Backoff {
    random: ChaCha8Rng,
    failures: u32,
    /// Number of sessions ended because of another device or of changed rights, since the last long
    /// connection.
    disputes: u32,
}

impl Backoff {
    pub(super) fn new(seed: [u8; 32]) -> Self {
        Self { random: ChaCha8Rng::from_seed(seed), failures: 0, disputes: 0 }
    }

    /// Counts a failure, and returns the pause.
    pub(super) fn pause(&mut self, pause: Pause) -> Duration {
        let ceiling = pause.ceiling(self.failures);
        self.failed();
        pause.floor + self.up_to(ceiling)
    }

    /// Counts a session ended in favour of another, and returns the pause with its firm minimum.
    ///
    /// Half of the ceiling is certain, whatever the app reports about the network: two devices must
    /// not replace each other in a tight loop.
    pub(super) fn dispute(&mut self, pause: Pause) -> (Duration, Duration) {
        let half = pause.ceiling(self.disputes) / 2;
        self.disputed();
        let floor = pause.floor.max(half);
        (floor, floor + self.up_to(half))
    }

    fn up_to(&mut self, ceiling: Duration) -> Duration {
        let millis = u64::try_from(ceiling.as_millis()).unwrap_or(u64::MAX).max(1);
        Duration::from_millis(self.random.next_u64() % (millis + 1))
    }

    /// Counts a dispute without a pause.
    pub(super) fn disputed(&mut self) {
        self.disputes = self.disputes.saturating_add(1).min(31);
    }

    /// Counts a failure without a pause.
    pub(super) fn failed(&mut self) {
        self.failures = self.failures.saturating_add(1).min(31);
    }

    /// Reacts to the end of a connection that was live since `since`. A long life makes the next
    /// pause a first one. A short life shows that the server serves again, so that failures from
    /// before it count as one: in a series of outages no pause adds up those that are over.
    pub(super) fn was_live(&mut self, since: Monotonic, now: Monotonic, periods: &Periods) {
        let lasted = now.since(since);
        if lasted >= periods.steady_after {
            self.failures = 0;
        } else if lasted >= periods.settled_after {
            self.failures = self.failures.min(1);
        }
        if lasted >= periods.peaceful_after {
            self.disputes = 0;
        }
    }

    /// Forgets failures, because the network is another one.
    pub(super) fn forget(&mut self) {
        self.failures = 0;
    }

    /// Forgets failures and disputes, because the app resumes.
    pub(super) fn begin_anew(&mut self) {
        (self.failures, self.disputes) = (0, 0);
    }

    /// Whether there was a dispute since the last long connection.
    pub(super) fn is_disputed(&self) -> bool {
        self.disputes > 0
    }

    /// Whether there was a failure since the last steady connection.
    pub(super) fn is_struggling(&self) -> bool {
        self.failures > 0
    }
}

impl Pause {
    /// Returns the ceiling after this many failures. Each failure doubles it.
    fn ceiling(self, failures: u32) -> Duration {
        let doubled = self.from.saturating_mul(1_u32.checked_shl(failures).unwrap_or(u32::MAX));
        doubled.min(self.to.max(self.from))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usual(periods: &Periods) -> Pause {
        Pause { floor: Duration::ZERO, from: periods.backoff_from, to: periods.backoff_to }
    }

    #[test]
    fn pauses_double_up_to_a_limit_and_are_spread_from_zero() {
        let periods = Periods::default();
        let draw = |failures: u32| {
            let mut longest = Duration::ZERO;
            let mut shortest = Duration::MAX;
            for seed in 0..=255 {
                let mut backoff = Backoff { failures, ..Backoff::new([seed; 32]) };
                let pause = backoff.pause(usual(&periods));
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
    fn a_pause_that_was_asked_for_is_kept_and_still_spread() {
        let floor = Duration::from_secs(10);
        let pause = Pause { floor, ..usual(&Periods::default()) };
        let pauses = (0..=255).map(|seed| Backoff::new([seed; 32]).pause(pause)).collect::<Vec<_>>();
        assert!(pauses.iter().all(|pause| (floor..=floor + Duration::from_millis(500)).contains(pause)));
        assert!(pauses.iter().max() > pauses.iter().min());
    }

    #[test]
    fn of_a_dispute_half_the_pause_is_certain_and_only_an_hour_ends_it() {
        let periods = Periods::default();
        let (from, to) = (Duration::from_secs(10), Duration::from_mins(10));
        let mut backoff = Backoff::new([1; 32]);
        let at = |seconds| Monotonic(Duration::from_secs(seconds));
        for ceiling in [10, 20, 40, 80, 160, 320, 600, 600] {
            let (floor, pause) = backoff.dispute(Pause { floor: Duration::ZERO, from, to });
            assert_eq!(floor, Duration::from_secs(ceiling) / 2);
            assert!(floor <= pause && pause <= Duration::from_secs(ceiling));
            backoff.was_live(at(0), at(60), &periods);
        }
        backoff.was_live(at(0), at(3_600), &periods);
        assert!(!backoff.is_disputed());
    }

    #[test]
    fn only_a_connection_that_held_makes_the_next_pause_short_again() {
        let periods = Periods::default();
        let mut backoff = Backoff { failures: 9, ..Backoff::new([1; 32]) };
        let at = |seconds| Monotonic(Duration::from_secs(seconds));
        backoff.was_live(at(100), Monotonic(Duration::from_millis(100_999)), &periods);
        assert_eq!(backoff.failures, 9);
        backoff.was_live(at(100), at(101), &periods);
        assert_eq!(backoff.failures, 1);
        backoff.was_live(at(100), at(109), &periods);
        assert!(backoff.is_struggling());
        backoff.was_live(at(100), at(110), &periods);
        assert!(!backoff.is_struggling());
    }
}

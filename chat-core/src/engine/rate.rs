//! How fast a user may go, over all its connections.

use std::collections::VecDeque;
use std::num::NonZeroUsize;
use std::time::Duration;

use lru::LruCache;

use crate::id::UserId;
use crate::limits::{Allowance, Rate, RateLimits, RateSetting};
use crate::protocol::{Error, ErrorCode, EventType};
use crate::time::Monotonic;

/// The buckets of all users that were seen lately.
pub(super) struct Rates {
    setting: RateSetting,
    /// Bounded: the longest unused goes first, and starts afresh if it comes back.
    users: LruCache<UserId, Buckets>,
}

#[derive(Default)]
struct Buckets {
    requests: Bucket,
    messages: Bucket,
    creations: Bucket,
    connects: Bucket,
    role_changes: Recent,
    renames: Recent,
}

/// A bucket by the generic cell rate algorithm: the time at which it would be full again.
#[derive(Default)]
struct Bucket(Monotonic);

impl Bucket {
    /// Takes one, or says how long until there is one.
    fn take(&mut self, now: Monotonic, rate: Rate) -> Result<(), Duration> {
        let full_again = self.0.max(now).plus(rate.every);
        let over = full_again.since(now).saturating_sub(rate.every * rate.burst);
        if !over.is_zero() {
            return Err(over);
        }
        self.0 = full_again;
        Ok(())
    }

    fn give_back(&mut self, rate: Rate) {
        self.0 = Monotonic(self.0.0.saturating_sub(rate.every));
    }
}

/// When the last events were, the oldest first. Bounded by what is allowed within the period.
#[derive(Default)]
struct Recent(VecDeque<Monotonic>);

impl Recent {
    /// Takes one, or says how long until there is one.
    fn take(&mut self, now: Monotonic, Allowance { most, within }: Allowance) -> Result<(), Duration> {
        self.0.retain(|at| now.since(*at) < within);
        if self.0.len() < most as usize {
            self.0.push_back(now);
            return Ok(());
        }
        Err(self.0.front().map_or(within, |oldest| within.saturating_sub(now.since(*oldest))))
    }
}

impl Rates {
    pub(super) fn new(setting: RateSetting, users: usize) -> Self {
        let users = NonZeroUsize::new(users).unwrap_or(NonZeroUsize::MIN);
        Self { setting, users: LruCache::new(users) }
    }

    /// Charges a request, or nothing at all: one that is refused may turn out to be a repeat, and repeats are free.
    /// A frame that is no request is charged as one of no event.
    ///
    /// # Errors
    ///
    /// `rate_limited` with the pause after which it may succeed.
    pub(super) fn charge(
        &mut self,
        user: &UserId,
        event: Option<EventType>,
        now: Monotonic,
    ) -> Result<(), Error> {
        let RateSetting::Limited(rates) = &self.setting else { return Ok(()) };
        let buckets = self.users.get_or_insert_mut_ref(user, Buckets::default);
        let Buckets { requests, messages, creations, .. } = buckets;
        let charged = requests.take(now, rates.requests).and_then(|()| {
            let charged = match event {
                Some(EventType::SendChatMessage) => messages.take(now, rates.messages),
                Some(EventType::CreateSupportConversation) => creations.take(now, rates.creations),
                _ => Ok(()),
            };
            charged.inspect_err(|_| requests.give_back(rates.requests))
        });
        charged.map_err(|pause| Error::after(ErrorCode::RateLimited, at_least_a_millisecond(pause)))
    }

    /// Charges a connection that is to be admitted.
    ///
    /// # Errors
    ///
    /// `rate_limited` with the pause after which it may succeed.
    pub(super) fn connect(&mut self, user: &UserId, now: Monotonic) -> Result<(), Error> {
        self.take(user, ErrorCode::RateLimited, |buckets, limits| buckets.connects.take(now, limits.connects))
    }

    /// Charges a change of the role that may be undone by the next connection.
    ///
    /// # Errors
    ///
    /// `rights_changed` with the pause after which it may succeed.
    pub(super) fn change_role(&mut self, user: &UserId, now: Monotonic) -> Result<(), Error> {
        self.take(user, ErrorCode::RightsChanged, |buckets, limits| {
            buckets.role_changes.take(now, limits.role_changes)
        })
    }

    /// Whether a token may change the names of its user.
    pub(super) fn may_rename(&mut self, user: &UserId, now: Monotonic) -> bool {
        let code = ErrorCode::RateLimited;
        self.take(user, code, |buckets, limits| buckets.renames.take(now, limits.renames)).is_ok()
    }

    fn take(
        &mut self,
        user: &UserId,
        code: ErrorCode,
        take: impl FnOnce(&mut Buckets, &RateLimits) -> Result<(), Duration>,
    ) -> Result<(), Error> {
        let RateSetting::Limited(limits) = &self.setting else { return Ok(()) };
        let buckets = self.users.get_or_insert_mut_ref(user, Buckets::default);
        take(buckets, limits).map_err(|pause| Error::after(code, at_least_a_millisecond(pause)))
    }

    /// Takes a charge back: the request turned out to be a repeat, and repeats are free.
    pub(super) fn refund(&mut self, user: &UserId, event: EventType) {
        let RateSetting::Limited(rates) = &self.setting else { return };
        let Some(buckets) = self.users.get_mut(user) else { return };
        buckets.requests.give_back(rates.requests);
        match event {
            EventType::SendChatMessage => buckets.messages.give_back(rates.messages),
            EventType::CreateSupportConversation => buckets.creations.give_back(rates.creations),
            _ => {}
        }
    }
}

/// A pause rounded up to what the protocol can say, so that waiting it out is enough.
pub(super) fn at_least_a_millisecond(pause: Duration) -> Duration {
    Duration::from_millis(u64::try_from(pause.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    const RATE: Rate = Rate { burst: 3, every: Duration::from_millis(100) };

    fn at(millis: u64) -> Monotonic {
        Monotonic(Duration::from_millis(millis))
    }

    #[test]
    fn a_bucket_gives_its_burst_and_then_its_rate() {
        let mut bucket = Bucket::default();
        assert!((0..3).all(|_| bucket.take(at(1_000), RATE).is_ok()));
        assert_eq!(bucket.take(at(1_000), RATE), Err(Duration::from_millis(100)));
        assert_eq!(bucket.take(at(1_100), RATE), Ok(()));
        assert_eq!(bucket.take(at(1_150), RATE), Err(Duration::from_millis(50)));
    }

    #[test]
    fn an_allowance_holds_within_any_period() {
        let allowance = Allowance { most: 3, within: Duration::from_secs(1) };
        let mut recent = Recent::default();
        assert!([0, 400, 800].iter().all(|millis| recent.take(at(*millis), allowance).is_ok()));
        assert_eq!(recent.take(at(900), allowance), Err(Duration::from_millis(100)));
        assert_eq!(recent.take(at(1_000), allowance), Ok(()));
        assert_eq!(recent.take(at(1_300), allowance), Err(Duration::from_millis(100)));
    }

    #[test]
    fn what_is_given_back_can_be_taken_again() {
        let mut bucket = Bucket::default();
        assert!((0..3).all(|_| bucket.take(at(0), RATE).is_ok()));
        bucket.give_back(RATE);
        assert_eq!(bucket.take(at(0), RATE), Ok(()));
        assert!(bucket.take(at(0), RATE).is_err());
    }

    #[test]
    fn of_too_many_users_the_longest_unused_starts_afresh() {
        let limits = RateLimits { requests: RATE, ..RateLimits::default() };
        let mut rates = Rates::new(RateSetting::Limited(limits), 2);
        let mut charge = |user: &str| rates.charge(&user.into(), None, at(0)).is_ok();
        let mut all = |user| [(); 4].map(|()| charge(user));
        assert_eq!(all("a"), [true, true, true, false]);
        assert_eq!(all("b"), [true, true, true, false]);
        assert_eq!(all("a"), [false; 4], "still remembered");
        assert_eq!(all("c"), [true, true, true, false]);
        assert_eq!(all("b"), [true, true, true, false], "forgotten, and a with it then");
        assert_eq!(rates.users.len(), 2);
    }
}

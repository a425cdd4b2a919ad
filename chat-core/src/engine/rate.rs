//! Rate limits of each user, over all connections.

use std::collections::VecDeque;
use std::num::NonZeroUsize;
use std::time::Duration;

use lru::LruCache;

use super::io::ConnectionId;
use super::origin::Origin;
use super::weight::Weight;
use super::{Engine, Timer};
use crate::id::UserId;
use crate::limits::{Allowance, ByteRate, Rate, RateLimits, RateSetting};
use crate::protocol::{Error, ErrorCode};
use crate::time::{Monotonic, whole_millis};

/// The buckets of recently seen users.
pub(super) struct Rates {
    setting: RateSetting,
    /// Bounded: the least recently used entry is evicted first, and starts afresh if its user
    /// returns.
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
    message_bytes: Bucket,
    reply_bytes: Bucket,
    repeats: Bucket,
}

/// A token bucket, stored as the time at which the bucket will be full again.
#[derive(Default)]
struct Bucket(Monotonic);

/// A share of a bucket, in times: `cost` is the time in which the taken amount flows back.
#[derive(Clone, Copy)]
struct Share {
    cost: Duration,
    /// The time in which an empty bucket fills.
    room: Duration,
}

impl Share {
    fn of(rate: Rate) -> Self {
        Self { cost: rate.every, room: rate.every.saturating_mul(rate.burst) }
    }

    /// The share of these bytes, at most the whole bucket.
    fn of_bytes(rate: ByteRate, bytes: usize) -> Self {
        let time = |bytes| {
            Duration::from_nanos(u64::from(bytes) * 1_000_000_000 / u64::from(rate.per_second.max(1)))
        };
        let room = time(rate.burst);
        Self { cost: time(u32::try_from(bytes).unwrap_or(u32::MAX)).min(room), room }
    }

    /// An empty share, to check whether the bucket is empty.
    fn nothing(self) -> Self {
        Self { cost: Duration::ZERO, ..self }
    }
}

impl Bucket {
    /// The time until this share is available.
    fn lacks(&self, now: Monotonic, share: Share) -> Duration {
        self.0.max(now).plus(share.cost).since(now).saturating_sub(share.room)
    }

    /// Takes a share, or returns the time until the share is available.
    fn try_take(&mut self, now: Monotonic, share: Share) -> Result<(), Duration> {
        let pause = self.lacks(now, share);
        if pause.is_zero() {
            self.take(now, share);
            return Ok(());
        }
        Err(pause)
    }

    /// Takes a share, available or not.
    fn take(&mut self, now: Monotonic, share: Share) {
        self.0 = self.0.max(now).plus(share.cost);
    }

    fn give_back(&mut self, share: Share) {
        self.0 = Monotonic(self.0.0.saturating_sub(share.cost));
    }
}

impl Buckets {
    /// The buckets that a request takes from, with the shares.
    fn shares(&mut self, weight: Weight, rates: &RateLimits) -> [Option<(&mut Bucket, Share)>; 3] {
        let Self { requests, messages, creations, message_bytes, reply_bytes, .. } = self;
        let (kind, bytes) = match weight {
            Weight::Request => (None, None),
            Weight::Message(bytes) => (Some((messages, Share::of(rates.messages))), Some(bytes)),
            Weight::Creation(bytes) => (Some((creations, Share::of(rates.creations))), Some(bytes)),
            Weight::Pages => (Some((reply_bytes, Share::of_bytes(rates.reply_bytes, 0).nothing())), None),
        };
        let bytes = bytes.map(|bytes| (message_bytes, Share::of_bytes(rates.message_bytes, bytes)));
        [Some((requests, Share::of(rates.requests))), kind, bytes]
    }
}

/// The times of recent events, the oldest first. Bounded by the allowance.
#[derive(Default)]
struct Recent(VecDeque<Monotonic>);

impl Recent {
    /// Counts an event, or returns the time until one is allowed.
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
        Self { setting, users: LruCache::sparse(users) }
    }

    /// Charges a request, in full or not at all. A refused request is not charged, because a repeat
    /// must stay free.
    ///
    /// # Errors
    ///
    /// `rate_limited`, with the pause after which the request may succeed.
    pub(super) fn charge(
        &mut self,
        user: &UserId,
        weight: impl FnOnce() -> Weight,
        now: Monotonic,
    ) -> Result<(), Error> {
        let RateSetting::Limited(rates) = &self.setting else { return Ok(()) };
        let buckets = self.users.get_or_insert_mut_ref(user, Buckets::default);
        let mut shares = buckets.shares(weight(), rates);
        let lacking = shares.iter().flatten().map(|(bucket, share)| bucket.lacks(now, *share));
        let pause = lacking.max().unwrap_or_default();
        if !pause.is_zero() {
            return Err(Error::after(ErrorCode::RateLimited, whole_millis(pause)));
        }
        shares.iter_mut().flatten().for_each(|(bucket, share)| bucket.take(now, *share));
        Ok(())
    }

    /// Charges a connection that is being admitted.
    ///
    /// # Errors
    ///
    /// `rate_limited`, with the pause after which the connection may succeed.
    pub(super) fn connect(&mut self, user: &UserId, now: Monotonic) -> Result<(), Error> {
        self.take(user, ErrorCode::RateLimited, |buckets, limits| {
            buckets.connects.try_take(now, Share::of(limits.connects))
        })
    }

    /// Charges a change of role by a token that is not provably newer: another could undo the
    /// change.
    ///
    /// # Errors
    ///
    /// `rights_changed`, with the pause after which the change may succeed.
    pub(super) fn change_role(&mut self, user: &UserId, now: Monotonic) -> Result<(), Error> {
        self.take(user, ErrorCode::RightsChanged, |buckets, limits| {
            buckets.role_changes.take(now, limits.role_changes)
        })
    }

    /// Whether a token may change its user's names.
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
        take(buckets, limits).map_err(|pause| Error::after(code, whole_millis(pause)))
    }

    /// Refunds a charge, because the request was a repeat and repeats are free.
    pub(super) fn refund(&mut self, user: &UserId, weight: Weight) {
        let RateSetting::Limited(rates) = &self.setting else { return };
        let Some(buckets) = self.users.get_mut(user) else { return };
        buckets
            .shares(weight, rates)
            .iter_mut()
            .flatten()
            .for_each(|(bucket, share)| bucket.give_back(*share));
    }

    /// Charges the bytes of a page.
    pub(super) fn charge_reply(&mut self, user: &UserId, bytes: usize, now: Monotonic) {
        let RateSetting::Limited(rates) = &self.setting else { return };
        let buckets = self.users.get_or_insert_mut_ref(user, Buckets::default);
        buckets.reply_bytes.take(now, Share::of_bytes(rates.reply_bytes, bytes));
    }

    /// Charges a repeat or its look-up. Returns the pause until the next one, if any.
    pub(super) fn charge_repeat(&mut self, user: &UserId, now: Monotonic) -> Option<Duration> {
        let RateSetting::Limited(rates) = &self.setting else { return None };
        let buckets = self.users.get_or_insert_mut_ref(user, Buckets::default);
        let share = Share::of(rates.repeats);
        buckets.repeats.take(now, share);
        Some(buckets.repeats.lacks(now, share)).filter(|pause| !pause.is_zero())
    }
}

impl Engine {
    /// Charges a repeat or its look-up.
    ///
    /// Repeats are free, but a flood of them is slowed down: the connection's next request waits
    /// until the user's rate of repeats allows one more.
    pub(super) fn slow_down(&mut self, origin: &Origin, user: &UserId) {
        let Origin::Request(conn, _) = origin else { return };
        let pause = self.rates.charge_repeat(user, self.now.monotonic);
        if let (Some(pause), Some(connection)) = (pause, self.connections.get_mut(conn)) {
            let until = self.now.monotonic.plus(pause);
            connection.rests_until = Some(until);
            self.timers.set(until, Timer::Rest(*conn));
        }
    }

    /// Continues a connection that was slowed down.
    pub(super) fn rested(&mut self, conn: ConnectionId) {
        if let Some(connection) = self.connections.get_mut(&conn) {
            connection.rests_until = None;
            self.advance(conn);
        }
    }
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
        let mut take = |millis| bucket.try_take(at(millis), Share::of(RATE));
        assert!((0..3).all(|_| take(1_000).is_ok()));
        assert_eq!(take(1_000), Err(Duration::from_millis(100)));
        assert_eq!(take(1_100), Ok(()));
        assert_eq!(take(1_150), Err(Duration::from_millis(50)));
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
        let (mut bucket, share) = (Bucket::default(), Share::of(RATE));
        (0..3).for_each(|_| bucket.take(at(0), share));
        assert!(!bucket.lacks(at(0), share).is_zero());
        bucket.give_back(share);
        assert!(bucket.lacks(at(0), share).is_zero());
    }

    #[test]
    fn bytes_flow_in_by_the_second_and_the_longest_takes_all() {
        let rate = ByteRate { burst: 1_000, per_second: 100 };
        let (mut bucket, half) = (Bucket::default(), Share::of_bytes(rate, 500));
        bucket.take(at(0), half);
        bucket.take(at(0), half);
        assert_eq!(bucket.lacks(at(0), half), Duration::from_secs(5));
        assert_eq!(bucket.lacks(at(10_000), Share::of_bytes(rate, usize::MAX)), Duration::ZERO);
    }

    #[test]
    fn of_too_many_users_the_longest_unused_starts_afresh() {
        let limits = RateLimits { requests: RATE, ..RateLimits::default() };
        let mut rates = Rates::new(RateSetting::Limited(limits), 2);
        let mut charge = |user: &str| rates.charge(&user.into(), || Weight::Request, at(0)).is_ok();
        let mut all = |user| [(); 4].map(|()| charge(user));
        assert_eq!(all("a"), [true, true, true, false]);
        assert_eq!(all("b"), [true, true, true, false]);
        assert_eq!(all("a"), [false; 4], "still remembered");
        assert_eq!(all("c"), [true, true, true, false]);
        assert_eq!(all("b"), [true, true, true, false], "forgotten, and a with it then");
        assert_eq!(rates.users.len(), 2);
    }
}

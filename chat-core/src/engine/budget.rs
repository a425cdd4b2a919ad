//! The daily budget of stored bytes of each user, over all connections.
//!
//! Rates bound a moment: at every default rate, one token could still fill gigabytes a day. A
//! budget refills evenly, so nobody has to wait for midnight. Over any 24 hours a user stores at
//! most twice the budget, and half of that in the long run. Emergencies have a small budget of
//! their own, used only when the daily one is empty.

use std::num::NonZeroUsize;
use std::time::Duration;

use lru::LruCache;

use crate::id::UserId;
use crate::limits::{DailyBudget, RateSetting};
use crate::protocol::{Error, ErrorCode};
use crate::store::Change;
use crate::time::{Monotonic, whole_millis};

const DAY: Duration = Duration::from_hours(24);

/// Bytes of a record in the journal and the index, not counting the text and the ids, which are
/// added.
const RECORD: u64 = 512;

/// A charge, kept for a refund.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct BudgetCharge {
    bytes: u64,
    from: Purse,
}

/// The budget that was charged.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Purse {
    Daily,
    Emergency,
}

/// The budgets of users who have written recently.
pub(super) struct Budgets {
    limits: Option<DailyBudget>,
    /// Bounded: the least recently used entry is evicted first, and starts afresh if its user
    /// returns.
    users: LruCache<UserId, Spent>,
}

/// The times at which a user's budgets will be full again.
#[derive(Default)]
struct Spent {
    daily: Monotonic,
    emergency: Monotonic,
}

impl Budgets {
    pub(super) fn new(setting: &RateSetting, users: usize) -> Self {
        let limits = match setting {
            RateSetting::Limited(rates) => rates.daily,
            RateSetting::Lifted => None,
        };
        Self { limits, users: LruCache::sparse(NonZeroUsize::new(users).unwrap_or(NonZeroUsize::MIN)) }
    }

    /// Charges the bytes that a change will store. Returns `None` if nothing is charged.
    ///
    /// # Errors
    ///
    /// `budget_exceeded`, with the pause after which the budget suffices.
    pub(super) fn charge(
        &mut self,
        user: &UserId,
        bytes: u64,
        is_emergency: bool,
        now: Monotonic,
    ) -> Result<Option<BudgetCharge>, Error> {
        let Some(limits) = self.limits else { return Ok(None) };
        let spent = self.users.get_or_insert_mut_ref(user, Spent::default);
        let taken = take(&mut spent.daily, bytes, limits.bytes, now).map(|()| Purse::Daily);
        let taken = taken.or_else(|pause| {
            if is_emergency {
                let taken = take(&mut spent.emergency, bytes, limits.emergency_bytes, now);
                taken.map(|()| Purse::Emergency).map_err(|own| own.min(pause))
            } else {
                Err(pause)
            }
        });
        taken.map(|from| Some(BudgetCharge { bytes, from })).map_err(exceeded)
    }

    /// Refunds a charge, because the request was a repeat and stored nothing.
    pub(super) fn refund(&mut self, user: &UserId, BudgetCharge { bytes, from }: BudgetCharge) {
        let (Some(limits), Some(spent)) = (self.limits, self.users.get_mut(user)) else { return };
        let (full_again, budget) = match from {
            Purse::Daily => (&mut spent.daily, limits.bytes),
            Purse::Emergency => (&mut spent.emergency, limits.emergency_bytes),
        };
        *full_again = Monotonic(full_again.0.saturating_sub(refill(bytes, budget)));
    }
}

/// The bytes that a change will store, or 0 for changes charged to nobody.
pub(super) fn stored_bytes(change: &Change) -> u64 {
    let bytes = match change {
        Change::CreateConversation(create) => {
            let named: usize = create.to.iter().map(|user| user.as_str().len()).sum();
            create.title.len() + create.content.len() + named
        }
        Change::AppendMessage(append) => append.content.len(),
        Change::AppendEntry(append) => append.content.len(),
        Change::MarkRead(_) => 0,
        Change::PutAccount(_)
        | Change::Escalate(_)
        | Change::ExpireOrder(_)
        | Change::Enrol(_)
        | Change::Withdraw(_) => return 0,
    };
    RECORD.saturating_add(bytes as u64)
}

/// Takes bytes from a budget, or returns the pause until enough are available. A request larger
/// than the whole budget is allowed when the budget is full; otherwise such a request could never
/// succeed.
fn take(full_again: &mut Monotonic, bytes: u64, budget: u64, now: Monotonic) -> Result<(), Duration> {
    let after = now.max(*full_again).plus(refill(bytes, budget));
    let over = after.since(now).saturating_sub(DAY);
    if !over.is_zero() {
        return Err(over);
    }
    *full_again = after;
    Ok(())
}

/// The time in which these bytes of a daily budget come back, at most a day.
fn refill(bytes: u64, budget: u64) -> Duration {
    let nanos = DAY.as_nanos() * u128::from(bytes) / u128::from(budget.max(1));
    Duration::from_nanos(u64::try_from(nanos.min(DAY.as_nanos())).unwrap_or(u64::MAX))
}

fn exceeded(pause: Duration) -> Error {
    let code = ErrorCode::BudgetExceeded;
    let pause = whole_millis(pause);
    let seconds = pause.as_millis().div_ceil(1_000);
    let detail = format!("it refills evenly over the day, and has room for this in {seconds} s");
    Error { retry_after: Some(pause), ..Error::with_detail(code, detail) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::RateLimits;

    const LIMITS: DailyBudget = DailyBudget { bytes: 86_400, emergency_bytes: 8_640 };

    fn budgets(users: usize) -> Budgets {
        let rates = RateLimits { daily: Some(LIMITS), ..RateLimits::default() };
        Budgets::new(&RateSetting::Limited(rates), users)
    }

    fn at(secs: u64) -> Monotonic {
        Monotonic(Duration::from_secs(secs))
    }

    fn wait(charged: Result<Option<BudgetCharge>, Error>) -> Option<u64> {
        charged.err().map(|error| error.retry_after.unwrap().as_secs())
    }

    #[test]
    fn a_budget_refills_evenly_over_a_day() {
        let mut budgets = budgets(9);
        let mut charge = |bytes, now| wait(budgets.charge(&"a".into(), bytes, false, at(now)));
        assert_eq!(charge(86_400, 0), None);
        assert_eq!(charge(100, 0), Some(100), "one byte a second");
        assert_eq!((charge(100, 99), charge(100, 100), charge(1, 100)), (Some(1), None, Some(1)));
        assert_eq!(charge(86_400, 86_500), None, "full again");
    }

    #[test]
    fn an_emergency_has_what_nothing_else_uses_up() {
        let mut budgets = budgets(9);
        let mut charge = |bytes, is_emergency| wait(budgets.charge(&"a".into(), bytes, is_emergency, at(0)));
        assert_eq!(charge(86_400, true), None, "the other one comes first");
        assert_eq!((charge(1, false), charge(8_640, true)), (Some(1), None));
        assert_eq!(charge(1, true), Some(1), "the sooner of the two");
    }

    #[test]
    fn what_is_given_back_can_be_taken_again() {
        let mut budgets = budgets(9);
        for is_emergency in [false, true] {
            let whole = if is_emergency { LIMITS.emergency_bytes } else { LIMITS.bytes };
            let charge = budgets.charge(&"a".into(), whole, is_emergency, at(0)).unwrap().unwrap();
            budgets.refund(&"a".into(), charge);
            assert!(budgets.charge(&"a".into(), whole, is_emergency, at(0)).is_ok());
        }
    }

    #[test]
    fn more_than_the_whole_budget_is_taken_from_a_full_one() {
        let mut budgets = budgets(9);
        let mut charge = |bytes, now| wait(budgets.charge(&"a".into(), bytes, false, at(now)));
        assert_eq!(charge(u64::MAX, 0), None);
        assert_eq!(charge(u64::MAX, 1), Some(86_399));
    }

    #[test]
    fn of_too_many_users_the_longest_unused_starts_afresh() {
        let mut budgets = budgets(2);
        let mut charge = |user: &str| budgets.charge(&user.into(), LIMITS.bytes, false, at(0)).is_ok();
        assert!(charge("a") && charge("b") && !charge("a") && charge("c"));
        assert!(charge("b"), "forgotten");
        assert_eq!(budgets.users.len(), 2);
    }
}

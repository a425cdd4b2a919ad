//! A bound on the lines that a client can cause without storing anything: refusals and repeats.

use std::time::Duration;

use chat_core::time::Monotonic;

/// A number of lines that refills over time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Allowance {
    left: u32,
    most: u32,
    every: Duration,
    refilled: Monotonic,
    left_out: u64,
}

impl Allowance {
    /// At most `most` lines at once, and one more each `every`.
    pub(super) fn new(most: u32, every: Duration, now: Monotonic) -> Self {
        Self { left: most, most, every, refilled: now, left_out: 0 }
    }

    /// Takes a line. `Some` has the number of lines left out before. `None` leaves this one out.
    pub(super) fn take(&mut self, now: Monotonic) -> Option<u64> {
        let due = now.since(self.refilled).as_nanos() / self.every.as_nanos().max(1);
        let due = u32::try_from(due).unwrap_or(u32::MAX);
        if due > 0 {
            self.left = self.left.saturating_add(due).min(self.most);
            self.refilled = now;
        }
        if let Some(left) = self.left.checked_sub(1) {
            self.left = left;
            Some(self.take_left_out())
        } else {
            self.left_out += 1;
            None
        }
    }

    /// The number of lines left out since the last line.
    pub(super) fn take_left_out(&mut self) -> u64 {
        std::mem::take(&mut self.left_out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_told_then_one_a_while_with_the_number_left_out() {
        let at = |seconds: u64| Monotonic(Duration::from_secs(seconds));
        let mut allowance = Allowance::new(2, Duration::from_secs(10), at(0));
        let taken = [0, 1, 2, 3, 11, 12, 60, 61, 62].map(|second| allowance.take(at(second)));
        assert_eq!(taken, [Some(0), Some(0), None, None, Some(2), None, Some(1), Some(0), None]);
        assert_eq!((allowance.take_left_out(), allowance.take_left_out()), (1, 0));
    }
}

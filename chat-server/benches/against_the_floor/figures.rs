//! Conversions from counts and durations to figures.

use std::time::Duration;

/// Converts a count.
#[expect(clippy::cast_precision_loss, reason = "counts here are far below 2^52")]
pub(crate) fn count(count: u64) -> f64 {
    count as f64
}

/// Returns a rate per second.
pub(crate) fn per_second(times: u64, elapsed: Duration) -> f64 {
    count(times) / elapsed.as_secs_f64()
}

/// Returns a duration in milliseconds.
pub(crate) fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1_000.0
}

/// Returns the milliseconds per thousand events.
pub(crate) fn millis_per_thousand(time: Duration, times: u64) -> f64 {
    millis(time) * 1_000.0 / count(times)
}

/// Returns a percentile in milliseconds. `sorted` is in rising order, and `of_ten_thousand` is
/// 9,900 for the 99th.
pub(crate) fn percentile(sorted: &[Duration], of_ten_thousand: usize) -> f64 {
    let place = (sorted.len() * of_ten_thousand).div_ceil(10_000).max(1) - 1;
    sorted.get(place).copied().map_or(f64::NAN, millis)
}

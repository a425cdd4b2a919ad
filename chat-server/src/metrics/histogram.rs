//! Histograms.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// The bucket bounds of a histogram, and their unit.
#[derive(Debug)]
pub(crate) struct Scale {
    /// In ascending order.
    pub(crate) bounds: &'static [u64],
    /// Factor from observed values to exported ones.
    pub(crate) unit: f64,
}

/// Latencies: observed in nanoseconds, exported in seconds.
pub(crate) static LATENCY: Scale = Scale {
    bounds: &[
        250_000,
        500_000,
        1_000_000,
        2_500_000,
        5_000_000,
        10_000_000,
        25_000_000,
        50_000_000,
        100_000_000,
        250_000_000,
        500_000_000,
        1_000_000_000,
        2_500_000_000,
        5_000_000_000,
        10_000_000_000,
    ],
    unit: 1e-9,
};

/// Changes per group, up to the most in one commit.
pub(crate) static GROUP: Scale = Scale { bounds: &[1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1_024], unit: 1.0 };

/// Shards of a histogram, to keep cores from writing to the same memory.
const SHARDS: usize = 8;

/// Most buckets of a histogram, including the unbounded last one.
const BUCKETS: usize = 16;

/// A histogram for many concurrent writers.
#[derive(Debug)]
pub(crate) struct Histogram {
    scale: &'static Scale,
    shards: [Shard; SHARDS],
}

/// Aligned so that each has its own cache lines.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Shard {
    counts: [AtomicU64; BUCKETS],
    sum: AtomicU64,
}

/// A snapshot of a histogram.
pub(crate) struct Seen {
    /// Per bucket in ascending order: one more than there are bounds.
    pub(crate) counts: Vec<u64>,
    pub(crate) sum: f64,
}

impl Histogram {
    pub(crate) fn new(scale: &'static Scale) -> Self {
        assert!(scale.bounds.len() < BUCKETS, "each bound has its bucket, and one is left");
        Self { scale, shards: Default::default() }
    }

    /// Records a value. Any `writer` is valid; different ones rarely contend.
    pub(crate) fn observe(&self, writer: usize, value: u64) {
        self.add(writer, value, 1);
    }

    /// Records a duration.
    pub(crate) fn observe_time(&self, writer: usize, time: Duration) {
        self.observe_alike(writer, time, 1);
    }

    /// Records `count` events of the same duration.
    pub(crate) fn observe_alike(&self, writer: usize, time: Duration, count: usize) {
        self.add(writer, u64::try_from(time.as_nanos()).unwrap_or(u64::MAX), count as u64);
    }

    fn add(&self, writer: usize, value: u64, count: u64) {
        let shard = &self.shards[writer % SHARDS];
        let bucket = self.scale.bounds.partition_point(|bound| *bound < value);
        shard.counts[bucket].fetch_add(count, Ordering::Relaxed);
        shard.sum.fetch_add(value.wrapping_mul(count), Ordering::Relaxed);
    }

    pub(crate) fn scale(&self) -> &'static Scale {
        self.scale
    }

    pub(crate) fn seen(&self) -> Seen {
        let sum_of = |count: &dyn Fn(&Shard) -> &AtomicU64| {
            self.shards.iter().map(|shard| count(shard).load(Ordering::Relaxed)).fold(0, u64::wrapping_add)
        };
        let counts = (0..=self.scale.bounds.len()).map(|bucket| sum_of(&|shard| &shard.counts[bucket]));
        #[expect(clippy::cast_precision_loss, reason = "a sum is told to 15 digits")]
        let sum = sum_of(&|shard| &shard.sum) as f64 * self.scale.unit;
        Seen { counts: counts.collect(), sum }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_falls_into_the_bucket_of_the_first_bound_that_is_not_less() {
        let histogram = Histogram::new(&GROUP);
        for (writer, value) in [0, 1, 2, 3, 1_024, 1_025, 9_999].into_iter().enumerate() {
            histogram.observe(writer, value);
        }
        histogram.observe_alike(0, Duration::from_nanos(100), 3);
        let seen = histogram.seen();
        assert_eq!(seen.counts, [2, 1, 1, 0, 0, 0, 0, 3, 0, 0, 1, 2]);
        assert!((seen.sum - 12_354.0).abs() < 1e-9);
    }
}

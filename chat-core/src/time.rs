//! Time as a value. The core never reads a clock.

use std::fmt;
use std::time::Duration;

use jiff::fmt::StdFmtWrite;
use jiff::fmt::temporal::DateTimePrinter;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A point of wall time in whole milliseconds.
///
/// Written as RFC 3339 in UTC with milliseconds and `Z`. Read in any form of RFC 3339.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(i64);

/// The last millisecond that RFC 3339 can write with four digits of year: 9999-12-30T22:00:00Z.
const LAST: i64 = 253_402_207_200_000;
/// The first millisecond: 0000-01-01T00:00:00Z.
const FIRST: i64 = -62_167_219_200_000;

impl Timestamp {
    /// The time `millis` milliseconds after 1970-01-01T00:00:00Z, clamped to the years 0 to 9999.
    pub const fn from_millis(millis: i64) -> Self {
        match millis {
            ..FIRST => Self(FIRST),
            FIRST..=LAST => Self(millis),
            _ => Self(LAST),
        }
    }

    /// Milliseconds since 1970-01-01T00:00:00Z.
    pub fn as_millis(self) -> i64 {
        self.0
    }

    /// The time `pause` later, or the last representable one.
    #[must_use]
    pub fn plus(self, pause: Duration) -> Self {
        Self::from_millis(self.0.saturating_add(i64::try_from(pause.as_millis()).unwrap_or(i64::MAX)))
    }

    /// The time `pause` earlier, or the first representable one.
    #[must_use]
    pub fn minus(self, pause: Duration) -> Self {
        Self::from_millis(self.0.saturating_sub(i64::try_from(pause.as_millis()).unwrap_or(i64::MAX)))
    }

    /// The time since `earlier`, or zero if `earlier` is later.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const PRINTER: DateTimePrinter = DateTimePrinter::new().precision(Some(3));
        let time = jiff::Timestamp::from_millisecond(self.0).map_err(|_| fmt::Error)?;
        PRINTER.print_timestamp(&time, StdFmtWrite(f)).map_err(|_| fmt::Error)
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let time: jiff::Timestamp = text.parse().map_err(serde::de::Error::custom)?;
        Ok(Self::from_millis(time.as_millisecond()))
    }
}

/// A point on a clock that never falls, counted from any start, for pauses and deadlines.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Monotonic(pub Duration);

impl Monotonic {
    /// The point `pause` later.
    #[must_use]
    pub fn plus(self, pause: Duration) -> Self {
        Self(self.0.saturating_add(pause))
    }

    /// The time since `earlier`, or zero if `earlier` is later.
    pub fn since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

/// Rounds a pause up to whole milliseconds, the protocol's unit, so waiting this long suffices.
pub(crate) fn whole_millis(pause: Duration) -> Duration {
    Duration::from_millis(u64::try_from(pause.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX))
}

/// The monotonic and the wall time of one moment.
///
/// From one input of the engine to the next, `monotonic` must never fall; `wall` may jump whenever
/// a machine's clock is set.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Now {
    /// The time for pauses and deadlines.
    pub monotonic: Monotonic,
    /// The time shown to people.
    pub wall: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_with_milliseconds_and_z() {
        let time: Timestamp = serde_json::from_str(r#""2024-01-15T11:30:00+01:00""#).unwrap();
        assert_eq!(time.to_string(), "2024-01-15T10:30:00.000Z");
        assert_eq!(Timestamp::from_millis(i64::MAX).to_string(), "9999-12-30T22:00:00.000Z");
        assert_eq!(Timestamp::from_millis(i64::MIN).to_string(), "0000-01-01T00:00:00.000Z");
    }
}

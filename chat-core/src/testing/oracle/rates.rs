//! The messages of each user, held against the rates (P7).

use std::collections::BTreeMap;

use super::{PromiseError, must};
use crate::limits::{ByteRate, Limits, RateSetting};
use crate::protocol::json_length;
use crate::time::Monotonic;

/// The messages of each user in one life of a server.
#[derive(Default)]
pub(super) struct SaidMessages {
    /// The start of this life.
    began: Monotonic,
    /// By user, the number of messages and their bytes of text.
    totals: BTreeMap<String, (u128, u128)>,
}

impl SaidMessages {
    pub(super) fn new(began: Monotonic) -> Self {
        Self { began, totals: BTreeMap::new() }
    }

    /// Counts a stored message. P7: the rates allow all messages of its user in this life.
    pub(super) fn note(
        &mut self,
        user: &str,
        content: &str,
        limits: &Limits,
        now: Monotonic,
    ) -> Result<(), PromiseError> {
        let RateSetting::Limited(rates) = &limits.rates else { return Ok(()) };
        let age = now.since(self.began);
        let most = [rates.messages, rates.creations]
            .map(|rate| u128::from(rate.burst) + age.as_nanos() / rate.every.as_nanos().max(1));
        let (said, bytes) = self.totals.entry(user.to_owned()).or_default();
        *said += 1;
        *bytes += json_length(content) as u128;
        let (said, most) = (*said, most.iter().sum::<u128>());
        must(said <= most, "P7", || format!("{user} said {said}, of at most {most} by its rates"))?;
        let ByteRate { burst, per_second } = rates.message_bytes;
        let most = u128::from(burst) + age.as_millis() * u128::from(per_second) / 1_000 + 1;
        must(*bytes <= most, "P7", || format!("{user} said {bytes} bytes, of at most {most} by its rates"))
    }
}

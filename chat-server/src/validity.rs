//! Watching the end of the certificate and the age of the keys.

use std::sync::Arc;
use std::time::Duration;

use chat_core::time::Timestamp;
use tokio::time::sleep;
use tracing::{error, warn};

use crate::auth::Jwks;
use crate::clock;
use crate::metrics::Metrics;
use crate::tls::Tls;

/// Interval between looks.
const LOOK_EVERY: Duration = Duration::from_mins(1);

/// Days before the end of a certificate at which the log warns.
const WARN_DAYS: [u64; 3] = [3, 14, 30];

const DAY: Duration = Duration::from_hours(24);

/// Updates the metrics for ever, and warns before and after the end of the certificate.
pub(crate) async fn watch(tls: Option<Arc<Tls>>, keys: Option<Arc<Jwks>>, metrics: Arc<Metrics>) {
    let mut told = None;
    loop {
        metrics.validity.certificate_expires_at.set(tls.as_ref().and_then(|tls| tls.expires_at()));
        metrics.validity.keys_read_at.set(keys.as_ref().and_then(|keys| keys.read_at()));
        if let Some(end) = metrics.validity.certificate_expires_at.get() {
            let stage = (end, days_left(end, clock::wall()));
            if told != Some(stage) {
                tell(stage.1);
                told = Some(stage);
            }
        }
        sleep(LOOK_EVERY).await;
    }
}

/// The reached threshold: some of [`WARN_DAYS`], or 0 after the end. `None` long before.
fn days_left(end: Timestamp, now: Timestamp) -> Option<u64> {
    if end <= now {
        return Some(0);
    }
    WARN_DAYS
        .into_iter()
        .find(|days| end.minus(DAY.saturating_mul(u32::try_from(*days).unwrap_or(u32::MAX))) <= now)
}

fn tell(days_left: Option<u64>) {
    match days_left {
        None => {}
        Some(0) => error!("the TLS certificate has expired: clients refuse to connect; replace its file"),
        Some(days) => warn!("the TLS certificate expires within {days} days: replace its file in time"),
    }
}

/// The warning for `chat-server check`, if the end is near or past.
pub(crate) fn note(end: Timestamp) -> Option<String> {
    match days_left(end, clock::wall())? {
        0 => Some("the TLS certificate has expired".to_owned()),
        days => Some(format!("the TLS certificate expires within {days} days")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_is_told_thirty_fourteen_and_three_days_before() {
        let day = |day: i64| Timestamp::from_millis(day * 86_400_000);
        for (now, told) in [
            (0, None),
            (69, None),
            (70, Some(30)),
            (86, Some(14)),
            (97, Some(3)),
            (99, Some(3)),
            (100, Some(0)),
        ] {
            assert_eq!(days_left(day(100), day(now)), told, "{now}");
        }
    }
}

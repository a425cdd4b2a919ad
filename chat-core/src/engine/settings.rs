//! The settings of an engine, and the check for senseless values.

use std::sync::Arc;
use std::time::Duration;

use super::{OneTeam, Teams};
use crate::limits::{
    Allowance, ByteRate, DailyBudget, EngineLimits, FieldLimits, Limits, OutboundLimits, PageLimits, Periods,
    Rate, RateLimits, RateSetting,
};
use crate::phrases::Phrases;

/// Settings of an engine.
pub struct Settings {
    /// The limits.
    pub limits: Limits,
    /// The policy that files conversations with teams, and users in teams.
    pub teams: Box<dyn Teams>,
    /// The name of this server, shown to clients in their lists. Useful where several servers share
    /// a store.
    pub server: Option<Arc<str>>,
    /// The ready texts. [`Input::Phrases`](super::Input::Phrases) replaces them.
    pub phrases: Arc<Phrases>,
}

impl Default for Settings {
    fn default() -> Self {
        Self { limits: Limits::default(), teams: Box::new(OneTeam), server: None, phrases: Arc::default() }
    }
}

/// The error of a setting with a senseless value.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum SettingsError {
    /// The value is too small for the chat to work, or 0 and so switches a limit off. Only
    /// [`RateSetting::Lifted`] switches limits off.
    #[error("`{setting}` is too small: at least {least} is needed")]
    TooSmall {
        /// The name of the setting, as its path in [`Limits`].
        setting: &'static str,
        /// The smallest sensible value; for a time, in nanoseconds.
        least: usize,
    },
    /// The time is longer than [`LONGEST_PERIOD`].
    #[error("`{setting}` is longer than 100 years")]
    TooLong {
        /// The name of the setting. For a rate, the time in which an empty bucket fills.
        setting: &'static str,
    },
    /// One setting makes another one pointless.
    #[error("`{setting}` is larger than `{most}`")]
    Contradiction {
        /// The name of the setting that is too large.
        setting: &'static str,
        /// The name of the setting that it may not exceed.
        most: &'static str,
    },
}

/// The longest sensible time of any setting: 100 years.
pub const LONGEST_PERIOD: Duration = Duration::from_hours(100 * 365 * 24);

type CheckResult = Result<(), SettingsError>;

impl Settings {
    /// Checks every limit for senseless values.
    ///
    /// [`Engine::new`](super::Engine::new) takes any settings, and an engine never panics because
    /// of them. With settings that fail this check, the engine may refuse everything, or have a
    /// limit that limits nothing. Call this wherever settings come from people.
    ///
    /// # Errors
    ///
    /// [`SettingsError`] names the first senseless setting.
    pub fn check(&self) -> Result<(), SettingsError> {
        let Limits { fields, pages, rates, engine, outbound, periods } = &self.limits;
        check_fields(fields)?;
        check_pages(pages)?;
        if let RateSetting::Limited(rates) = rates {
            check_rates(rates)?;
        }
        check_engine(engine)?;
        check_outbound(outbound)?;
        check_periods(periods)?;
        no_more_than(("engine.held_back", engine.held_back), ("outbound.live_events", outbound.live_events))
    }
}

fn check_fields(limits: &FieldLimits) -> CheckResult {
    let FieldLimits { depth, content, title, client_message_id, cursor } = limits;
    // The protocol's own frames have three levels, and its own cursors some 40 characters.
    at_least(3, "fields.depth", *depth)?;
    at_least(1, "fields.content", *content)?;
    at_least(1, "fields.title", *title)?;
    at_least(1, "fields.client_message_id", *client_message_id)?;
    at_least(40, "fields.cursor", *cursor)
}

/// `brief_participants` and `brief_content` may be 0, which shows none.
fn check_pages(limits: &PageLimits) -> CheckResult {
    let counts = [
        ("pages.messages_default", limits.messages_default),
        ("pages.messages_most", limits.messages_most),
        ("pages.catch_up_messages", limits.catch_up_messages),
        ("pages.conversations", limits.conversations),
        ("pages.brief_conversations", limits.brief_conversations),
        ("pages.people_default", limits.people_default),
        ("pages.people_most", limits.people_most),
        ("pages.people_searched", limits.people_searched),
    ];
    for (setting, count) in counts {
        at_least(1, setting, count as usize)?;
    }
    at_least(1, "pages.catch_up_bytes", limits.catch_up_bytes)?;
    at_least(1, "pages.conversation_participants", limits.conversation_participants)?;
    at_least(1, "pages.brief_bytes", limits.brief_bytes)?;
    no_more_than(
        ("pages.messages_default", limits.messages_default as usize),
        ("pages.messages_most", limits.messages_most as usize),
    )?;
    no_more_than(
        ("pages.people_default", limits.people_default as usize),
        ("pages.people_most", limits.people_most as usize),
    )
}

/// An allowance of 0 events is sensible: it forbids them.
fn check_rates(limits: &RateLimits) -> CheckResult {
    check_rate("rates.requests", limits.requests)?;
    check_rate("rates.messages", limits.messages)?;
    check_rate("rates.creations", limits.creations)?;
    check_rate("rates.connects", limits.connects)?;
    check_rate("rates.repeats", limits.repeats)?;
    for (setting, Allowance { within, .. }) in
        [("rates.role_changes", limits.role_changes), ("rates.renames", limits.renames)]
    {
        check_period(setting, within)?;
    }
    for (setting, ByteRate { burst, per_second }) in
        [("rates.message_bytes", limits.message_bytes), ("rates.reply_bytes", limits.reply_bytes)]
    {
        at_least(1, setting, burst.min(per_second) as usize)?;
    }
    if let Some(DailyBudget { bytes, emergency_bytes }) = limits.daily {
        let least = usize::try_from(bytes.min(emergency_bytes)).unwrap_or(usize::MAX);
        at_least(1, "rates.daily", least)?;
    }
    Ok(())
}

fn check_rate(setting: &'static str, Rate { burst, every }: Rate) -> CheckResult {
    at_least(1, setting, burst as usize)?;
    check_period(setting, every)?;
    check_period(setting, every.saturating_mul(burst))
}

/// `conflict_retries` may be 0, which gives up at the first conflict.
fn check_engine(limits: &EngineLimits) -> CheckResult {
    let counts = [
        ("engine.requests_under_way", limits.requests_under_way),
        ("engine.connections_per_user", limits.connections_per_user),
        ("engine.typing_per_connection", limits.typing_per_connection),
        ("engine.typing_changes", limits.typing_changes as usize),
        ("engine.changes_per_commit", limits.changes_per_commit),
        ("engine.changes_waiting", limits.changes_waiting),
        ("engine.cached_conversations", limits.cached_conversations),
        ("engine.held_back", limits.held_back),
        ("engine.rated_users", limits.rated_users),
    ];
    counts.into_iter().try_for_each(|(setting, count)| at_least(1, setting, count))
}

fn check_outbound(limits: &OutboundLimits) -> CheckResult {
    let OutboundLimits { reply_bytes, live_events, live_bytes, total_bytes } = *limits;
    at_least(1, "outbound.reply_bytes", reply_bytes)?;
    // A connection is read only while less than half of its room for live events is used.
    at_least(2, "outbound.live_events", live_events)?;
    at_least(2, "outbound.live_bytes", live_bytes)?;
    at_least(1, "outbound.total_bytes", total_bytes)
}

/// `token_leeway` may be 0: then a token counts until its `exp`.
fn check_periods(limits: &Periods) -> CheckResult {
    let periods = [
        ("periods.inactive_after", limits.inactive_after),
        ("periods.typing_expires", limits.typing_expires),
        ("periods.typing_repeat", limits.typing_repeat),
        ("periods.typing_window", limits.typing_window),
        ("periods.unavailable_retry", limits.unavailable_retry),
        ("periods.storage_retry", limits.storage_retry),
        ("periods.token_leeway", limits.token_leeway.max(Duration::from_nanos(1))),
    ];
    periods.into_iter().try_for_each(|(setting, period)| check_period(setting, period))?;
    if limits.typing_repeat > limits.typing_expires {
        let (setting, most) = ("periods.typing_repeat", "periods.typing_expires");
        return Err(SettingsError::Contradiction { setting, most });
    }
    Ok(())
}

fn check_period(setting: &'static str, period: Duration) -> CheckResult {
    at_least(1, setting, usize::from(!period.is_zero()))?;
    if period > LONGEST_PERIOD { Err(SettingsError::TooLong { setting }) } else { Ok(()) }
}

fn at_least(least: usize, setting: &'static str, value: usize) -> CheckResult {
    if value < least { Err(SettingsError::TooSmall { setting, least }) } else { Ok(()) }
}

fn no_more_than(
    (setting, value): (&'static str, usize),
    (most, other): (&'static str, usize),
) -> CheckResult {
    if value > other { Err(SettingsError::Contradiction { setting, most }) } else { Ok(()) }
}

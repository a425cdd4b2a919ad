//! How values are written on the command line.

use std::time::Duration;

use chat_core::protocol::Role;
use chat_core::time::Timestamp;

use crate::auth::LONGEST_CLAIM;

/// One of the roles, as a token names it.
pub(super) fn role(text: &str) -> Result<Role, String> {
    Role::ALL.into_iter().find(|role| role.as_str() == text).ok_or_else(|| {
        let known = Role::ALL.map(Role::as_str).join(", ");
        format!("the roles are {known}")
    })
}

/// A claim that a token may carry.
pub(super) fn claim(text: &str) -> Result<String, String> {
    if text.len() > LONGEST_CLAIM {
        return Err(format!("at most {LONGEST_CLAIM} bytes, for a token with more is no good"));
    }
    Ok(text.to_owned())
}

/// The id of a user.
pub(super) fn user_id(text: &str) -> Result<String, String> {
    if text.is_empty() { Err("an id can't be empty".to_owned()) } else { claim(text) }
}

/// Reads a time as the protocol writes it.
pub(super) fn time(text: &str) -> Result<Timestamp, String> {
    serde_json::from_value(text.into()).map_err(|_| "give a time as in 2026-01-31T00:00:00Z".to_owned())
}

/// Reads a whole number with a unit.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let seconds = |unit| match unit {
        "s" => Some(1),
        "m" => Some(60),
        "h" => Some(60 * 60),
        "d" => Some(24 * 60 * 60),
        _ => None,
    };
    let (number, unit) = text.split_at(text.len() - text.chars().next_back().map_or(0, char::len_utf8));
    let seconds = number.parse::<u64>().ok().zip(seconds(unit)).and_then(|(n, unit)| n.checked_mul(unit));
    match seconds {
        Some(seconds @ 1..) => Ok(Duration::from_secs(seconds)),
        _ => Err("give a whole number above zero and a unit, as in 90s, 30m, 12h or 7d".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_a_unit() {
        assert_eq!(duration("12h"), Ok(Duration::from_hours(12)));
        assert_eq!(duration("90s"), Ok(Duration::from_secs(90)));
        for bad in
            ["", "h", "12", "0h", "-1h", "1.5h", "1é", "99999999999999999999d", "18446744073709551615d"]
        {
            assert!(duration(bad).is_err(), "{bad}");
        }
    }
}

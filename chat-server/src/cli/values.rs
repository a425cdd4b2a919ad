//! Parsers of values on the command line.

use chat_core::limits::LONGEST_CLAIM;
use chat_core::protocol::Role;
use chat_core::time::Timestamp;

/// Parses a role by its name in tokens.
pub(super) fn role(text: &str) -> Result<Role, String> {
    Role::ALL.into_iter().find(|role| role.as_str() == text).ok_or_else(|| {
        let known = Role::ALL.map(Role::as_str).join(", ");
        format!("the roles are {known}")
    })
}

/// Parses a value allowed as a claim of a token.
pub(super) fn claim(text: &str) -> Result<String, String> {
    if text.len() > LONGEST_CLAIM {
        return Err(format!("at most {LONGEST_CLAIM} bytes, for a token with more is no good"));
    }
    Ok(text.to_owned())
}

/// Parses the id of a user.
pub(super) fn user_id(text: &str) -> Result<String, String> {
    if text.is_empty() { Err("an id can't be empty".to_owned()) } else { claim(text) }
}

/// Parses a time in the format of the protocol.
pub(super) fn time(text: &str) -> Result<Timestamp, String> {
    serde_json::from_value(text.into()).map_err(|_| "give a time as in 2026-01-31T00:00:00Z".to_owned())
}

/// A text with its control characters escaped, because a terminal would interpret them.
pub(super) fn plain(text: &str) -> String {
    text.chars().flat_map(|c| if c.is_control() { c.escape_default().collect() } else { vec![c] }).collect()
}

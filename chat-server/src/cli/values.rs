//! How values are written on the command line.

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

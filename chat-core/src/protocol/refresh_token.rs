//! An addition to the document: prolong a session with a new token, without reconnecting.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::envelope::Success;
use crate::time::Timestamp;

/// The `data` of `refresh_token`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefreshToken {
    /// A token of the same user and role.
    pub token: String,
}

impl fmt::Debug for RefreshToken {
    /// Formats without the token, which must never be logged.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RefreshToken").finish_non_exhaustive()
    }
}

/// The reply to `refresh_token`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct RefreshTokenReply {
    /// Always `true`.
    pub success: Success,
    /// The new end of the session.
    pub expires_at: Timestamp,
}

//! When to try again, and why not.

use std::time::Duration;

use chat_core::protocol::{CloseCode, ErrorReply, Fault};

/// What may be done after something went wrong.
///
/// There is one answer for each thing that can go wrong, so that no caller has to guess, and no loop repeats what was
/// refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Retry {
    /// The same again, after a pause: the network or the server was at fault. With a pause that the server named, or
    /// none.
    AfterPause(Option<Duration>),
    /// The same with a new token: the old one has expired, or says other rights than the account has now.
    WithNewToken,
    /// Never as it was: it was refused.
    Never,
}

impl Retry {
    /// What a close code asks for (protocol, close codes): 4000 to 4499 to connect again, 4500 to 4999 not to. One that
    /// was replaced comes back after a pause all the same: the newer connection may be a dead one of its own.
    pub fn after_close(code: CloseCode) -> Self {
        match code {
            CloseCode::TokenExpired | CloseCode::RightsChanged => Self::WithNewToken,
            CloseCode::NotAuthenticated | CloseCode::Deactivated => Self::Never,
            CloseCode::Normal
            | CloseCode::GoingAway
            | CloseCode::InvalidUtf8
            | CloseCode::FrameTooLong
            | CloseCode::TryAgainLater
            | CloseCode::TooSlow
            | CloseCode::NoSignOfLife
            | CloseCode::Replaced => Self::AfterPause(None),
        }
    }

    /// What an error asks for (protocol, errors). An error without a code that is known here is a refusal.
    pub fn after_error(error: &ErrorReply) -> Self {
        match error.code.map(chat_core::protocol::ErrorCode::fault) {
            Some(Fault::Pace | Fault::Server) => {
                Self::AfterPause(error.retry_after_ms.map(Duration::from_millis))
            }
            Some(Fault::Request | Fault::Access | Fault::Token) | None => Self::Never,
        }
    }
}

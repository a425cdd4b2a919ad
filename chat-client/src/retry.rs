//! The decision whether to try again after an error or a close.

use std::time::Duration;

use chat_core::protocol::{CloseCode, ErrorReply, Fault};

/// The remedy after a failure.
///
/// Every failure has exactly one, which spares callers from guessing and keeps loops from repeating
/// a refused request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Retry {
    /// Repeat after a pause, because the network or the server is at fault. Holds the pause that
    /// the server named, if any.
    AfterPause(Option<Duration>),
    /// Repeat with a new token, because the old one has expired or does not match the account's
    /// rights.
    WithNewToken,
    /// Do not repeat: the request was refused.
    Never,
}

impl Retry {
    /// The remedy for a close code (protocol, close codes): 4000 to 4499 mean reconnect, 4500 to
    /// 4999 mean stay away. A replaced client comes back after a pause all the same, because the
    /// newer connection may be a dead one of the same device.
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

    /// The remedy for an error (protocol, errors). An error with an unknown code is a refusal.
    pub fn after_error(error: &ErrorReply) -> Self {
        match error.code.map(chat_core::protocol::ErrorCode::fault) {
            Some(Fault::Pace | Fault::Server) => {
                Self::AfterPause(error.retry_after_ms.map(Duration::from_millis))
            }
            Some(Fault::Request | Fault::Access | Fault::Token) | None => Self::Never,
        }
    }
}

//! Reasons for closing a connection, as WebSocket close codes (RFC 6455, section 7.4).

use serde::{Deserialize, Serialize};

/// The close codes of this protocol.
///
/// 4000 to 4499 ask the client to connect again, 4500 to 4999 not to.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[repr(u16)]
pub enum CloseCode {
    /// The peer is done.
    Normal = 1000,
    /// The server stops. Connect again.
    GoingAway = 1001,
    /// A text frame held invalid UTF-8.
    InvalidUtf8 = 1007,
    /// A frame was longer than the limit.
    FrameTooLong = 1009,
    /// The server can't take the connection now. Connect again after a pause.
    TryAgainLater = 1013,
    /// The token has expired. Connect again with a new one.
    TokenExpired = 4001,
    /// The account's rights differ from the token's. Connect again with a new one.
    RightsChanged = 4002,
    /// The connection took its frames too slowly. Connect again and catch up.
    TooSlow = 4008,
    /// No sign of life within the heartbeat. Connect again.
    NoSignOfLife = 4012,
    /// The token is missing or invalid.
    NotAuthenticated = 4501,
    /// The user was deactivated or disconnected by an administrator.
    Deactivated = 4503,
    /// A newer connection of the same user replaced this one.
    Replaced = 4504,
}

impl CloseCode {
    /// Every close code.
    pub const ALL: [Self; 12] = [
        Self::Normal,
        Self::GoingAway,
        Self::InvalidUtf8,
        Self::FrameTooLong,
        Self::TryAgainLater,
        Self::TokenExpired,
        Self::RightsChanged,
        Self::TooSlow,
        Self::NoSignOfLife,
        Self::NotAuthenticated,
        Self::Deactivated,
        Self::Replaced,
    ];

    /// The close code with this number, if the protocol has one.
    pub fn from_code(code: u16) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.code() == code)
    }

    /// The number on the wire.
    pub fn code(self) -> u16 {
        self as u16
    }

    /// The reason in words, for a person reading a trace.
    pub fn reason(self) -> &'static str {
        match self {
            Self::Normal => "",
            Self::GoingAway => "server is stopping, connect again",
            Self::InvalidUtf8 => "text frame is not valid UTF-8",
            Self::FrameTooLong => "frame is too long",
            Self::TryAgainLater => "server can't take this connection now, connect again later",
            Self::TokenExpired => "token expired, connect again with a new one",
            Self::RightsChanged => "your rights have changed, connect again with a new token",
            Self::TooSlow => "too slow a reader, connect again and catch up",
            Self::NoSignOfLife => "no sign of life, connect again",
            Self::NotAuthenticated => "not authenticated",
            Self::Deactivated => "deactivated or disconnected by an administrator",
            Self::Replaced => "replaced by a newer connection of the same user",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_known_by_its_number() {
        let known = (0..=u16::MAX).filter_map(CloseCode::from_code).collect::<Vec<_>>();
        assert_eq!(known, CloseCode::ALL);
        assert_eq!(CloseCode::from_code(4001), Some(CloseCode::TokenExpired));
        assert_eq!(CloseCode::from_code(1006), None);
    }
}

//! Additions: the life of an emergency, and the requests that end it.

use serde::{Deserialize, Serialize};

use super::check;
use super::error::{Error, ErrorCode};
use crate::id::{ClientMessageId, ConversationId, UserId};
use crate::limits::FieldLimits;
use crate::time::Timestamp;

/// The state of an emergency.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum EmergencyState {
    /// Nobody in control has taken the conversation. Control is alerted again and again.
    Open,
    /// A control user has taken the conversation.
    Taken,
    /// The emergency is over. The conversation may go on.
    Ended,
}

/// The reason for the end of an emergency.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EmergencyReason {
    /// Control has solved it.
    Solved,
    /// Others have it now, for example the police.
    HandedOver,
    /// There was no emergency.
    FalseAlarm,
    /// Its creator has withdrawn it before anybody took it.
    Withdrawn,
}

/// An emergency, as its messages and entries have left it.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct Emergency {
    /// The state.
    pub state: EmergencyState,
    /// The number of alerts since the press, at most [`LEVEL_MOST`](Self::LEVEL_MOST).
    pub level: u32,
    /// The control user with the conversation, or the user who has ended the emergency.
    pub by: Option<UserId>,
    /// The time of the last change of `state` or `by`.
    pub since: Timestamp,
    /// The reason of the end.
    pub reason: Option<EmergencyReason>,
    /// The number of the message that last changed `state` or `by`. A request to end the emergency
    /// names the version that it was decided on.
    pub version: u64,
    /// The time of the press, or of the last alert after it.
    pub alerted_at: Timestamp,
}

/// A change of an emergency by an entry.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum EmergencyAction {
    /// Nobody has taken the emergency in time, and the server alerts control again.
    Escalate,
    /// A control user has ended the emergency.
    End,
    /// Its creator has withdrawn the emergency.
    Withdraw,
}

/// The emergency behind a message that has changed it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct MessageEmergency {
    /// The action, if the message is an entry about the emergency.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<EmergencyAction>,
    /// The emergency from this message on.
    #[serde(flatten)]
    pub emergency: Emergency,
}

/// The `data` of `end_emergency`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct EndEmergency {
    /// The conversation of the emergency.
    pub conversation_id: ConversationId,
    /// The version of the emergency that the request was decided on.
    pub version: u64,
    /// The reason: any but `withdrawn`.
    pub reason: EmergencyReason,
    /// The id that makes a repeat safe: see [`ClientMessageId`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_message_id: Option<ClientMessageId>,
}

impl EndEmergency {
    /// Checks the values.
    ///
    /// # Errors
    ///
    /// `invalid_parameter`, with the name of the field.
    pub fn check(&self, limits: &FieldLimits) -> Result<(), Error> {
        if self.reason == EmergencyReason::Withdrawn {
            let detail = "reason must be solved, handed_over or false_alarm";
            return Err(Error::with_detail(ErrorCode::InvalidParameter, detail));
        }
        check::client_message_id(self.client_message_id.as_ref(), limits)
    }
}

/// The `data` of `withdraw_emergency`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct WithdrawEmergency {
    /// The conversation of the emergency.
    pub conversation_id: ConversationId,
    /// The version of the emergency that the request was decided on.
    pub version: u64,
    /// The id that makes a repeat safe: see [`ClientMessageId`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_message_id: Option<ClientMessageId>,
}

impl WithdrawEmergency {
    /// Checks the values.
    ///
    /// # Errors
    ///
    /// `invalid_parameter`, with the name of the field.
    pub fn check(&self, limits: &FieldLimits) -> Result<(), Error> {
        check::client_message_id(self.client_message_id.as_ref(), limits)
    }
}

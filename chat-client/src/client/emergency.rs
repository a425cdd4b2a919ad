//! Methods for emergencies. Whoever takes the conversation has the emergency.

use chat_core::id::ConversationId;
use chat_core::protocol::{EmergencyReason, EmergencyReply, EndEmergency, WithdrawEmergency};

use super::ChatClient;
use crate::error::Error;

impl ChatClient {
    /// Ends an emergency (control staff and admins only). `version` is that of the emergency on the
    /// screen, and `reason` is any but [`EmergencyReason::Withdrawn`].
    ///
    /// # Errors
    ///
    /// [`Refused`](Error::Refused) as `conflict` if the emergency has changed meanwhile or is over,
    /// with the emergency as it is; as `conversation_not_found` if the user takes no part in the
    /// conversation; as `invalid_parameter` if the conversation has no emergency; as `forbidden` to
    /// field staff. See [`Error`] for the others.
    pub async fn end_emergency(
        &self,
        conversation_id: impl Into<ConversationId>,
        version: u64,
        reason: EmergencyReason,
    ) -> Result<EmergencyReply, Error> {
        let (conversation_id, client_message_id) = (conversation_id.into(), self.client_message_id());
        self.call(EndEmergency { conversation_id, version, reason, client_message_id }).await
    }

    /// Withdraws an own emergency that nobody has taken (field staff only).
    ///
    /// # Errors
    ///
    /// As for [`end_emergency`](Self::end_emergency). [`Refused`](Error::Refused) as `conflict` too
    /// if somebody has taken the emergency, and as `forbidden` if another user has raised it, and
    /// to control.
    pub async fn withdraw_emergency(
        &self,
        conversation_id: impl Into<ConversationId>,
        version: u64,
    ) -> Result<EmergencyReply, Error> {
        let (conversation_id, client_message_id) = (conversation_id.into(), self.client_message_id());
        self.call(WithdrawEmergency { conversation_id, version, client_message_id }).await
    }
}

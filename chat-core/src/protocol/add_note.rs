//! The addition `add_note`: a note for control beside a conversation.

use std::borrow::Cow;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::check;
use super::envelope::Success;
use super::error::Error;
use crate::id::{ClientMessageId, ConversationId, MessageId};
use crate::limits::FieldLimits;
use crate::shared_text;
use crate::time::Timestamp;

/// The `data` of `add_note`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct AddNote {
    /// The conversation that the note is about.
    pub conversation_id: ConversationId,
    /// The text, not blank and not longer than the limit.
    #[serde(deserialize_with = "shared_text::deserialize")]
    pub content: Arc<str>,
    /// The id that makes a repeat safe: see [`ClientMessageId`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_message_id: Option<ClientMessageId>,
}

impl AddNote {
    /// Checks the values.
    ///
    /// # Errors
    ///
    /// `invalid_parameter`, with the name of the field.
    pub fn check(&self, limits: &FieldLimits) -> Result<(), Error> {
        check::text("content", &self.content, limits.content)?;
        check::client_message_id(self.client_message_id.as_ref(), limits)
    }
}

/// The reply to `add_note`, sent once the note is durable.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct AddNoteReply {
    /// Always `true`.
    pub success: Success,
    /// A text for people.
    pub message: Cow<'static, str>,
    /// The conversation of the request.
    pub conversation_id: ConversationId,
    /// The conversation of the notes.
    pub notes_conversation_id: ConversationId,
    /// The id of the note.
    pub message_id: MessageId,
    /// The note's number in the conversation of the notes.
    pub seq: u64,
    /// The note's `sent_at`.
    pub timestamp: Timestamp,
}

impl AddNoteReply {
    /// Creates the reply for a durable note.
    pub fn new(
        notes_conversation_id: ConversationId,
        message_id: MessageId,
        seq: u64,
        timestamp: Timestamp,
    ) -> Self {
        let (success, message) = (Success, "Note added successfully".into());
        let conversation_id = notes_conversation_id.to_main();
        Self { success, message, conversation_id, notes_conversation_id, message_id, seq, timestamp }
    }
}

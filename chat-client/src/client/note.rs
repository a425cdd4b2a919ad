//! The method for notes of control.

use std::sync::Arc;

use chat_core::id::ConversationId;
use chat_core::protocol::{AddNote, AddNoteReply};

use super::ChatClient;
use crate::error::Error;

impl ChatClient {
    /// Adds a note beside a conversation, for its colleagues in control (control staff and admins
    /// only). Field staff never learns of notes.
    ///
    /// The notes of a conversation are a conversation of their own, of the id
    /// `notes_conversation_id`: in the reply, in the [snapshot](crate::Snapshot) and in the list.
    /// Everybody in control who takes part hears each note as a
    /// [`NewMessage`](crate::Event::NewMessage) of that conversation, and
    /// [opens](Self::conversation) it like any other. No list and no count has it.
    ///
    /// # Errors
    ///
    /// [`Refused`](Error::Refused) as `forbidden` to field staff, and as `conversation_not_found` if
    /// the user takes no part in the conversation, or the conversation consists of notes. See
    /// [`Error`] for the others.
    pub async fn add_note(
        &self,
        conversation_id: impl Into<ConversationId>,
        content: impl Into<Arc<str>>,
    ) -> Result<AddNoteReply, Error> {
        let (conversation_id, content) = (conversation_id.into(), content.into());
        let client_message_id = self.client_message_id();
        self.call(AddNote { conversation_id, content, client_message_id }).await
    }
}

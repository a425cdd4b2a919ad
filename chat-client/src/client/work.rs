//! Methods for the work on conversations.

use std::sync::Arc;

use chat_core::id::{ClientMessageId, ConversationId, Cursor, UserId};
use chat_core::protocol::{
    GetActiveConversations, GetActiveConversationsReply, GetPeople, GetPeopleReply, GetPhrases,
    GetPhrasesReply, ParticipantList, ReleaseConversation, ReopenConversation, ResolveConversation,
    StartConversation, StartConversationReply, TakeConversation, TransferConversation, WorkList, WorkReply,
};

use super::ChatClient;
use crate::error::Error;

impl ChatClient {
    /// Takes a conversation (control staff and admins only). `version` is that of the work on the
    /// screen. Of two who take at once, one wins.
    ///
    /// # Errors
    ///
    /// [`Refused`](Error::Refused) as `conflict` if the work has changed meanwhile, with the work as
    /// it is; as `conversation_not_found` if the user takes no part in the conversation; as
    /// `forbidden` to field staff. See [`Error`] for the others.
    pub async fn take_conversation(
        &self,
        conversation_id: impl Into<ConversationId>,
        version: u64,
    ) -> Result<WorkReply, Error> {
        let (conversation_id, client_message_id) = (conversation_id.into(), self.client_message_id());
        self.call(TakeConversation { conversation_id, version, client_message_id }).await
    }

    /// Hands an own conversation back to the team. Admins hand back any.
    ///
    /// # Errors
    ///
    /// As for [`take_conversation`](Self::take_conversation), and [`Refused`](Error::Refused) as
    /// `forbidden` if the conversation is a colleague's.
    pub async fn release_conversation(
        &self,
        conversation_id: impl Into<ConversationId>,
        version: u64,
    ) -> Result<WorkReply, Error> {
        let (conversation_id, client_message_id) = (conversation_id.into(), self.client_message_id());
        self.call(ReleaseConversation { conversation_id, version, client_message_id }).await
    }

    /// Hands an own conversation to a colleague in control. Admins hand over any.
    ///
    /// # Errors
    ///
    /// As for [`release_conversation`](Self::release_conversation), and
    /// [`Refused`](Error::Refused) as `user_not_found` if the colleague is not in control or takes
    /// no part in the conversation.
    pub async fn transfer_conversation(
        &self,
        conversation_id: impl Into<ConversationId>,
        version: u64,
        to: impl Into<UserId>,
    ) -> Result<WorkReply, Error> {
        let (conversation_id, client_message_id) = (conversation_id.into(), self.client_message_id());
        self.call(TransferConversation { conversation_id, version, to: to.into(), client_message_id }).await
    }

    /// Ends the work on an own conversation. Admins end it on any. The next message of field staff
    /// reopens the conversation.
    ///
    /// # Errors
    ///
    /// As for [`release_conversation`](Self::release_conversation).
    pub async fn resolve_conversation(
        &self,
        conversation_id: impl Into<ConversationId>,
        version: u64,
    ) -> Result<WorkReply, Error> {
        let (conversation_id, client_message_id) = (conversation_id.into(), self.client_message_id());
        self.call(ResolveConversation { conversation_id, version, client_message_id }).await
    }

    /// Goes on with a resolved conversation: the one who had it has it again.
    ///
    /// # Errors
    ///
    /// As for [`take_conversation`](Self::take_conversation).
    pub async fn reopen_conversation(
        &self,
        conversation_id: impl Into<ConversationId>,
        version: u64,
    ) -> Result<WorkReply, Error> {
        let (conversation_id, client_message_id) = (conversation_id.into(), self.client_message_id());
        self.call(ReopenConversation { conversation_id, version, client_message_id }).await
    }

    /// Speaks first to users in the field, at most 20 (control staff and admins only). The
    /// conversation is taken by the user from its start.
    ///
    /// # Errors
    ///
    /// [`Refused`](Error::Refused) as `user_not_found` if one of the users is unknown, inactive or in
    /// control; as `forbidden` to field staff. See [`Error`] for the others.
    pub async fn start_conversation(
        &self,
        to: Vec<UserId>,
        title: impl Into<Arc<str>>,
        content: impl Into<Arc<str>>,
    ) -> Result<StartConversationReply, Error> {
        let (title, content, client_message_id) = (title.into(), content.into(), self.client_message_id());
        self.call(StartConversation { to, title, content, client_message_id }).await
    }

    /// Finds people to write to (control staff and admins only). A page may be short though more
    /// follow: go on by its `next_cursor`.
    ///
    /// # Errors
    ///
    /// [`Refused`](Error::Refused) as `forbidden` to field staff. See [`Error`] for the others.
    pub async fn get_people(&self, request: GetPeople) -> Result<GetPeopleReply, Error> {
        self.call(request).await
    }

    /// Gets the ready texts of the user's role, in this language as far as they have it. The server
    /// decides on the language if none is given.
    ///
    /// # Errors
    ///
    /// See [`Error`].
    pub async fn get_phrases(&self, language: Option<&str>) -> Result<GetPhrasesReply, Error> {
        self.call(GetPhrases { language: language.map(Into::into) }).await
    }

    /// Gets a page of a list by work, in short, with the numbers of all four lists (control staff
    /// and admins only). `cursor` is the `next_cursor` of the page before.
    ///
    /// # Errors
    ///
    /// [`Refused`](Error::Refused) as `forbidden` to field staff. See [`Error`] for the others.
    pub async fn get_conversations_by_work(
        &self,
        list: WorkList,
        cursor: Option<Cursor>,
    ) -> Result<GetActiveConversationsReply, Error> {
        let participants = Some(ParticipantList::Brief);
        let request = GetActiveConversations { participants, cursor, ..GetActiveConversations::default() };
        self.call(GetActiveConversations { work: Some(list), ..request }).await
    }

    /// An id under which a request is carried out once, however often a lost connection repeats it.
    pub(super) fn client_message_id(&self) -> Option<ClientMessageId> {
        Some(self.shared.with(|state, _| state.ids.client_message_id()))
    }
}

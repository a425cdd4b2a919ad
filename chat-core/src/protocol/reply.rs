//! The replies of the protocol as one type.

use bytes::Bytes;
use serde::Serialize;

use super::envelope::{RequestId, encode_reply};
use super::{
    CreateSupportConversationReply, Done, ErrorReply, GetActiveConversationsReply,
    GetConversationMessagesReply, JoinConversationReply, JoinSupportRoomReply, RefreshTokenReply,
    SendChatMessageReply,
};

/// What answers a request.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(untagged)]
pub enum Reply {
    /// To event 1.
    SendChatMessage(SendChatMessageReply),
    /// To event 2.
    CreateSupportConversation(CreateSupportConversationReply),
    /// To event 3.
    GetActiveConversations(GetActiveConversationsReply),
    /// To event 4.
    JoinConversation(JoinConversationReply),
    /// To event 5.
    JoinSupportRoom(JoinSupportRoomReply),
    /// To event 7.
    GetConversationMessages(GetConversationMessagesReply),
    /// To events 6 and 8.
    Done(Done),
    /// To `refresh_token`.
    RefreshToken(RefreshTokenReply),
    /// To any of them.
    Error(ErrorReply),
}

impl Reply {
    /// The frame that carries this reply, with the `request_id` that it answers.
    pub fn encode(&self, request_id: Option<&RequestId>) -> Bytes {
        encode_reply(self, request_id)
    }
}

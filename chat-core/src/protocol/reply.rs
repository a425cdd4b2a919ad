//! The replies of the protocol as one type.

use bytes::Bytes;
use serde::Serialize;

use super::envelope::{RequestId, encode_reply};
use super::{
    AddNoteReply, CreateSupportConversationReply, Done, EmergencyReply, ErrorReply,
    GetActiveConversationsReply, GetConversationMessagesReply, GetOpenOrdersReply, GetPeopleReply,
    GetPhrasesReply, JoinConversationReply, JoinSupportRoomReply, OrderReply, RefreshTokenReply,
    SendChatMessageReply, StartConversationReply, WorkReply,
};

macro_rules! replies {
    ($($(#[$doc:meta])* $name:ident($data:ident);)*) => {
        /// A reply to a request.
        #[derive(Clone, PartialEq, Eq, Debug, Serialize)]
        #[serde(untagged)]
        pub enum Reply {
            $($(#[$doc])* $name($data),)*
        }

        $(
            impl From<$data> for Reply {
                fn from(reply: $data) -> Self {
                    Self::$name(reply)
                }
            }

            /// Fails with the unchanged reply if it is of another type.
            impl TryFrom<Reply> for $data {
                type Error = Reply;

                fn try_from(reply: Reply) -> Result<Self, Reply> {
                    if let Reply::$name(reply) = reply { Ok(reply) } else { Err(reply) }
                }
            }
        )*
    };
}

replies! {
    /// The reply to event 1.
    SendChatMessage(SendChatMessageReply);
    /// The reply to event 2.
    CreateSupportConversation(CreateSupportConversationReply);
    /// The reply to event 3.
    GetActiveConversations(GetActiveConversationsReply);
    /// The reply to event 4.
    JoinConversation(JoinConversationReply);
    /// The reply to event 5.
    JoinSupportRoom(JoinSupportRoomReply);
    /// The reply to event 7.
    GetConversationMessages(GetConversationMessagesReply);
    /// The reply to events 6 and 8.
    Done(Done);
    /// The reply to `refresh_token`.
    RefreshToken(RefreshTokenReply);
    /// The reply to a change of the work.
    Work(WorkReply);
    /// The reply to the end of an emergency.
    Emergency(EmergencyReply);
    /// The reply to `answer_message` and `withdraw_order`.
    Order(OrderReply);
    /// The reply to `get_open_orders`.
    GetOpenOrders(GetOpenOrdersReply);
    /// The reply to `start_conversation`.
    StartConversation(StartConversationReply);
    /// The reply to `get_people`.
    GetPeople(GetPeopleReply);
    /// The reply to `get_phrases`.
    GetPhrases(GetPhrasesReply);
    /// The reply to `add_note`.
    AddNote(AddNoteReply);
    /// The error reply to any request.
    Error(ErrorReply);
}

impl Reply {
    /// Encodes the reply, with the `request_id` of its request.
    pub fn encode(&self, request_id: Option<&RequestId>) -> Bytes {
        encode_reply(self, request_id)
    }
}

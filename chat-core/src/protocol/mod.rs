//! The frames of the protocol, one file per event.
//!
//! Each event's file contains its request, its reply and its live events, named as in the protocol
//! document. Server and client share these types. `PROTOCOL.md` beside the crate shows each with
//! its JSON.
//!
//! Additions to the document are optional in requests and may be absent from replies, so a peer
//! that knows only the document never notices.

pub mod add_note;
pub(crate) mod check;
pub mod close;
pub mod create_support_conversation;
pub mod emergency;
mod entry_reply;
mod envelope;
pub mod error;
pub mod get_active_conversations;
pub mod get_conversation_messages;
pub mod get_people;
pub mod get_phrases;
pub mod join_conversation;
pub mod join_support_room;
mod kind;
pub mod mark_message_read;
pub mod message;
pub mod order;
pub mod refresh_token;
mod reply;
mod request;
pub mod role;
pub mod room;
mod rules;
pub mod send_chat_message;
mod server_frame;
pub mod start_conversation;
pub mod typing_indicator;
pub mod work;
pub mod work_list;

pub use add_note::{AddNote, AddNoteReply};
pub use close::CloseCode;
pub use create_support_conversation::{
    CreateSupportConversation, CreateSupportConversationReply, NewSupportConversation,
};
pub use emergency::{
    Emergency, EmergencyAction, EmergencyReason, EmergencyState, EndEmergency, MessageEmergency,
    WithdrawEmergency,
};
pub use entry_reply::{EmergencyReply, OrderReply, WorkReply};
pub use envelope::{RequestId, Success, Undecodable, encode, encode_reply, json_length};
pub use error::{Error, ErrorCode, ErrorReply, Fault, Present};
pub use get_active_conversations::{
    ConversationStatus, ConversationSummary, GetActiveConversations, GetActiveConversationsReply,
    LastMessage, ParticipantList,
};
pub use get_conversation_messages::{GetConversationMessages, GetConversationMessagesReply};
pub use get_people::{GetPeople, GetPeopleReply, Person};
pub use get_phrases::{GetPhrases, GetPhrasesReply, Phrase, PhraseKind};
pub use join_conversation::{CatchUp, JoinConversation, JoinConversationReply};
pub use join_support_room::{JoinSupportRoom, JoinSupportRoomReply};
pub use mark_message_read::{MarkMessageRead, MessageRead, ReadPosition, Reading};
pub use message::{BroadcastMessage, Message, MessageType, NewMessage};
pub use order::{
    AnswerMessage, GetOpenOrders, GetOpenOrdersReply, MessageAnswer, MessageOrder, Order, OrderAction,
    OrderAnswer, OrderOverdue, OrderPart, OrderState, OrderTerms, WithdrawOrder,
};
pub use refresh_token::{RefreshToken, RefreshTokenReply};
pub use reply::Reply;
pub use request::{Call, EventType, Request, RequestIds};
pub use role::{CONTROL, Role, SERVER, User, UserError};
pub use room::RoomType;
pub use rules::{RateClass, Reads, Roles, Rules};
pub use send_chat_message::{SendChatMessage, SendChatMessageReply};
pub use server_frame::{DecodeError, RawReply, ServerEvent, ServerEventType, ServerFrame};
pub use start_conversation::{StartConversation, StartConversationReply};
pub use typing_indicator::{TypingIndicator, TypingStatus};
pub use work::{
    MessageWork, ReleaseConversation, ReopenConversation, ResolveConversation, TakeConversation,
    TransferConversation, Work, WorkAction, WorkRequest, WorkState,
};
pub use work_list::{WorkCounts, WorkList};

use serde::{Deserialize, Serialize};

/// The reply to `typing_indicator` and `mark_message_read`: exactly `{"success": true}`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Done {
    /// Always `true`.
    pub success: Success,
}

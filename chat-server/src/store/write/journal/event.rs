//! The events that records hold, as JSON that is readable without this program.

use std::sync::Arc;

use chat_core::id::{ClientMessageId, ConversationId, Epoch, MessageId, UserId};
use chat_core::protocol::RoomType;
use chat_core::store::Account;
use chat_core::time::Timestamp;
use serde::{Deserialize, Serialize};

use super::record::Hash;

/// A committed change.
///
/// Names and fields stay while the format version does. A field that is added later has a default.
/// Retention never erases these fields. Private text belongs into the content of the record.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// The store was created, or restored from a backup. Its numbers belong to this epoch.
    EpochBegun {
        /// The epoch.
        epoch: Epoch,
    },
    /// A user was put into the directory.
    AccountPut {
        /// The whole account.
        account: Account,
    },
    /// A conversation was created with its message 1.
    ConversationCreated(ConversationCreated),
    /// A message was appended.
    MessageAppended(MessageAppended),
    /// A user's read position rose.
    MessageRead {
        /// The conversation.
        conversation: ConversationId,
        /// The user.
        user: UserId,
        /// The new read position.
        up_to: u64,
    },
    /// A user became a participant.
    UserEnrolled(MembershipChanged),
    /// A user's participation ended.
    UserWithdrawn(MembershipChanged),
}

/// See [`Event::ConversationCreated`].
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ConversationCreated {
    /// Its id.
    pub id: ConversationId,
    /// The title with its prefix.
    pub title: Arc<str>,
    /// The room it is filed in.
    pub room_type: RoomType,
    /// The creator of the conversation and sender of message 1.
    pub created_by: UserId,
    /// The first participants, by id.
    pub participants: Vec<UserId>,
    /// The id of message 1.
    pub message_id: MessageId,
    /// When message 1 was sent.
    pub sent_at: Timestamp,
    /// The id under which the creator may repeat the request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_message_id: Option<ClientMessageId>,
    /// The salted SHA-256 of the content, which follows this payload until erased.
    pub content_hash: Hash,
}

/// See [`Event::MessageAppended`].
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct MessageAppended {
    /// The conversation.
    pub conversation: ConversationId,
    /// The number of the message in the conversation.
    pub seq: u64,
    /// The id of the message.
    pub message_id: MessageId,
    /// The sender.
    pub sender: UserId,
    /// The time of sending.
    pub sent_at: Timestamp,
    /// The id under which the sender may repeat the request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_message_id: Option<ClientMessageId>,
    /// The salted SHA-256 of the content, which follows this payload until erased.
    pub content_hash: Hash,
}

/// See [`Event::UserEnrolled`] and [`Event::UserWithdrawn`].
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct MembershipChanged {
    /// The conversation.
    pub conversation: ConversationId,
    /// The user.
    pub user: UserId,
    /// The conversation's version after the change.
    pub version: u64,
}

impl Event {
    /// The hash of the content, if the event has content.
    pub fn content_hash(&self) -> Option<Hash> {
        match self {
            Self::ConversationCreated(created) => Some(created.content_hash),
            Self::MessageAppended(appended) => Some(appended.content_hash),
            _ => None,
        }
    }
}

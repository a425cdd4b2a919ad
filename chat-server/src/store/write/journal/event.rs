//! What a record of the journal says: what happened, as JSON that needs no program to be read.

use std::sync::Arc;

use chat_core::id::{ClientMessageId, ConversationId, Epoch, MessageId, UserId};
use chat_core::protocol::RoomType;
use chat_core::store::Account;
use chat_core::time::Timestamp;
use serde::{Deserialize, Serialize};

use super::record::Hash;

/// Something that happened.
///
/// Names and fields stay as they are for as long as the format version does; a field that comes later has a
/// default.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// The store was created, or restored from a backup: its numbers belong to this epoch.
    EpochBegun {
        /// The epoch.
        epoch: Epoch,
    },
    /// A user was put into the directory.
    AccountPut {
        /// All that is known of it.
        account: Account,
    },
    /// A conversation was created with its message 1.
    ConversationCreated(ConversationCreated),
    /// A message was appended.
    MessageAppended(MessageAppended),
    /// A user's read position rose.
    MessageRead {
        /// In this conversation.
        conversation: ConversationId,
        /// Of this user.
        user: UserId,
        /// To this number.
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
    /// Who created it, and sent message 1.
    pub created_by: UserId,
    /// Who took part at the start, by id.
    pub participants: Vec<UserId>,
    /// The id of message 1.
    pub message_id: MessageId,
    /// When message 1 was sent.
    pub sent_at: Timestamp,
    /// Under which id the creator may repeat this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_message_id: Option<ClientMessageId>,
    /// The salted SHA-256 of the content, which stands behind this payload until it is erased.
    pub content_hash: Hash,
}

/// See [`Event::MessageAppended`].
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct MessageAppended {
    /// The conversation.
    pub conversation: ConversationId,
    /// Its number there.
    pub seq: u64,
    /// Its id.
    pub message_id: MessageId,
    /// Who sent it.
    pub sender: UserId,
    /// When it counts as sent.
    pub sent_at: Timestamp,
    /// Under which id the sender may repeat this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_message_id: Option<ClientMessageId>,
    /// The salted SHA-256 of the content, which stands behind this payload until it is erased.
    pub content_hash: Hash,
}

/// See [`Event::UserEnrolled`] and [`Event::UserWithdrawn`].
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct MembershipChanged {
    /// The conversation.
    pub conversation: ConversationId,
    /// The user.
    pub user: UserId,
    /// The conversation's version after it.
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

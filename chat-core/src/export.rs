//! The content of a store as plain data, for checks from outside.

use std::collections::BTreeMap;

use crate::conversation::Conversation;
use crate::id::{ClientMessageId, ConversationId, Epoch, UserId};
use crate::protocol::Message;
pub use crate::store::{Account, StoredAccount};
use crate::store::{Original, Position};

/// The whole content of a store.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Export {
    /// The epoch of the store's numbers.
    pub epoch: Epoch,
    /// The position that the store's history has reached.
    pub position: Position,
    /// The directory.
    pub accounts: BTreeMap<UserId, StoredAccount>,
    /// The conversations.
    pub conversations: BTreeMap<ConversationId, ExportedConversation>,
    /// The original request of each user under each `client_message_id`.
    pub originals: BTreeMap<(UserId, ClientMessageId), Original>,
}

/// A conversation with all its data.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ExportedConversation {
    /// The conversation itself, with its teams and members.
    pub conversation: Conversation,
    /// The position of the newest message of a user.
    pub position: Position,
    /// The messages. Message `seq` stands at index `seq - 1`.
    pub messages: Vec<Message>,
    /// The read position of each user. A missing user has read nothing.
    pub read_up_to: BTreeMap<UserId, u64>,
}

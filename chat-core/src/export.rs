//! What a store holds, as plain data: for those who check from outside what others did with it.

use std::collections::BTreeMap;

use crate::conversation::Conversation;
use crate::id::{ClientMessageId, ConversationId, Epoch, UserId};
use crate::protocol::Message;
use crate::store::{Account, Original, Position};

/// All that a store holds.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Export {
    /// The epoch of the store's numbers.
    pub epoch: Epoch,
    /// How far the store's history has come.
    pub position: Position,
    /// The directory.
    pub accounts: BTreeMap<UserId, Account>,
    /// The conversations.
    pub conversations: BTreeMap<ConversationId, ExportedConversation>,
    /// What each user did under each `client_message_id`.
    pub originals: BTreeMap<(UserId, ClientMessageId), Original>,
}

/// A conversation and all that belongs to it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ExportedConversation {
    /// What is known of it, its participants included.
    pub conversation: Conversation,
    /// Message `seq` stands at index `seq - 1`.
    pub messages: Vec<Message>,
    /// How far each user has read; who is missing has read nothing.
    pub read_up_to: BTreeMap<UserId, u64>,
}

//! Effects of a batch of changes on the memory store.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::MemoryState;
use crate::conversation::Conversation;
use crate::export::ExportedConversation;
use crate::id::{ClientMessageId, ConversationId, MessageId, Nonce, UserId};
use crate::protocol::{Message, MessageType};
use crate::store::{
    Account, AppendMessage, Change, CreateConversation, MarkRead, Membership, Original, Position, Receipt,
    Rejected, Verdict,
};
use crate::time::Timestamp;

impl MemoryState {
    /// Judges changes in order, each seeing the earlier ones: see [`Store::commit`](crate::store::Store::commit).
    pub fn judge(&mut self, changes: Vec<Change>) -> Vec<Verdict> {
        let mut refused = BTreeSet::new();
        changes.into_iter().map(|change| self.judge_one(change, &mut refused)).collect()
    }

    /// Judges one change. `refused` holds the conversations that met a conflict earlier in the
    /// batch.
    fn judge_one(&mut self, change: Change, refused: &mut BTreeSet<ConversationId>) -> Verdict {
        if let Some(original) = self.original_of(&change) {
            return Err(Rejected::Duplicate(original.clone()));
        }
        if let Some((conversation, supposed)) = change.supposes()
            && (refused.contains(conversation) || self.version(conversation) != supposed)
        {
            refused.insert(conversation.clone());
            return Err(Rejected::Conflict);
        }
        Ok(self.apply(change))
    }

    fn original_of(&self, change: &Change) -> Option<&Original> {
        let (user, id) = match change {
            Change::CreateConversation(create) => (create.permit.creator(), &create.client_message_id),
            Change::AppendMessage(append) => (append.permit.user(), &append.client_message_id),
            _ => return None,
        };
        self.stored.originals.get(&(user.clone(), id.clone()?))
    }

    fn version(&self, conversation: &ConversationId) -> Option<u64> {
        self.stored.conversations.get(conversation).map(|stored| stored.conversation.version)
    }

    fn apply(&mut self, change: Change) -> Receipt {
        match change {
            Change::PutAccount(account) => self.put_account(account),
            Change::CreateConversation(create) => self.create(create),
            Change::AppendMessage(append) => self.append(append),
            Change::MarkRead(read) => self.mark_read(&read),
            Change::Enrol(membership) => self.enrol(membership),
            Change::Withdraw(membership) => self.withdraw(&membership),
        }
    }

    fn advance(&mut self) -> Position {
        self.stored.position.0 += 1;
        self.stored.position
    }

    fn put_account(&mut self, account: Account) -> Receipt {
        self.stored.accounts.insert(account.user.id.clone(), account);
        Receipt::Account { position: self.advance() }
    }

    fn create(&mut self, create: CreateConversation) -> Receipt {
        let CreateConversation { permit, id, title, room_type, participants, at, .. } = create;
        let creator = permit.creator();
        for user in participants.iter() {
            self.memberships.entry(user.clone()).or_default().insert(id.clone());
        }
        let conversation = Conversation {
            id: id.clone(),
            title: title.clone(),
            room_type,
            created_by: creator.clone(),
            created_at: at,
            participants: participants.clone(),
            version: 1,
            last_seq: 0,
            last_message_at: at,
        };
        let mut stored =
            ExportedConversation { conversation, messages: Vec::new(), read_up_to: BTreeMap::new() };
        stored.push(creator, create.nonce, create.content.clone(), at);
        self.stored.conversations.insert(id.clone(), stored);
        let original = Original::Conversation {
            id,
            title,
            room_type,
            created_by: creator.clone(),
            participants,
            sent_at: at,
            content: Some(create.content),
        };
        self.remember(creator, create.client_message_id, original);
        Receipt::Created { position: self.advance(), sent_at: at }
    }

    fn append(&mut self, append: AppendMessage) -> Receipt {
        let AppendMessage { permit, nonce, content, client_message_id, at } = append;
        let Message { id, sent_at, .. } =
            self.conversation(permit.conversation()).push(permit.user(), nonce, content.clone(), at).clone();
        let seq = self.conversation(permit.conversation()).conversation.last_seq;
        let conversation = permit.conversation().clone();
        let original = Original::Message { conversation, id, seq, sent_at, content: Some(content) };
        self.remember(permit.user(), client_message_id, original);
        Receipt::Appended { position: self.advance(), seq, sent_at }
    }

    fn mark_read(&mut self, read: &MarkRead) -> Receipt {
        let stored = self.conversation(read.permit.conversation());
        let marked = stored.read_up_to.get(read.permit.user()).copied().unwrap_or_default();
        let advanced = read.up_to > marked;
        if advanced {
            stored.read_up_to.insert(read.permit.user().clone(), read.up_to);
            self.advance();
        }
        Receipt::Read { position: self.stored.position, advanced }
    }

    fn enrol(&mut self, Membership { conversation, user, .. }: Membership) -> Receipt {
        let changed = self.conversation(&conversation).conversation.participants.insert(user.clone());
        let receipt = self.membership(&conversation, changed);
        self.memberships.entry(user).or_default().insert(conversation);
        receipt
    }

    fn withdraw(&mut self, Membership { conversation, user, .. }: &Membership) -> Receipt {
        let changed = self.conversation(conversation).conversation.participants.remove(user);
        if let Some(conversations) = self.memberships.get_mut(user) {
            conversations.remove(conversation);
        }
        self.membership(conversation, changed)
    }

    fn membership(&mut self, conversation: &ConversationId, changed: bool) -> Receipt {
        if changed {
            self.conversation(conversation).conversation.version += 1;
            self.advance();
        }
        let version = self.conversation(conversation).conversation.version;
        Receipt::Membership { position: self.stored.position, version, changed }
    }

    fn remember(&mut self, user: &UserId, id: Option<ClientMessageId>, original: Original) {
        if let Some(id) = id {
            self.stored.originals.insert((user.clone(), id), original);
        }
    }

    fn conversation(&mut self, conversation: &ConversationId) -> &mut ExportedConversation {
        self.stored
            .conversations
            .get_mut(conversation)
            .expect("a change without a conversation is a conflict")
    }
}

impl ExportedConversation {
    fn push(&mut self, sender: &UserId, nonce: Nonce, content: Arc<str>, at: Timestamp) -> &Message {
        let Conversation { id, last_seq, last_message_at, .. } = &mut self.conversation;
        *last_seq += 1;
        *last_message_at = at.max(*last_message_at);
        self.messages.push(Message {
            id: MessageId::compose(nonce, *last_seq),
            conversation_id: id.clone(),
            sender_id: sender.clone(),
            content,
            message_type: MessageType::Text,
            sent_at: *last_message_at,
            seq: Some(*last_seq),
            erased: false,
        });
        self.messages.last().expect("one was just pushed")
    }
}

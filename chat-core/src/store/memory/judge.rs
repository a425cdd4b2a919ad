//! Effects of committed events on the memory store.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::MemoryState;
use crate::export::ExportedConversation;
use crate::id::{ClientMessageId, ConversationId, UserId};
use crate::protocol::Order;
use crate::store::{
    Batch, Change, ConversationCreated, Event, Head, MembershipChanged, MessageAppended, Original, Position,
    State, StoredAccount, UnavailableError, Verdict,
};

impl MemoryState {
    /// Judges changes in order, each seeing the earlier ones: see
    /// [`Store::commit`](crate::store::Store::commit).
    ///
    /// # Panics
    ///
    /// This function never does, because the memory is always available.
    pub fn judge(&mut self, changes: Vec<Change>) -> Vec<Verdict> {
        self.judge_as(None, changes)
    }

    pub(super) fn judge_all(&mut self, changes: Vec<Change>) -> Vec<Verdict> {
        let mut batch = Batch::default();
        let verdicts = changes.into_iter().map(|change| batch.judge(change, self));
        verdicts.collect::<Result<_, _>>().expect("the memory is always available")
    }

    fn create(&mut self, created: &ConversationCreated, position: Position) {
        let stored = ExportedConversation {
            conversation: created.conversation(),
            position,
            messages: vec![created.message()],
            read_up_to: BTreeMap::new(),
        };
        if created.id.is_notes() {
            self.conversation(&created.id.to_main()).conversation.has_notes = true;
        }
        self.stored.conversations.insert(created.id.clone(), stored);
    }

    fn append(&mut self, appended: &MessageAppended, position: Position) {
        let stored = self.conversation(&appended.conversation);
        if appended.entry.is_none() {
            stored.position = position;
        }
        stored.messages.push(appended.message());
        if let Some(order) = &appended.order {
            stored.set_order(order);
        }
        stored.conversation.append(appended);
    }

    fn change_member(&mut self, changed: &MembershipChanged) {
        let MembershipChanged { conversation, user, version, standing, .. } = changed;
        let stored = &mut self.conversation(conversation).conversation;
        stored.participation.members.set(user.clone(), standing.unwrap_or_default());
        stored.version = *version;
    }

    fn remember(&mut self, event: &Event) {
        if let Some((user, id)) = event.key()
            && let Some(original) = Original::of(event.clone())
        {
            self.stored.originals.insert((user.clone(), id.clone()), original);
        }
    }

    fn conversation(&mut self, conversation: &ConversationId) -> &mut ExportedConversation {
        let stored = self.stored.conversations.get_mut(conversation);
        stored.expect("an event names an existing conversation")
    }
}

impl State for MemoryState {
    fn position(&self) -> Position {
        self.stored.position
    }

    fn head(&mut self, conversation: &ConversationId) -> Result<Option<Head>, UnavailableError> {
        let stored = self.stored.conversations.get(conversation).map(|stored| &stored.conversation);
        Ok(stored.map(Head::from))
    }

    fn original(
        &mut self,
        user: &UserId,
        id: &ClientMessageId,
    ) -> Result<Option<Original>, UnavailableError> {
        Ok(self.stored.originals.get(&(user.clone(), id.clone())).cloned())
    }

    fn read_position(
        &mut self,
        user: &UserId,
        conversation: &ConversationId,
    ) -> Result<u64, UnavailableError> {
        let stored = self.stored.conversations.get(conversation);
        Ok(stored.and_then(|stored| stored.read_up_to.get(user)).copied().unwrap_or_default())
    }

    fn account(&mut self, user: &UserId) -> Result<Option<Arc<StoredAccount>>, UnavailableError> {
        Ok(self.stored.accounts.get(user).cloned().map(Arc::new))
    }

    fn live_emergencies(&mut self, creator: &UserId) -> Result<Vec<ConversationId>, UnavailableError> {
        let all = self.stored.conversations.values().map(|stored| &stored.conversation);
        let live = all.filter(|one| one.created_by == *creator && one.is_live_emergency());
        Ok(live.map(|conversation| conversation.id.clone()).collect())
    }

    fn order(&mut self, conversation: &ConversationId, seq: u64) -> Result<Option<Order>, UnavailableError> {
        let stored = self.stored.conversations.get(conversation);
        Ok(stored.and_then(|stored| stored.order(seq)).cloned())
    }

    fn apply(&mut self, event: Event) -> Result<(Position, Event), UnavailableError> {
        self.stored.position.0 += 1;
        let position = self.stored.position;
        match &event {
            Event::EpochBegun { epoch } => self.stored.epoch = epoch.clone(),
            Event::AccountPut { account } => {
                let (accounts, user) = (&mut self.stored.accounts, &account.user.id);
                let stored = StoredAccount::after(accounts.get(user), account.clone(), position);
                accounts.insert(user.clone(), stored);
            }
            Event::ConversationCreated(created) => self.create(created, position),
            Event::MessageAppended(appended) => self.append(appended, position),
            Event::ReadMarked(read) => {
                let stored = self.conversation(&read.conversation);
                stored.read_up_to.extend(read.readers().map(|reader| (reader, read.up_to)));
            }
            Event::MemberAdded(changed) | Event::MemberWithdrawn(changed) => self.change_member(changed),
        }
        self.remember(&event);
        Ok((position, event))
    }
}

//! A judge who takes the account on which a change was decided for the present one.

use std::sync::Arc;

use chat_core::id::{ClientMessageId, ConversationId, UserId};
use chat_core::protocol::{Order, Role, User};
use chat_core::store::{
    Account, Batch, Change, Event, Head, MemoryState, Original, Position, State, StoredAccount,
    SupposedAccount, UnavailableError, Verdict,
};

use super::bad_stores::Fault;

/// Judges changes, by the rules but for the fault.
pub(crate) fn judge(
    fault: Fault,
    memory: &mut MemoryState,
    changes: Vec<Change>,
) -> Result<Vec<Verdict>, UnavailableError> {
    let mut batch = Batch::default();
    let mut verdicts = Vec::new();
    for change in changes {
        let supposed = change.supposes_account().map(|(_, supposed)| supposed);
        verdicts.push(batch.judge(change, &mut Credulous { fault, memory, supposed })?);
    }
    Ok(verdicts)
}

struct Credulous<'a> {
    fault: Fault,
    memory: &'a mut MemoryState,
    /// The account on which the change at hand was decided.
    supposed: Option<SupposedAccount>,
}

impl State for Credulous<'_> {
    fn position(&self) -> Position {
        self.memory.position()
    }

    fn head(&mut self, conversation: &ConversationId) -> Result<Option<Head>, UnavailableError> {
        self.memory.head(conversation)
    }

    fn original(
        &mut self,
        user: &UserId,
        id: &ClientMessageId,
    ) -> Result<Option<Original>, UnavailableError> {
        self.memory.original(user, id)
    }

    fn read_position(
        &mut self,
        user: &UserId,
        conversation: &ConversationId,
    ) -> Result<u64, UnavailableError> {
        self.memory.read_position(user, conversation)
    }

    fn account(&mut self, user: &UserId) -> Result<Option<Arc<StoredAccount>>, UnavailableError> {
        let known = self.memory.account(user)?;
        let new =
            || Arc::new(StoredAccount::unplaced(Account::new(User::new(user.clone(), Role::BusDriver))));
        Ok(match (self.fault, self.supposed) {
            (Fault::IgnoresRights, Some(SupposedAccount::Acting(rights))) => {
                known.map(|known| Arc::new(StoredAccount { rights, ..StoredAccount::clone(&known) }))
            }
            (Fault::IgnoresReplaced, Some(SupposedAccount::Replaced(position))) => position.map(|position| {
                let known = known.unwrap_or_else(new);
                Arc::new(StoredAccount { position, ..StoredAccount::clone(&known) })
            }),
            _ => known,
        })
    }

    fn live_emergencies(&mut self, creator: &UserId) -> Result<Vec<ConversationId>, UnavailableError> {
        self.memory.live_emergencies(creator)
    }

    fn order(&mut self, conversation: &ConversationId, seq: u64) -> Result<Option<Order>, UnavailableError> {
        self.memory.order(conversation, seq)
    }

    fn apply(&mut self, event: Event) -> Result<(Position, Event), UnavailableError> {
        self.memory.apply(event)
    }
}
